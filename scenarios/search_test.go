package scenarios

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/sequence"
)

const searchBase = "name: mine\njudge: [start.threshold]\n"

// Catches a key of a search that is read into the wrong field, and a default that moved.
func TestParseReadsSearches(t *testing.T) {
	want := func(place cgroupjoin.Place, q Search) Scenario {
		return Scenario{Name: "mine", Drivers: cgroupjoin.Drivers(), Search: &q, Place: place, Trials: q.Most,
			Warmup: 1, Containers: 1, Timeout: DefaultTimeout, Judge: []string{StartThreshold}}
	}
	for text, want := range map[string]Scenario{
		"search: {}\n": want(cgroupjoin.OnContainer, Search{1 << 20, 64 << 20, 256 << 10, 0.9, 0.95, 200}),
		"search: {from: 2MiB, to: 4MiB, step: 1MiB, probability: 0.5, confidence: .99, most: 30}\nplace: ancestor\n": want(cgroupjoin.OnAncestor, Search{2 << 20, 4 << 20, 1 << 20, 0.5, 0.99, 30}),
		"search: {most: 60}\ntrials: 60\n": want(cgroupjoin.OnContainer, Search{1 << 20, 64 << 20, 256 << 10, 0.9, 0.95, 60}),
	} {
		got, err := Parse("f.yaml", []byte(searchBase+text))
		if err != nil {
			t.Errorf("%s%v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s%s", text, diff)
		}
	}
}

// Catches a search that is let in although it has no grid, beside what it replaces, or for what it cannot find.
func TestParseRefusesBadSearches(t *testing.T) {
	const (
		beside = " beside a search: a search finds its limits with one container after another: leave "
		share  = ": write a number between 0 and 1, such as 0.95"
	)
	for _, test := range []struct{ text, want string }{
		{"search: {}\nlimits: [12MiB]\n", "f.yaml:4:9: limits" + beside + "limits out"},
		{"search: {}\nlimits: [none]\n", "f.yaml:4:9: limits" + beside + "limits out"},
		{"search: {}\nsizes: [8MiB]\nheadroom: [1MiB]\n", "f.yaml:5:11: headroom" + beside + "headroom out"},
		{"search: {}\ncontainers: 2\n", "f.yaml:4:13: containers" + beside + "containers out"},
		{"search: {}\ntrials: 7\n", "f.yaml:4:9: trials 7 beside a search of at most 200 starts: leave trials out: search.most says how many starts an arm may take in a cell"},
		{"search: {}\nplace: pod\n", `f.yaml:4:8: place "pod": write container or ancestor`},
		{"search: {from: 4KiB}\n", "f.yaml:3:16: search.from 4KiB: the least is 64KiB, one page where pages are largest"},
		{"search: {from: 8MiB, to: 8MiB}\n", "f.yaml:3:26: a search from 8MiB to 8MiB: write a search that rises"},
		{"search: {step: 4KiB}\n", "f.yaml:3:16: search.step 4KiB: the least is 64KiB, one page where pages are largest"},
		{"search: {step: 64KiB, to: 1GiB}\n", "f.yaml:3:16: a search among 16369 limits: the most is 1024: write a larger step"},
		{"search: {from: 1MiB, to: 4MiB, step: 2MiB}\n", "f.yaml:3:26: search.to 4MiB is no step of 2MiB from 1MiB: the last one below is 3MiB"},
		{"search: {probability: 1}\n", "f.yaml:3:23: search.probability \"1\"" + share},
		{"search: {probability: 1e-1}\n", "f.yaml:3:23: search.probability \"1e-1\" is text, not a number" + share},
		{"search: {confidence: high}\n", "f.yaml:3:22: search.confidence \"high\" is text, not a number" + share},
		{"search: {confidence: -0.5}\n", "f.yaml:3:22: search.confidence \"-0.5\"" + share},
		{"search: {most: 0}\n", "f.yaml:3:16: search.most 0: write 1 to 100000"},
		{"search: {limit: 1}\n", `f.yaml:3:10: unknown key "limit": a search has from, to, step, probability, confidence, most`},
		{"search: [1MiB]\n", "f.yaml:3:9: search is a sequence, not a mapping: write a search as `key: value`"},
		{"search: {most: 60000}\n", "f.yaml:3:16: 2 drivers x 60000 starts of a search make 120000 container starts: a run holds at most 100000"},
		{"trials: 2\n", "f.yaml:2:9: metric start.threshold without a search: only a search finds it: add search: {}"},
		{"", "f.yaml:1:1: a scenario without trials: add trials"},
	} {
		_, err := Parse("f.yaml", []byte(searchBase+test.text))
		var e *Error
		if !errors.As(err, &e) || err.Error() != test.want {
			t.Errorf("%q\ngot  %v\nwant %s", test.text, err, test.want)
		}
	}
	_, err := Parse("f.yaml", []byte("name: mine\njudge: [start.threshold, oom.rate]\nsearch: {}\n"))
	if want := "f.yaml:2:26: metric oom.rate of a search: write start.threshold"; err == nil || err.Error() != want {
		t.Errorf("\ngot  %v\nwant %s", err, want)
	}
	_, err = Parse("f.yaml", []byte("name: mine\njudge: [join.latency]\nsearch: {}\njoins: {}\n"))
	if want := "f.yaml:3:9: search where joins are measured: no container is started there: leave search out"; err == nil || err.Error() != want {
		t.Errorf("\ngot  %v\nwant %s", err, want)
	}
}

// Catches searches whose starts are not counted before a run begins, or that are planned although nobody knows their limits.
func TestPlanOfASearchIsItsWarmUps(t *testing.T) {
	s := mustLoad(t, "thresholds")
	spec, err := NewSpec([]Scenario{s}, twoArms(), 1)
	if err != nil {
		t.Fatal(err)
	}
	n, err := spec.Size()
	if want := int64(2*2*2*200 + 2*2); err != nil || n != want {
		t.Errorf("the plan has %d trials (%v), want %d", n, err, want)
	}
	planned := 0
	for trial := range spec.Trials() {
		planned++
		if !trial.Warmup || trial.Limit != 0 {
			t.Errorf("planned: %+v", trial)
		}
	}
	if planned != 4 {
		t.Errorf("%d trials are planned, want one of each arm and driver", planned)
	}
	_, err = NewSpec([]Scenario{s.AtMost(20_000)}, twoArms(), 1)
	want := "scenario thresholds: 2 drivers x 2 orders x 2 runtimes x 20000 starts of a search make 160000 container starts: a run holds at most 100000"
	if err == nil || err.Error() != want {
		t.Errorf("\ngot  %v\nwant %s", err, want)
	}
	if s.Search.Most != 200 {
		t.Errorf("the scenario that was copied has %d starts", s.Search.Most)
	}
}

// Catches trials without the conditions of their scenario, numbers given twice, and blocks that are not ABBA.
func TestDraft(t *testing.T) {
	start, search := mustLoad(t, "startup"), mustLoad(t, "thresholds")
	spec, err := NewSpec([]Scenario{start, search}, twoArms(), 7)
	if err != nil {
		t.Fatal(err)
	}
	d, again := spec.Draft(), spec.Draft()
	d.Follow(Trial{Index: 9, Block: 4, Batch: 6})
	warm := d.WarmUps(search)
	if len(warm) != 4 || warm[0].Index != 10 || warm[0].Block != 5 || warm[0].Batch != 7 || !warm[3].Warmup {
		t.Errorf("warm-ups: %+v", warm)
	}
	slots := spec.Slots(start)
	if len(slots) != 2 || len(slots[0].Arms) != 2 {
		t.Fatalf("slots: %+v", slots)
	}
	firsts := map[string]int{}
	for n := range 64 {
		block, same := d.Block(start, slots[1], n), again.Block(start, slots[1], n)
		firsts[block[0].Arm]++
		if block[0].Arm != same[0].Arm || block[0].Arm == block[1].Arm || block[1].Arm != block[2].Arm || block[0].Arm != block[3].Arm {
			t.Fatalf("block %d is %s %s %s %s, and begins with %s elsewhere", n, block[0].Arm, block[1].Arm, block[2].Arm, block[3].Arm, same[0].Arm)
		}
		if block[3].Block != block[0].Block || block[3].Index != block[0].Index+3 || block[0].Driver != cgroupjoin.Systemd {
			t.Fatalf("block %d: %+v", n, block)
		}
	}
	if firsts["baseline"] < 16 || firsts["candidate"] < 16 {
		t.Errorf("first letters: %v", firsts)
	}
	slot := spec.Slots(search)[1]
	one, two := d.Try(search, slot.Cell, "candidate", 12<<20), d.Try(search, slot.Cell, "baseline", 8<<20)
	if one.Order != sequence.JoinBeforeClone || !one.Observe || one.Place != cgroupjoin.OnContainer || one.Limit != 12<<20 || one.Arm != "candidate" {
		t.Errorf("a start of a search: %+v", one)
	}
	if two.Index != one.Index+1 || two.Block != one.Block+1 || two.Batch != one.Batch+1 {
		t.Errorf("after it: %+v", two)
	}
	d.Shuffle("cells", 0, 0, nil)
}

// Catches trials beside each other although one of them is timed, or alone although nothing of time is judged.
func TestTimedScenarios(t *testing.T) {
	for name, want := range map[string]bool{
		"startup": true, "charges": false, "thresholds": false, "oom-limits": false, "density": true, "hundred": true, "join-latency": true, "handle-leak": true, "lifecycle": true,
	} {
		if got := mustLoad(t, name).Timed(); got != want {
			t.Errorf("%s is timed: %v, want %v", name, got, want)
		}
	}
}
