package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/initbench/initbench/internal/design"
	"github.com/initbench/initbench/internal/vm"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// twoClocks is the header of a gate by startup and by instructions, of which every arm makes two trials.
func twoClocks(t *testing.T) results.Header {
	t.Helper()
	var all []scenarios.Scenario
	for _, name := range []string{"startup", "instructions"} {
		sc, err := scenarios.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, sc.AtMost(2))
	}
	spec, err := scenarios.NewSpec(all, []scenarios.Runtime{{Name: "baseline", Ref: "a"}, {Name: "candidate", Ref: "b"}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	return results.Header{Gate: true, Spec: spec}
}

// Catches a gate on the host that leaves out what somebody named, or measures by a clock that the host has not.
func TestHostHasNoClockOfInstructions(t *testing.T) {
	var notes bytes.Buffer
	m := &measurement{flags: &measureFlags{}, notes: &notes, header: twoClocks(t)}
	var usage *usageError
	if err := m.clocksOfHost(); !errors.As(err, &usage) || !strings.Contains(err.Error(), "scenario instructions") {
		t.Errorf("named: %v", err)
	}
	m.flags.spareClocks = true
	if err := errors.Join(m.clocksOfHost(), m.leaveClocks()); err != nil || len(m.header.Spec.Scenarios) != 1 || m.header.Spec.Scenarios[0].Name != "startup" || m.trials != 12 {
		t.Errorf("by default: %v, %d scenarios, %d trials", err, len(m.header.Spec.Scenarios), m.trials)
	}
	if !strings.Contains(notes.String(), "scenario instructions is left out") {
		t.Errorf("notes: %q", notes.String())
	}
}

// Catches a guest for instructions with the run's own guest's processors or accelerator, which it cannot have.
func TestGuestOfAClock(t *testing.T) {
	g := guestFlags{memory: "2GiB", cpus: 4, clock: "wall", accel: "kvm"}
	own, err := g.by(scenarios.RunsClock)
	if err != nil || own.Clock != vm.Wall || own.CPUs != 4 || own.Accel != vm.KVM {
		t.Errorf("own: %+v, %v", own, err)
	}
	counting, err := g.by(scenarios.Instructions)
	if err == nil {
		err = counting.Check()
	}
	if err != nil || counting.Clock != vm.Instructions || counting.MemoryMiB != 2048 {
		t.Errorf("counting: %+v, %v", counting, err)
	}
}

// Catches a plan with a fixed number of trials that is handed to one guest as a whole, and a director where one guest is enough.
func TestFixedPlanOfTwoClocksIsDirected(t *testing.T) {
	h := twoClocks(t)
	for clock, want := range map[string]bool{"wall": true, "instructions": false} {
		h.Place = &results.Place{In: "vm", GuestClock: clock}
		if d, err := directorFor(h, design.Options{}); err != nil || (d != nil) != want {
			t.Errorf("clock %s: directed %t (%v), want %t", clock, d != nil, err, want)
		}
	}
}

// Catches a refusal of kvm that is tried and told again for each guest of a command, and a guest with kvm that keeps the next from trying.
func TestGuestAfterOneWithoutKVM(t *testing.T) {
	for why, want := range map[string]vm.Accel{"": vm.AccelAuto, "there is no /dev/kvm": vm.TCG} {
		g := guestFlags{memory: "2GiB", accel: string(vm.AccelAuto)}
		g.learn(vm.Facts{WhyNotKVM: why})
		if o, err := g.by(scenarios.RunsClock); err != nil || o.Accel != want {
			t.Errorf("after %q: %q, %v; want %q", why, o.Accel, err, want)
		}
	}
}
