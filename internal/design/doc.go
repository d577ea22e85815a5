// Package design decides which trials an adaptive run makes next, from the records of those it has made: blocks of a
// cell until its metrics are settled, by a group-sequential rule, and the limits of a search for the start threshold.
//
// It is fed by scenarios (what may be measured), results (what was) and verdict (what is settled), and feeds internal/runner by
// way of the command line. It starts nothing, reads no clock but the one it is given, and judges nothing itself: what a
// verdict says of a stored run it says of a running one.
//
// A run has three parts. Scenarios whose figures need no quiet machine come first, their trials beside each other on the CPUs
// there are: each of their cells up to its first look, then every search, then what is still open. Timed
// scenarios follow, a block at a time and nothing beside it. What time is then left goes to whatever is open.
//
// Scenarios that wait for a clock come after all that, in a session of their own: whoever makes the trials is told by [Director.Session] to go on
// to a machine of that clock. Before it the run's own clock takes no more than its share of the time.
//
// A cell ends when every row of it that may still rule over the whole is settled, after the most blocks of the design, or when an
// arm has shown nothing in all trials up to a look. A search ends when it has found its edge, when the verdict is
// settled without it, or with the reason why it cannot go on. All of it follows from the records: a run that is
// interrupted goes on from them, and the same records give the same trials.
package design
