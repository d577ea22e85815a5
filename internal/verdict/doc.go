// Package verdict turns a run's records into a verdict: for every metric a
// scenario judges, whether the candidate is worse than the baseline by more than a
// practical margin, with the numbers and one sentence that says so; and whether the candidate is within its ceilings.
//
// It is fed by results (a header, environments and a stream of records), with the options that internal/policy reads, and
// feeds internal/report. It prints nothing, reads no file and starts nothing, so
// that stored runs can be judged again anywhere. internal/design asks it about a run that still grows, and gets the answer that
// the same records would give once they are stored: of an adaptive run each row is judged at the look it is at.
//
// Of scenarios with several orders or builds it says in a matrix who pays for the clone, which limit suffices, and
// whether that is what the memory adds up to. Searches for the start threshold it makes again from their records.
//
// What it refuses: to take "could not measure" for "no change". A sample that is
// too small, an interval that straddles the margin, a run that was interrupted are
// inconclusive; environments that differ in what matters, a run without
// trials, or without what a ceiling is for, are invalid. How it decides is docs/adr/0003-judge-by-non-inferiority.md, with the margins of
// docs/adr/0013-set-margins-where-noise-ends.md.
package verdict
