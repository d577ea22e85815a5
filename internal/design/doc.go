// Package design decides which trials an adaptive run makes next, from the records of those it has made: blocks of a
// cell until its metrics are settled, by a group-sequential rule, and the limits of a search for the start threshold.
//
// It is fed by scenarios (what may be measured), results (what was) and verdict (what is settled), and feeds internal/runner by
// way of the command line. It starts nothing, reads no clock but the one it is given, and judges nothing itself: what a
// verdict says of a stored run it says of a running one.
package design
