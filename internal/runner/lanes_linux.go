package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
	"github.com/initbench/initbench/sequence/enforce"
	"github.com/initbench/initbench/sequence/observe"
)

// The three lanes: a timed trial has neither observer nor filter, an observed one has
// the first, one with an order imposed has both. What a lane needs is made before
// the trial's clock starts and read after it has stopped.

// CanRun says in one line why this plan cannot be run on this machine; nil when
// nothing is known to stand against it. An observer that cannot be had stops no run.
func CanRun(ctx context.Context, s scenarios.Spec) error {
	if err := CanMeasure(ctx, Drivers(s)); err != nil {
		return err
	}
	if err := canConnect(s); err != nil {
		return err
	}
	if !anyScenario(s, scenarios.Scenario.Imposes) {
		return nil
	}
	return CanImpose()
}

// CanImpose says why no order can be imposed here.
func CanImpose() error {
	if err := enforce.Supported(); err != nil {
		return envErrorf("imposing an order: %w", err)
	}
	return nil
}

// CanObserve loads the observer, which alone proves it, and says why that does not work.
func CanObserve() error {
	o, err := observe.Open(observe.Options{})
	if err != nil {
		return &EnvError{Err: err}
	}
	return o.Close()
}

func anyScenario(s scenarios.Spec, is func(scenarios.Scenario) bool) bool {
	for _, sc := range s.Scenarios {
		if is(sc) {
			return true
		}
	}
	return false
}

// openObserver loads the observer for a plan that has use for one and returns what the
// environment says of it. Where BPF is not to be had, trials are made all the
// same: what only an observer can tell stays unknown.
func (c *collector) openObserver() (string, error) {
	if !anyScenario(c.job.Spec, scenarios.Scenario.Observes) {
		return "", nil
	}
	var err error
	c.observer, err = observe.Open(observe.Options{})
	var unavailable *observe.UnavailableError
	switch {
	case err == nil:
		return "ebpf", nil
	case !errors.As(err, &unavailable) || c.job.MustObserve:
		return "", &EnvError{Err: err}
	}
	c.note("no trial is observed, so orders, charges and counters stay unknown: %v", err)
	c.noObserver = true
	return "none: " + strings.Join(strings.Fields(err.Error()), " "), nil
}

// forScenario attaches the observer's programs for a scenario that has observed trials
// and detaches them for one that has none. Attached, they cost every task of the machine a
// little even where nothing is watched, and that would be in the timed trials' figures.
func (c *collector) forScenario(name string) error {
	if !c.observes(name) {
		return c.closeObserver()
	}
	return c.attach()
}

// observes tells whether trials of the scenario are observed.
func (c *collector) observes(name string) bool {
	return anyScenario(c.job.Spec, func(s scenarios.Scenario) bool { return s.Name == name && s.Observes() })
}

func (c *collector) attach() error {
	if c.observer != nil || c.noObserver {
		return nil
	}
	var err error
	if c.observer, err = observe.Open(observe.Options{}); err != nil {
		return &EnvError{Err: err}
	}
	return nil
}

func (c *collector) closeObserver() error {
	if c.observer == nil {
		return nil
	}
	o := c.observer
	c.observer = nil
	if err := o.Close(); err != nil {
		return fmt.Errorf("observer: %w", err)
	}
	return nil
}

// longestHold bounds how long a call of the runtime is held. A join through systemd,
// the slowest step, takes tens of milliseconds, under emulation hundreds.
const longestHold = 10 * time.Second

// enterLane makes the filter's listener and has the observer watch, as the trial's lane asks.
func (c *collector) enterLane(p *prepared) error {
	if p.Order != sequence.Natural {
		// Half of the trial's timeout at most, so that a hold that came to nothing is seen as one.
		e, err := enforce.New(enforce.Options{Order: p.Order, Pod: p.tree.PodPath(), Leaf: p.tree.LeafPath(), Deadline: min(longestHold, p.Timeout/2)})
		if err != nil {
			return fmt.Errorf("impose %s: %w", p.Order, err)
		}
		p.enforcer = e
	}
	if !p.Observe || c.observer == nil {
		return nil
	}
	w, err := c.observer.Watch(observe.Target{Runtime: p.tree.RuntimePath(), Pod: p.tree.PodPath(), Payload: ociruntime.PayloadPath})
	if err != nil {
		return fmt.Errorf("observe: %w", err)
	}
	p.watch = w
	return nil
}

// spawn starts a verb; create under the filter, where there is one.
func (p *prepared) spawn(verb string, start func() (*process, error)) (proc *process, err error) {
	if p.enforcer == nil || verb != verbCreate {
		return start()
	}
	err = p.enforcer.Spawn(func() (pid int, err error) {
		if proc, err = start(); err != nil {
			return 0, err
		}
		return proc.cmd.Process.Pid, nil
	})
	return proc, err
}

// created tells the enforcer that create has ended, however it did: nothing is held from then on.
func (p *prepared) created(m *measured) {
	if p.enforcer == nil {
		return
	}
	how := p.enforcer.Created(m.create.ok())
	m.enforcement = &how
}

// look ends the watching and notes in rec what was seen. It returns nil where nothing watched.
//
// An observer that cannot say what it saw ends the run, and its trial is made again with --resume: its reader does not
// come back, and every later trial would be one that nobody watched.
func (p *prepared) look(m measured, rec *results.Record) (*sequence.Timeline, error) {
	rec.Enforcement = m.enforcement
	if p.watch == nil {
		return nil, nil
	}
	t, err := p.watch.Finish()
	p.watch = nil
	if err != nil {
		return nil, envErrorf("observer: %w", err)
	}
	if m.createPID != 0 {
		t.RuntimePID = m.createPID // else the observer's stands: the first process born in the runtime's cgroup
	}
	found := t.Find()
	rec.Found, rec.LostEvents = &found, t.Lost
	rec.ContainerCounters, rec.RuntimeCounters = t.ContainerCounters, t.RuntimeCounters
	if t.Lost > 0 {
		rec.Warnings = append(rec.Warnings, fmt.Sprintf("the observer lost %d events", t.Lost))
	}
	return p.fit(t, rec)
}

// fit cuts the timeline to what can be stored and says so.
func (p *prepared) fit(t sequence.Timeline, rec *results.Record) (*sequence.Timeline, error) {
	fitted, left, err := results.FitTimeline(p.Index, t)
	if left > 0 {
		rec.Warnings = append(rec.Warnings, fmt.Sprintf("the stored timeline is cut: %d events are not in it; what was found was decided from all of them", left))
	}
	return &fitted, err
}

// leaveLane lets go of what look did not: the filter, once no process is under it, and the watch of a trial that was given up.
func (p *prepared) leaveLane() error {
	var errs []error
	if p.watch != nil {
		_, err := p.watch.Finish()
		errs = append(errs, err)
		p.watch = nil
	}
	if p.enforcer != nil {
		errs = append(errs, p.enforcer.Close())
		p.enforcer = nil
	}
	return errors.Join(errs...)
}
