// Package scale makes up large runs, and its benchmarks say what judging, reporting and merging them costs.
//
// A run is one plan of at most scenarios.MaxTrials; a million records are several runs of that plan, merged. The figures
// are made up after what was seen in a guest and have every field that a record can have. Nothing here is a
// user's command, and nothing is imported by one.
package scale
