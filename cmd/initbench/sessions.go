package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/initbench/initbench/internal/journal"
	"github.com/initbench/initbench/internal/runner"
	"github.com/initbench/initbench/internal/vm"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// A run is made in as many guests as it has clocks, one after another: QEMU settles what a guest's time counts when it starts.

// waitsForClock tells whether a scenario of the run waits for another clock than the run's own.
func waitsForClock(h results.Header) bool {
	return slices.ContainsFunc(h.Spec.Scenarios, func(s scenarios.Scenario) bool { return h.ClockOf(s) != scenarios.RunsClock })
}

// collectInGuests makes the run, a guest for each stretch of one clock that the director asks for.
func collectInGuests(ctx context.Context, m *measurement, job runner.Job, live runner.Feed, sink runner.Sink, p *progress) (err error) {
	lock, err := journal.Lock(journal.Base())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if m.director == nil {
		return collectInGuest(ctx, m, scenarios.RunsClock, job, live, sink, p)
	}
	for {
		clock, more := m.director.Session()
		if !more {
			return m.director.Err()
		}
		if clock != scenarios.RunsClock {
			_, _ = fmt.Fprintf(p.notes(), "measuring by the clock that counts %s, in a guest of its own\n", clock) // notes are only advice
		}
		if err := collectInGuest(ctx, m, clock, job, live, sink, p); err != nil {
			return err
		}
	}
}

// by are the options of the guest that a clock takes. What the user chose besides is of the run's own guest: a clock that
// counts instructions has one emulated CPU.
func (g *guestFlags) by(clock scenarios.Clock) (vm.Options, error) {
	o, err := g.options()
	if clock != scenarios.RunsClock {
		o.Clock, o.CPUs, o.Accel = vm.Clock(clock), 0, vm.AccelAuto
	}
	return o, err
}

// learn has the guests after one that did without kvm do so too, without a word: what refused it refuses it for the rest of the command.
func (g *guestFlags) learn(from vm.Facts) {
	if from.WhyNotKVM != "" {
		g.accel = string(vm.TCG)
	}
}

// clocksOfHost refuses scenarios that somebody named and that wait for a clock: the machine's own counts no instructions, and
// one verdict holds what was measured in one place.
func (m *measurement) clocksOfHost() error {
	for _, sc := range m.header.Spec.Scenarios {
		if sc.Clock != scenarios.RunsClock && !m.flags.spareClocks {
			return usagef("scenario %s waits for a clock that counts %s, which only the guest has: leave it out, or use --in vm", sc.Name, sc.Clock)
		}
	}
	return nil
}

// leaveClocks leaves out those that nobody named.
func (m *measurement) leaveClocks() error {
	if !m.header.Spec.HasClock() {
		return nil
	}
	var kept []scenarios.Scenario
	for _, sc := range m.header.Spec.Scenarios {
		if sc.Clock == scenarios.RunsClock {
			kept = append(kept, sc)
			continue
		}
		_, _ = fmt.Fprintf(m.notes, "scenario %s is left out: it waits for a clock that counts %s, which only the guest has (--in vm)\n", sc.Name, sc.Clock) // notes are only advice
	}
	m.header.Spec.Scenarios = kept
	err := m.header.Spec.Validate()
	if err == nil {
		m.trials, err = m.header.Spec.Size()
	}
	return err
}
