package design

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// stretch is what was made by one clock.
type stretch struct {
	clock   scenarios.Clock
	from    time.Duration
	records []results.Record
}

func clockGuest(c scenarios.Clock, n int) results.Environment {
	e := guest()
	e.ID, e.BootID, e.Accelerator = "e1", fmt.Sprint("b", n), "tcg"
	if c != scenarios.RunsClock {
		e.ID, e.Clock, e.CPUs = "e2", string(c), 1
	}
	return e
}

// playClocks plays a run in as many guests as it asks for, each of which takes a boot.
func (m *machine) playClocks(t *testing.T, d *Director, most int) (all []stretch) {
	t.Helper()
	change := m.change
	for n := range most + 1 {
		clock, more := d.Session()
		if !more {
			return all
		}
		e := clockGuest(clock, n)
		m.change = func(r *results.Record) {
			r.Environment = e.ID
			if change != nil {
				change(r)
			}
		}
		if n > 0 {
			m.clock += Boot
		}
		from := m.clock
		d.Environment(e)
		groups, records := m.play(t, d, nil)
		for _, g := range groups {
			for _, trial := range g.trials {
				if (trial.Scenario == "instructions") != (clock == scenarios.Instructions) {
					t.Fatalf("a trial of %s by the clock %q", trial.Scenario, clock)
				}
			}
		}
		all = append(all, stretch{clock, from, records})
	}
	t.Fatalf("the run asked for more than %d guests", most)
	return nil
}

func clocksOf(all []stretch) (names []string) {
	for _, s := range all {
		if s.clock == scenarios.RunsClock {
			names = append(names, "own")
		} else {
			names = append(names, string(s.clock))
		}
	}
	return names
}

func directClocks(t *testing.T, h results.Header, m *machine) *Director {
	t.Helper()
	d, err := New(h, Options{Judge: loose(), Now: func() time.Time { return time.Unix(1000, 0).Add(m.clock) }})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Catches a clock that is visited twice or never, and a run that ends with the first.
func TestEachClockIsVisitedOnce(t *testing.T) {
	m := newMachine()
	m.noise = 0.01
	all := m.playClocks(t, directClocks(t, gateOf(t, 0, load(t, "instructions", "startup", "charges")...), m), 2)
	if got := fmt.Sprint(clocksOf(all)); got != "[own instructions]" {
		t.Fatalf("clocks: %s", got)
	}
	counts := perCell(all[1].records)
	if counts["instructions warm-up"] != 4 || counts["instructions cgroupfs natural"] != 40 || counts["instructions systemd natural"] != 40 {
		t.Errorf("by instructions: %v", counts)
	}
}

// Catches a first clock that leaves the second less than its share, or takes what it has no use for; and time that is left over.
func TestClocksShareTheTime(t *testing.T) {
	const most = 6 * time.Minute
	for _, test := range []struct {
		noise    float64
		from, to float64 // of the time, in which the second clock begins
	}{
		{1, 0.66, 0.73},     // nothing is ever settled
		{0.005, 0.15, 0.45}, // all is at the first look
	} {
		m := newMachine()
		m.noise = test.noise
		all := m.playClocks(t, directClocks(t, gateOf(t, most, load(t, "startup", "charges", "instructions")...), m), 2)
		if got := fmt.Sprint(clocksOf(all)); got != "[own instructions]" {
			t.Fatalf("clocks: %s", got)
		}
		if share := float64(all[1].from) / float64(most); share < test.from || share > test.to {
			t.Errorf("noise %v: the second clock's turn came at %.2f", test.noise, share)
		}
		if test.noise == 1 && (m.clock < most || m.clock > most+10*m.each) {
			t.Errorf("%v took %v", most, m.clock)
		}
	}
}

// Catches time that nobody gets: the second clock's cells are settled and the first one's are not.
func TestTheFirstClockGetsWhatTheSecondLeaves(t *testing.T) {
	m := newMachine()
	m.change = func(r *results.Record) {
		if r.Found != nil {
			*r.Found.ChargedAtExec = 1 + m.rng.Int64N(1<<30)
		}
	}
	all := m.playClocks(t, directClocks(t, gateOf(t, 6*time.Minute, load(t, "charges", "instructions")...), m), 3)
	if got := fmt.Sprint(clocksOf(all)); got != "[own instructions own]" || m.clock < 6*time.Minute {
		t.Errorf("clocks: %s in %v", got, m.clock)
	}
}

// Catches a second guest where the whole run is made by the clock that a scenario asks for.
func TestOneClockForAll(t *testing.T) {
	h := gateOf(t, 0, load(t, "startup", "instructions")...)
	h.Place = &results.Place{In: "vm", GuestClock: string(scenarios.Instructions)}
	m := newMachine()
	m.noise = 0.01
	d := directClocks(t, h, m)
	if clock, more := d.Session(); clock != scenarios.RunsClock || !more {
		t.Fatalf("clock %q, more %t", clock, more)
	}
	d.Environment(guest())
	_, records := m.play(t, d, nil)
	if counts := perCell(records); counts["startup cgroupfs natural"] < 40 || counts["instructions cgroupfs natural"] < 40 {
		t.Errorf("%v", counts)
	}
	if clock, more := d.Session(); more {
		t.Errorf("a second session by %q", clock)
	}
}

// Catches a fixed plan that is made in the order of its scenarios, or in part.
func TestStaticPlanOfTwoClocks(t *testing.T) {
	h := gateOf(t, 0, load(t, "instructions", "startup")...)
	h.Design = nil
	for i := range h.Spec.Scenarios {
		h.Spec.Scenarios[i] = h.Spec.Scenarios[i].AtMost(4)
	}
	m := newMachine()
	all := m.playClocks(t, directClocks(t, h, m), 2)
	if got := fmt.Sprint(clocksOf(all)); got != "[own instructions]" {
		t.Fatalf("clocks: %s", got)
	}
	seen := map[int]bool{}
	for _, s := range all {
		for _, r := range s.records {
			seen[r.Index] = true
		}
	}
	if size, err := h.Spec.Size(); err != nil || int64(len(seen)) != size {
		t.Errorf("%d of %d trials were made (%v)", len(seen), size, err)
	}
}

// Catches a resumed run that measures by the first clock again because the second guest had recorded nothing when it died.
func TestResumeOfASessionWithoutARecord(t *testing.T) {
	m := newMachine()
	m.noise = 1
	d := directClocks(t, gateOf(t, 6*time.Minute, load(t, "startup", "instructions")...), m)
	d.Environment(clockGuest(scenarios.RunsClock, 0))
	d.Environment(clockGuest(scenarios.Instructions, 1))
	if clock, more := d.Session(); clock != scenarios.Instructions || !more {
		t.Errorf("clock %q, more %t", clock, more)
	}
}

// Catches a resumed run that boots what it has no more use for, and one that begins with the clock that it was not interrupted in.
func TestResumeInEitherClock(t *testing.T) {
	h := gateOf(t, 0, load(t, "startup", "instructions")...)
	m := newMachine()
	m.noise = 0.01
	whole := m.playClocks(t, directClocks(t, h, m), 2)
	want := slices.Concat(whole[0].records, whole[1].records)
	first := len(whole[0].records)
	for cut, clocks := range map[int]string{5: "[own instructions]", first: "[instructions]", first + 7: "[instructions]", len(want): "[]"} {
		again := newMachine()
		again.noise = 0.01
		d := directClocks(t, h, again)
		for _, r := range want[:cut] {
			if err := d.Add(r); err != nil {
				t.Fatal(err)
			}
		}
		d.Environment(clockGuest(scenarios.RunsClock, 100))
		if cut > first {
			d.Environment(clockGuest(scenarios.Instructions, 101))
		}
		if got := fmt.Sprint(clocksOf(again.playClocks(t, d, 2))); got != clocks {
			t.Errorf("after %d of %d trials: %s, want %s", cut, len(want), got, clocks)
		}
	}
}
