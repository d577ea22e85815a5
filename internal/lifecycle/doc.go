// Package lifecycle says which lives of a container are tried, and how what they left is told.
//
// A life is a [Sequence] of steps: OCI verbs, ends of the payload, and the death of the runtime at one
// [Point] of a verb. A state machine says which steps may follow which. It knows what the caller believes
// of the container, not what is true of it: so it admits what a caller does wrong (a second delete, a delete of what
// never existed, or of what runs), and leaves out what no caller does (an exit before the start). Only lives that the caller takes for over are
// enumerated: those that end in a delete, or with the runtime killed.
//
// [Space.All] gives them one at a time, each once, in an order in which a direct delete stands beside the same
// life with a stop before it; [Space.Count] says beforehand how many there are, without making any of them, and All refuses more
// than [MaxSequences]. A sequence's name ([Sequence.String]) parses back to it ([Parse]), so that every leftover is
// reproduced from its record alone.
//
// The points come from the timeline of the very runtime and verb ([PointsOf]): two runtimes do not die at the same ones.
//
// A [Record] is one life as it was lived; package runner makes them, and nothing here starts, reads or removes anything.
package lifecycle
