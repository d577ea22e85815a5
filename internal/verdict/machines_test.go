package verdict

import (
	"strings"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

func byCount(trials int) scenarios.Scenario {
	sc := startup(trials)
	sc.Name, sc.Clock, sc.Judge = "counted", scenarios.Instructions, []string{"start.latency.instructions", "start.cpu.instructions"}
	return sc
}

// bothClocks are the guest's wall clock under emulation, and one that counts instructions: another machine in all that matters.
func bothClocks() []results.Environment {
	wall, count := guest(), guest()
	wall.Accelerator = "tcg"
	count.ID, count.BootID, count.Accelerator, count.Clock, count.CPUs = "e2", "b2", "tcg", "instructions", 1
	return []results.Environment{wall, count}
}

// byClock says of each record where it was made.
func byClock(r *results.Record) {
	if r.Scenario == "counted" {
		r.Environment = "e2"
	}
}

func twoClocksRun(m model, list ...scenarios.Scenario) Run {
	if m.mutate == nil {
		m.mutate = byClock
	}
	r := m.run(gateOf(list...))
	r.Environments = bothClocks()
	return r
}

// strict are the default margins for times by instructions, and roomy ones for the wall's.
func judgeTwoClocks(t *testing.T, r Run) Verdict {
	t.Helper()
	opts := roomy()
	opts.Margins["start.latency"] = Margin{Fraction: 0.001} // nothing that the noise allows settles it
	v, err := Judge(r, opts)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Catches a run of two clocks that is called invalid, or measured in two boots, for having them; a time by instructions that is left open like
// one of a noisy clock, or judged by the wall's values; and one that is never found.
func TestTwoClocksInOneGate(t *testing.T) {
	v := judgeTwoClocks(t, twoClocksRun(model{cv: 0.01}, startup(24), byCount(24)))
	wantRuling(t, v, Pass, 0)
	if len(v.Environments) != 2 || v.Environment.Clock != "wall" || v.Environments[1].Clock != "instructions" {
		t.Errorf("environments %+v, first of clock %q", v.Environments, v.Environment.Clock)
	}
	if all := strings.Join(v.Warnings, "\n"); strings.Contains(all, "boots") || strings.Contains(all, "environments differ") {
		t.Errorf("warnings:\n%s", all)
	}
	if m := v.find(t, "start.latency", cgroupjoin.Systemd); !m.Open {
		t.Errorf("start.latency rules: %s", m.Reason)
	}
	if m := v.find(t, "start.latency.instructions", cgroupjoin.Systemd); m.Open || m.Ruling != Pass || m.Baseline.N == 0 {
		t.Errorf("start.latency.instructions: %s (open: %t)", m.Reason, m.Open)
	}
	slower := model{cv: 0.01, mutate: func(r *results.Record) {
		byClock(r)
		if r.Scenario == "counted" && r.Arm == "candidate" {
			*r.Latency.Started += *r.Latency.Started / 20
		}
	}}
	v = judgeTwoClocks(t, twoClocksRun(slower, startup(24), byCount(24)))
	wantRuling(t, v, Regressed, 1)
	for _, m := range v.Metrics {
		if want := m.Name == "start.latency.instructions"; (m.Ruling == Regressed) != want {
			t.Errorf("%s: %s", m.Name, m.Reason)
		}
	}
}

// Catches times of a clock that is left open, as one of a noisy one, where nothing was measured by it.
func TestClockThatWasNeverReached(t *testing.T) {
	r := twoClocksRun(model{cv: 0.01}, startup(24), byCount(24))
	r = of(2*(1+24)*2, r)
	r.Environments = r.Environments[:1]
	v := judgeTwoClocks(t, r)
	wantRuling(t, v, Inconclusive, 3)
	if m := v.find(t, "start.cpu.instructions", cgroupjoin.Systemd); m.Open || m.Ruling != Inconclusive {
		t.Errorf("%s: %s (open: %t)", m.Name, m.Ruling, m.Open)
	}
}

// Catches records of one scenario from two clocks, of one that asks for another clock than it had, and of two that ask for none.
func TestScenariosThatLostTheirClock(t *testing.T) {
	for want, where := range map[string]func(*results.Record) string{
		"scenario counted asks for the clock instructions and was measured by another: wall": func(*results.Record) string { return "e1" },
		"environments differ: clock: wall and instructions, in scenarios that ask for none": func(r *results.Record) string {
			if r.Scenario == "counted" || r.Index%2 == 0 {
				return "e2"
			}
			return "e1"
		},
	} {
		v := judgeTwoClocks(t, twoClocksRun(model{cv: 0.01, mutate: func(r *results.Record) { r.Environment = where(r) }}, startup(12), byCount(12)))
		wantRuling(t, v, Invalid, 4)
		wantText(t, strings.Join(v.Reasons, "\n"), want)
	}
	r := twoClocksRun(model{cv: 0.01}, startup(12), byCount(12))
	r.Environments[1].Kernel = "6.12" // alone in its clock: nothing that it is compared with
	wantRuling(t, judgeTwoClocks(t, r), Pass, 0)
	other := r.Environments[1]
	other.Kernel, other.BootID = "6.1", "b3"
	r.Environments = append(r.Environments, other)
	wantRuling(t, judgeTwoClocks(t, r), Invalid, 4)
}

// Catches an observer's cost made out of two clocks: of trials timed by one and observed by the other, or of all put together.
func TestTheObserversCostIsOfOneClock(t *testing.T) {
	counted := func(sc scenarios.Scenario) scenarios.Scenario {
		sc.Name, sc.Clock, sc.Judge = "counted", scenarios.Instructions, nil
		return sc
	}
	watched := counted(charges(12))
	watched.Name = "watched"
	cost := model{cv: 0.01, mutate: func(r *results.Record) {
		observed(r, 1)
		if r.Scenario == "counted" || r.Scenario == "watched" {
			r.Environment = "e2"
			*r.Latency.Started /= 10
		}
	}}
	for name, c := range map[string]struct {
		list []scenarios.Scenario
		want []string // of each driver
	}{
		"timed by both":      {[]scenarios.Scenario{startup(20), charges(12), counted(startup(16))}, []string{"; 24 observed, 40 timed trials"}},
		"none of one clock":  {[]scenarios.Scenario{charges(12), counted(startup(16))}, nil},
		"both lanes of both": {[]scenarios.Scenario{startup(20), charges(12), counted(startup(16)), watched}, []string{"; 24 observed, 40 timed trials", ", by the clock that counts instructions; 24 observed, 32 timed trials"}},
	} {
		for _, notes := range [][]string{judgeTwoClocks(t, twoClocksRun(cost, c.list...)).Notes, mustSummarize(t, twoClocksRun(cost, c.list...)).Notes} {
			if len(notes) != 2*len(c.want) {
				t.Errorf("%s: notes %q, want %d", name, notes, 2*len(c.want))
				continue
			}
			for k, note := range notes {
				wantText(t, note, "observer: ", c.want[k/2])
				if !strings.HasPrefix(note, "observer: +0.") && !strings.HasPrefix(note, "observer: -0.") && !strings.HasPrefix(note, "observer: 0.") {
					t.Errorf("%s: %s: want nothing", name, note)
				}
			}
		}
	}
}

// Catches two runs whose instructions are not compared because their wall clocks cannot be.
func TestTwoRunsByTwoClocks(t *testing.T) {
	runs := [2]Run{}
	for i := range runs {
		runs[i] = twoClocksRun(model{cv: 0.01, seed: uint64(i)}, startup(24), byCount(24))
		for k := range runs[i].Environments {
			runs[i].Environments[k].BootID += string(rune('a' + i))
		}
	}
	v, err := JudgeRuns(runs[0], runs[1], roomy())
	if err != nil {
		t.Fatal(err)
	}
	if m := v.find(t, "start.latency.instructions", cgroupjoin.Systemd); m.Ruling != Pass {
		t.Errorf("%s: %s", m.Ruling, m.Reason)
	}
	m := v.find(t, "start.latency", cgroupjoin.Systemd)
	wantText(t, m.Reason, "two boots of an emulated machine")
}

// Catches a run that was interrupted in its first warm-ups and went on in another guest said to be of two boots, and one that is and is not said to be.
func TestBootOfWarmupsIsInNoFigure(t *testing.T) {
	for want, earlier := range map[bool]func(*results.Record) bool{
		false: func(r *results.Record) bool { return r.Warmup },
		true:  func(r *results.Record) bool { return r.Index < 20 },
	} {
		r := model{cv: 0.01, mutate: func(r *results.Record) {
			if earlier(r) {
				r.Environment = "e0"
			}
		}}.run(gateOf(startup(16)))
		before := guest()
		before.ID, before.BootID = "e0", "b0"
		r.Environments = []results.Environment{before, guest()}
		v := mustJudge(t, r)
		if got := strings.Contains(strings.Join(v.Warnings, "\n"), "measured in 2 boots"); got != want {
			t.Errorf("warned of two boots: %t, want %t", got, want)
		}
	}
}
