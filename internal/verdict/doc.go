// Package verdict turns a run's records into a verdict: for every metric a
// scenario judges, whether the candidate is worse than the baseline by more than a
// practical margin, with the numbers and one sentence that says so.
//
// It is fed by results (a header, environments and a stream of records) and
// feeds internal/report. It prints nothing, reads no file and starts nothing, so
// that stored runs can be judged again anywhere.
//
// Of scenarios with several orders or builds it says in a matrix who pays for the clone, which limit suffices, and
// whether that is what the memory adds up to.
//
// What it refuses: to take "could not measure" for "no change". A sample that is
// too small, an interval that straddles the margin, a run that was interrupted are
// inconclusive; environments that differ in what matters, or a run without
// trials, are invalid. How it decides is docs/adr/0003-judge-by-non-inferiority.md.
package verdict
