package scenarios

import "testing"

// Catches huge pages that a file asks for and no trial is told of, and words that are taken for something else.
func TestHugePages(t *testing.T) {
	sc, err := Parse("f.yaml", []byte("name: a\ntrials: 1\njudge: [start.latency]\nhuge_pages: never\n"))
	if err != nil {
		t.Fatal(err)
	}
	trials := 0
	for trial := range (Spec{Scenarios: []Scenario{sc}, Runtimes: []Runtime{{Name: "r", Ref: "/r"}}}).Trials() {
		trials++
		if trial.HugePages != NoHugePages {
			t.Errorf("trial %d (warm-up %v) has huge pages %q, want %q", trial.Index, trial.Warmup, trial.HugePages, NoHugePages)
		}
	}
	if trials == 0 {
		t.Error("the plan has no trial")
	}
	for _, of := range []struct{ lines, want string }{
		{"huge_pages: always\n", `f.yaml:4:13: huge_pages "always": write never, or leave huge_pages out: what the machine does`},
		{"huge_pages: never\nstrategies: [memfd, memfd-thp]\n", `f.yaml:5:21: memfd-thp without huge pages: leave huge_pages out, or the strategy`},
	} {
		_, err := Parse("f.yaml", []byte("name: a\ntrials: 1\njudge: [start.latency]\n"+of.lines))
		if err == nil || err.Error() != of.want {
			t.Errorf("%q: %v, want %s", of.lines, err, of.want)
		}
	}
}
