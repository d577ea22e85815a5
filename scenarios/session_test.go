package scenarios

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/initbench/initbench/cgroupjoin"
)

const sessionBase = "name: mine\ntrials: 2\n"

// Catches a key of a session that is read into the wrong field, and a default that moved: a hundred cycles do not fit into the time of one.
func TestParseReadsSessions(t *testing.T) {
	want := Scenario{
		Name: "mine", Drivers: cgroupjoin.Drivers(), Trials: 2, Warmup: 1, Containers: 1, Cycles: 100, Timeout: 5 * time.Minute, Judge: []string{AllLeaks},
	}
	told := want
	told.Embedded, told.Collector, told.Watch, told.Judge, told.Timeout = true, NoCollector, []string{"1", "containerd.service", "felix"}, []string{"leak.mounts", "leak.fd:socket:netlink"}, time.Minute
	for text, want := range map[string]Scenario{
		"cycles: 100\n": want,
		"cycles: 100\nembedded: true\ncollector: off\nwatch: [1, containerd.service, felix]\njudge: [leak.mounts, leak.fd:socket:netlink]\ntimeout: 1m\n": told,
	} {
		got, err := Parse("f.yaml", []byte(sessionBase+text))
		if err != nil {
			t.Errorf("%s%v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s%s", text, diff)
		}
	}
}

// Catches a session that would count what something else makes, and a key of sessions that nothing heeds.
func TestParseRefusesBadSessions(t *testing.T) {
	const more = ": what builds up shows over many starts alone: add cycles, such as cycles: 100"
	for text, want := range map[string]string{
		"cycles: 19\n":                                     "3:9: cycles 19: write 20 to 1000",
		"cycles: 1001\n":                                   "3:9: cycles 1001: write 20 to 1000",
		"cycles: -1\n":                                     "3:9: cycles -1: write 20 to 1000",
		"cycles: 20\nsearch: {}\ntrials: 200\n":            `5:1: key "trials" a second time: keep one (the first is on line 2)`,
		"cycles: 20\nlimits: [16MiB]\n":                    "4:9: limits beside cycles: a session counts what starts leave that are not killed: leave limits out",
		"cycles: 20\norders: [join-before-clone]\n":        "4:9: orders beside cycles: the observer's own programs and maps would be counted with the runtime's: leave orders out",
		"cycles: 20\nobserve: true\n":                      "4:10: observe beside cycles: the observer's own programs and maps would be counted with the runtime's: leave observe out",
		"cycles: 20\ncontainers: 2\n":                      "4:13: containers beside cycles: the containers of a session are its cycles, one after the other: leave containers out",
		"cycles: 20\nclones: [init]\n":                     "4:9: clones beside cycles: a session is of a runtime as it is: leave clones out",
		"cycles: 20\ncollector: off\n":                     "4:12: collector without embedded: only an embedder lives long enough for one: add embedded: true",
		"cycles: 20\nembedded: true\ncollector: on\n":      `5:12: collector "on": write off, or leave collector out: as Go has it`,
		"cycles: 20\nwatch: [a, a]\n":                      "4:12: watch a a second time: name each once",
		"cycles: 20\nwatch: [../x]\n":                      `4:9: watch[0] "../x": write a PID, a unit such as containerd.service, or a process's name`,
		"cycles: 20\nwatch: [0]\n":                         `4:9: watch[0] "0": write a PID, a unit such as containerd.service, or a process's name`,
		"cycles: 20\nwatch: [a, b, c, d, e, f, g, h, i]\n": "4:8: watch: 9 processes: the most is 8",
		"cycles: 20\njudge: [leak.*, leak.mounts]\n":       "4:9: leak.* beside other metrics: it is all of them: leave the others out",
		"embedded: true\njudge: [oom.rate]\n":              "3:11: embedded without cycles" + more,
		"watch: [a]\njudge: [oom.rate]\n":                  "3:8: watch without cycles" + more,
		"judge: [leak.mounts]\n":                           "3:9: metric leak.mounts without cycles" + more,
		"trials2: 2\n":                                     "",
	} {
		_, err := Parse("f.yaml", []byte(sessionBase+text))
		switch {
		case err == nil:
			t.Errorf("%q is let in", text)
		case want != "" && err.Error() != "f.yaml:"+want:
			t.Errorf("%q\ngot  %v\nwant f.yaml:%s", text, err, want)
		}
	}
	for judge, want := range map[string]string{"oom.rate": "metric oom.rate of a session: write leak.*, leak.inherited, or leak.KIND", "leak.mount": `unknown metric "leak.mount": did you mean leak.mounts? else write leak.*`} {
		_, err := Parse("f.yaml", []byte(sessionBase+"cycles: 20\njudge: ["+judge+"]\n"))
		if err == nil || !strings.HasPrefix(err.Error(), "f.yaml:4:9: "+want) {
			t.Errorf("judge %s: %v", judge, err)
		}
	}
}

// Catches sessions whose trials do not say what makes them, and a warm-up that is as long as what it warms.
func TestPlanOfSessions(t *testing.T) {
	s := mustLoad(t, "handle-leak")
	s.Embedded, s.Collector, s.Watch = true, NoCollector, []string{"felix"}
	spec, err := NewSpec([]Scenario{s}, []Runtime{{Name: "baseline", Ref: "builtin@v1.5.1"}, {Name: "candidate", Ref: "builtin"}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	sessions := map[string]int{}
	for trial := range spec.Trials() {
		cycles := 100
		if trial.Warmup {
			cycles = 1
		} else {
			sessions[trial.Arm+" "+string(trial.Driver)]++
		}
		if trial.Cycles != cycles || !trial.Embedded || trial.Collector != NoCollector {
			t.Errorf("planned: %+v", trial)
		}
	}
	for _, of := range []string{"baseline cgroupfs", "baseline systemd", "candidate cgroupfs", "candidate systemd"} {
		if sessions[of] != 2 {
			t.Errorf("%s has %d sessions, want 2", of, sessions[of])
		}
	}
	if got := spec.WatchedIn("handle-leak"); !slices.Equal(got, s.Watch) || spec.WatchedIn("startup") != nil {
		t.Errorf("watched: %v", got)
	}
	took, err := Estimate(spec, time.Second)
	if want := (8*100 + 4) * time.Second; err != nil || took != want {
		t.Errorf("the plan takes %v (%v), want %v: a session is as many starts as it has cycles, a warm-up one", took, err, want)
	}
	_, err = NewSpec([]Scenario{s}, []Runtime{{Name: "crun", Ref: "crun"}}, 1)
	want := "scenario handle-leak embeds the runtime, and crun is none that can be: write builtin, or one of its versions such as builtin@v1.5.1"
	if err == nil || err.Error() != want {
		t.Errorf("\ngot  %v\nwant %s", err, want)
	}
}

// Catches a name that is a metric's and no kind's, or the reverse, and a scenario that names all of them and judges none.
func TestLeakMetrics(t *testing.T) {
	s := Scenario{Judge: []string{AllLeaks}}
	for _, kind := range slices.Concat(MachineKinds(), DescriptorKinds()) {
		name := LeakMetric(kind)
		if m, known := MetricNamed(name); !known || m.Scope != PerSession || LeakKind(name) != kind || !IsLeak(name) || !s.Judges(name) {
			t.Errorf("%s: %+v, of the kind %q", name, m, LeakKind(name))
		}
	}
	for name, is := range map[string]bool{LeakInherited: true, AllLeaks: true, "leak.count": false, "leak.": false, "leak.mount": false, OOMRate: false} {
		if IsLeak(name) != is || LeakKind(name) != "" {
			t.Errorf("%s: a leak %v, of the kind %q", name, IsLeak(name), LeakKind(name))
		}
	}
	if s.Judges(OOMRate) {
		t.Error("all leaks have oom.rate in them")
	}
}

// Catches a gate of embedders that can never be conclusive, since their payloads are not looked at, and one of command lines that forgets to look.
func TestAllLeaksOfAnEmbedder(t *testing.T) {
	for _, s := range []Scenario{{Judge: []string{AllLeaks}}, {Judge: []string{AllLeaks}, Embedded: true}, {Judge: []string{LeakInherited}, Embedded: true}} {
		if want := !s.Embedded || s.Judge[0] == LeakInherited; s.Judges(LeakInherited) != want || s.Judges(LeakMetric("mounts")) != (s.Judge[0] == AllLeaks) {
			t.Errorf("%v, embedded %v: inherited %v, mounts %v", s.Judge, s.Embedded, s.Judges(LeakInherited), s.Judges(LeakMetric("mounts")))
		}
	}
}
