package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/initbench/initbench/internal/journal"
	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/internal/report"
	"github.com/initbench/initbench/internal/runner"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// measurement is one run from its plan to its last record.
type measurement struct {
	flags *measureFlags
	notes io.Writer
	// changed tells whether the user gave a flag.
	changed func(flag string) bool
	command results.Command
	header  results.Header
	done    []int
	past    pastLives
	// outcomes of those done in earlier sessions
	outcomes map[results.Outcome]int
	store    *results.Store
	trials   int64 // in the plan
	// director says what to make in an adaptive run; nil: the plan does.
	director director
	// binaries has, for each arm, where its binary lies on this machine; a bare name is left to the place that measures.
	binaries map[string]ociruntime.Binary
}

// measure makes what is left of a plan and returns the stored run. After an
// interruption it says how to go on; the records made so far are safe.
//
// Where direct is given and returns a director for the run's header, that one says what is made, from the records as
// they come, and not the plan. What a resumed run recorded is added to it first.
func measure(cmd *cobra.Command, f *measureFlags, plan func() (results.Header, error), direct func(results.Header) (director, error)) (*results.Run, error) {
	m := &measurement{flags: f, notes: f.notes(cmd.ErrOrStderr()), changed: cmd.Flags().Changed, command: results.Command(cmd.Name())}
	// Whatever can be refused is, before the run's directory is made.
	if err := m.load(plan); err != nil {
		return nil, err
	}
	lane, err := m.chooseLane(cmd.Context())
	if err != nil {
		return nil, err
	}
	m.header.Place = m.flags.place(lane)
	if over, err := m.over(direct); err != nil || over != nil {
		return over, err
	}
	if err := m.resolve(cmd.Context(), lane); err != nil {
		return nil, err
	}
	if err := m.settleBuiltin(); err != nil {
		return nil, err
	}
	if err := m.direct(direct); err != nil {
		return nil, err
	}
	if err := machineIsFree(); err != nil {
		return nil, err
	}
	if err := m.openStore(); err != nil {
		return nil, err
	}
	err = m.collect(cmd.Context(), lane, cmd.ErrOrStderr())
	m.sayGaveUp(m.director)
	if err := errors.Join(err, m.store.Close()); err != nil {
		return nil, m.explain(cmd.Context(), err)
	}
	return results.Load(m.store.Dir())
}

// machineIsFree refuses a second run before it has made a directory. Whoever makes
// the trials takes the lock again, and for good.
func machineIsFree() error {
	lock, err := journal.Lock(journal.Base())
	if err != nil {
		return err
	}
	return lock.Unlock()
}

func (m *measurement) load(plan func() (results.Header, error)) error {
	var err error
	if m.flags.resume == "" {
		if m.header, err = plan(); err == nil {
			m.header.Budget, m.header.Command = m.flags.budget, m.command
		}
	} else {
		err = m.loadStored()
	}
	if err != nil {
		return err
	}
	if m.flags.format == report.SVG && !verdict.HasMatrix(m.header.Spec) {
		return usagef("--format svg: no scenario of this run has several orders or builds, and only such have a picture: see order-matrix, or choose another format")
	}
	m.trials, err = m.header.Spec.Size()
	return err
}

func (m *measurement) loadStored() error {
	run, err := results.Load(m.flags.resume)
	if err != nil {
		return err
	}
	if err := run.ResumableBy(m.command); err != nil {
		return err
	}
	if run.Torn != nil {
		_, _ = fmt.Fprintf(m.notes, "note: %s: %v\n", run.Dir, run.Torn) // notes are only advice
	}
	m.header = run.Header
	if m.changed("max-time") && m.header.Design == nil {
		return usagef("--resume %s and --max-time %v: the run was begun with --trials, and every cell has that many, however long it takes: leave it out", run.Dir, m.flags.maxTime)
	}
	if err := m.flags.goOn(m.changed, run.Header.Place); err != nil {
		return err
	}
	if was := m.header.Budget; was != m.flags.budget && was > 0 {
		_, _ = fmt.Fprintf(m.notes, "note: the run was begun with --budget %v, which was its first session's: this one has %s\n", was, budgetWords(m.flags.budget)) // notes are only advice
	}
	m.outcomes = map[results.Outcome]int{}
	for r, err := range run.Records() {
		if err != nil {
			return err
		}
		m.done = append(m.done, r.Index)
		m.past.take(r)
		m.outcomes[r.Outcome]++
	}
	slices.Sort(m.done)
	return nil
}

// over returns the stored run where a director has nothing left to make of it: whoever resumes that shall boot and store nothing.
// The director that is asked is not the run's: its clock runs now, and it counts on what it gave being made.
func (m *measurement) over(direct func(results.Header) (director, error)) (*results.Run, error) {
	if direct == nil || m.flags.resume == "" {
		return nil, nil
	}
	d, err := direct(m.header)
	if err != nil || d == nil {
		return nil, err
	}
	run, err := remember(d, m.flags.resume)
	if err != nil {
		return nil, err
	}
	if _, _, ok := d.Next(); ok || d.Err() != nil {
		return nil, d.Err()
	}
	_, _ = fmt.Fprintf(m.notes, "nothing is left to make of %s: every cell and search of it is settled\n", m.flags.resume) // notes are only advice
	m.sayGaveUp(d)
	return run, nil
}

// direct has a director know the header as it will be stored and all that is stored already.
func (m *measurement) direct(direct func(results.Header) (director, error)) error {
	if direct == nil {
		return nil
	}
	var err error
	if m.director, err = direct(m.header); err != nil || m.director == nil || m.flags.resume == "" {
		return err
	}
	_, err = remember(m.director, m.flags.resume)
	return err
}

// remember has a director know what the run in dir has stored.
func remember(d director, dir string) (*results.Run, error) {
	run, err := results.Load(dir)
	if err != nil {
		return nil, err
	}
	for r, err := range run.Records() {
		if err == nil {
			err = d.Add(r)
		}
		if err != nil {
			return nil, fmt.Errorf("resume %s: %w", dir, err)
		}
	}
	for _, e := range run.Environments { // which are known when the records were read
		d.Environment(e)
	}
	return run, nil
}

// sayGaveUp says which searches ended without an edge, and why.
func (m *measurement) sayGaveUp(d director) {
	if d == nil {
		return
	}
	for _, search := range d.GaveUp() {
		_, _ = fmt.Fprintf(m.notes, "search given up: %s\n", search) // notes are only advice
	}
}

func budgetWords(budget time.Duration) string {
	if budget == 0 {
		return "none, and goes on to the plan's end"
	}
	return "--budget " + budget.String()
}

func (m *measurement) openStore() error {
	var err error
	if m.flags.resume == "" {
		m.store, err = results.Create(m.outDir(), m.header)
		return err
	}
	run, err := results.Load(m.flags.resume)
	if err != nil {
		return err
	}
	m.store, err = results.Resume(run)
	return err
}

func (m *measurement) outDir() string {
	if m.flags.out != "" {
		return m.flags.out
	}
	return "results-" + m.header.ID
}

// resolve finds or installs every runtime, before anything is measured.
func (m *measurement) resolve(ctx context.Context, lane lane) error {
	m.binaries = map[string]ociruntime.Binary{}
	for _, r := range m.header.Spec.Runtimes {
		if scenarios.IsJoin(r) {
			continue
		}
		located, err := m.resolveOne(ctx, r, lane)
		if err != nil {
			if r.Pos != (scenarios.Position{}) {
				return fmt.Errorf("%v: runtime %s: %w", r.Pos, r.Name, err)
			}
			return fmt.Errorf("runtime %s: %w", r.Name, err)
		}
		m.binaries[r.Name] = located
	}
	return nil
}

func (m *measurement) resolveOne(ctx context.Context, r scenarios.Runtime, lane lane) (ociruntime.Binary, error) {
	ref, err := ociruntime.ParseRef(r.Ref)
	if err != nil {
		return ociruntime.Binary{}, err
	}
	if ref.Kind == ociruntime.NameRef && lane.where == "vm" {
		return ociruntime.Binary{Ref: ref, Path: r.Ref}, nil // on the guest's PATH
	}
	return m.locate(ctx, ref)
}

// locate finds what every scenario of the run makes of a runtime: a binary with verbs, an embedder, or both where they are one.
func (m *measurement) locate(ctx context.Context, ref ociruntime.Ref) (b ociruntime.Binary, err error) {
	opts := ociruntime.Options{Log: m.notes}
	for _, embedded := range []bool{false, true} {
		wanted := slices.ContainsFunc(m.header.Spec.Scenarios, func(s scenarios.Scenario) bool { return s.Embedded == embedded })
		switch {
		case !wanted:
			continue
		case embedded:
			b, err = ociruntime.ResolveEmbedder(ctx, ref, opts)
		default:
			b, err = ociruntime.Resolve(ctx, ref, opts)
		}
		if err != nil {
			return b, err
		}
	}
	return b, nil
}

func (m *measurement) collect(ctx context.Context, lane lane, stderr io.Writer) error {
	if m.director == nil && m.trials == int64(len(m.done)) {
		_, _ = fmt.Fprintln(m.notes, "every trial of the plan is recorded already") // notes are only advice
		return nil
	}
	job := m.job()
	p := m.newProgress(stderr)
	defer p.stop()
	sink := &tee{store: m.store, director: m.director, progress: p}
	var live runner.Feed
	if m.director != nil {
		live = &directed{director: m.director, said: func() { p.say(m.director) }}
	}
	if lane.where == "vm" {
		return collectInGuests(ctx, m, job, live, sink, p)
	}
	job.Lane = runner.Lane{Where: "host", Accelerator: "none", Clock: "wall", Initbench: buildVersion()}
	if live == nil {
		return collectPlan(ctx, job, sink, p.notes())
	}
	return runner.Collect(ctx, job, live, sink, p.notes())
}

// job is what is left of the run. Of an adaptive one its director has the say.
func (m *measurement) job() runner.Job {
	job := runner.Job{Run: m.header.ID, Spec: m.header.Spec, Binaries: map[string]string{}, MustObserve: m.flags.mustObserve}
	job.Past = m.past.open()
	if m.director == nil {
		job.Done, job.Budget = m.done, m.flags.budget
	}
	for name, b := range m.binaries {
		job.Binaries[name] = b.Path
	}
	return job
}

func (m *measurement) newProgress(stderr io.Writer) *progress {
	if m.director == nil {
		return newProgress(m.flags, stderr, m.trials, m.outcomes)
	}
	return newOpenProgress(m.flags, stderr, m.mostTime(), m.outcomes)
}

// mostTime is how long this session makes trials, 0 where that has no bound.
func (m *measurement) mostTime() time.Duration {
	switch {
	case m.changed("max-time"):
		return m.flags.maxTime
	case m.header.Design != nil:
		return m.header.Design.MaxTime
	}
	return 0
}

// explain adds to an interruption or a failure how the run can be finished.
func (m *measurement) explain(ctx context.Context, err error) error {
	if m.flags.temporary {
		if ctx.Err() != nil {
			return &codeError{code: exitInterrupted, message: "interrupted"}
		}
		return err
	}
	if m.flags.resume == "" && m.store.Empty() {
		err = errors.Join(err, m.store.Discard())
		if ctx.Err() != nil {
			return &codeError{code: exitInterrupted, message: "interrupted before anything was recorded"}
		}
		return err
	}
	hint := fmt.Sprintf("%s keeps what was recorded; finish with --resume %s", m.store.Dir(), m.store.Dir())
	if ctx.Err() != nil {
		return &codeError{code: exitInterrupted, message: "interrupted: " + hint}
	}
	return fmt.Errorf("%w (%s)", err, hint)
}

// tee stores each line, then has the director know it, and shows that it came.
type tee struct {
	store    *results.Store
	director director // nil where there is a plan
	progress *progress
}

func (t *tee) Environment(e results.Environment) error {
	t.progress.begins() // the last thing before the first trial
	if t.director != nil {
		t.director.Environment(e)
	}
	return t.store.Append(e)
}

// Cycle shows how far a session is.
func (t *tee) Cycle(c runner.Cycle) { t.progress.cycled(c) }

func (t *tee) Timeline(trial int, tl sequence.Timeline) error { return t.store.Timeline(trial, tl) }

func (t *tee) Record(r results.Record) error {
	if err := t.store.Append(r); err != nil {
		return err
	}
	if t.director != nil {
		if err := t.director.Add(r); err != nil {
			return err
		}
		t.progress.say(t.director)
	}
	t.progress.recorded(r)
	return nil
}

// newHeader describes a new run. Its ID sorts by time and is fit for cgroup and unit names.
func newHeader(spec scenarios.Spec, gate bool) (results.Header, error) {
	var b [2]byte
	if _, err := rand.Read(b[:]); err != nil {
		return results.Header{}, fmt.Errorf("run ID: %w", err)
	}
	at := time.Now()
	return results.Header{
		Schema: results.Schema, ID: fmt.Sprintf("%s%x", at.UTC().Format("20060102t150405"), b),
		Created: at.Format(time.RFC3339), Initbench: buildVersion(), Spec: spec, Gate: gate,
	}, nil
}

// loadScenarios reads scenarios by name or file and applies the command line to them.
func loadScenarios(f *measureFlags, args []string, load func(string) (scenarios.Scenario, error)) ([]scenarios.Scenario, error) {
	var all []scenarios.Scenario
	for _, arg := range args {
		s, err := load(arg)
		if err != nil {
			return nil, err
		}
		if s, err = f.override(s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, f.checkWatch(all)
}

// checkWatch refuses processes that nobody would look at.
func (f *measureFlags) checkWatch(all []scenarios.Scenario) error {
	if _, err := parseWatches(f.watch); err != nil {
		return err
	}
	if len(f.watch) > 0 && !slices.ContainsFunc(all, func(s scenarios.Scenario) bool { return s.Cycles > 0 }) {
		return usagef("--watch %s: no scenario of this run has sessions: add handle-leak, or one of your own with cycles", f.watch[0])
	}
	return nil
}

func completeScenarios(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	all, err := scenarios.Catalogue()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, s := range all {
		names = append(names, s.Name+"\t"+strings.TrimSpace(s.Description))
	}
	return names, cobra.ShellCompDirectiveDefault
}
