// Command testsum counts what `go test -json` ran, over several runs of it.
//
//	testsum run RESULTS CMD...   runs CMD, shows what plain go test would, adds each test's end to RESULTS
//	testsum report RESULTS       one closing line; exit 1 when a test failed, or was skipped and never passed
//	testsum report --partial RESULTS   the same where not all lanes ran: skips are fine
//
// A lane without root skips what a lane with root runs. Each skip is fine as
// long as another lane passed the same test: so the question is asked once, over
// all lanes, and a test that every lane skipped is a failure.
//
// It refuses to take a command's success from its output: CMD's own exit status counts.
package main
