package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/journal"
	"github.com/initbench/initbench/internal/network"
	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence/observe"
)

// collector makes the trials of one job.
type collector struct {
	job      Job
	sink     Sink
	notes    io.Writer
	dir      string // everything on disk lies below it
	work     string // dir, or in it: what containers and runtimes write
	journal  *journal.Journal
	host     *cgroupjoin.Host
	rootfs   ociruntime.Rootfs
	runtimes map[string]runtimeUnderTest
	builds   *builds
	room     func(dir string) (room, error)                                    // nil: roomAt
	scales   func(context.Context, cgroupjoin.Driver) ([]results.Scale, error) // nil: weighAll
	env      results.Environment
	swap     bool
	kills    kills
	// observer is nil between scenarios that have use for one; noObserver where there is none to be had.
	observer   *observe.Observer
	noObserver bool
	scopes     scopes
	// trees are those that the next trial of their kind is made in.
	trees     map[treeKey]*reusedTree
	madeTrees int
	networks  map[string]*network.Network // by scenario
	mounts    *mounts
	lives     livesKnown
	// shared guards what trials that are made together have in common: journal, sink and notes, and what follows.
	shared sync.Mutex
	// unclean is set when something of a trial could not be removed: the journal then stays.
	unclean bool
}

type runtimeUnderTest struct {
	path string
	id   results.RuntimeID
	// builtin has the options of the built-in runtime's reference; nil for any other. flags are what a trial adds.
	builtin *ociruntime.Builtin
	flags   []string
}

// Collect makes the trials that feed asks for and gives every line to sink. It returns ctx's
// error when it was interrupted: the trials under way are then removed and not
// recorded.
func Collect(ctx context.Context, job Job, feed Feed, sink Sink, notes io.Writer) error {
	return newCollector(job, sink, notes).collect(ctx, feed)
}

func newCollector(job Job, sink Sink, notes io.Writer) *collector {
	return &collector{job: job, lives: livesKnown{past: job.Past}, sink: sink, notes: notes, dir: filepath.Join(journal.Base(), "run-"+job.Run)}
}

func (c *collector) collect(ctx context.Context, feed Feed) (err error) {
	if err := CanRun(ctx, c.job.Spec); err != nil {
		return err
	}
	lock, err := journal.Lock(journal.Base())
	if err != nil {
		return &EnvError{Err: err}
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if err := refuseRemains(ctx); err != nil {
		return err
	}
	if err := canLive(c.job.Spec); err != nil {
		return err
	}
	if err := c.open(ctx); err != nil {
		return errors.Join(err, c.close())
	}
	return errors.Join(c.runFeed(ctx, feed), c.close())
}

// refuseRemains keeps a run from being measured on top of what a killed one left.
func refuseRemains(ctx context.Context) error {
	remains, err := Remains(ctx)
	if err != nil {
		return &EnvError{Err: err}
	}
	if len(remains) > 0 {
		return envErrorf("an earlier run left %d thing(s) behind, such as %s: remove them with `initbench clean`", len(remains), remains[0])
	}
	return nil
}

// open makes what the whole run shares. After an error close undoes what was made.
func (c *collector) open(ctx context.Context) error {
	var err error
	if c.journal, err = journal.Open(journal.Base(), c.job.Run); err != nil {
		return &EnvError{Err: err}
	}
	if err := c.intend(string(journal.Dir), c.dir); err != nil {
		return &EnvError{Err: err}
	}
	if c.host, err = cgroupjoin.Open(ctx, cgroupjoin.Options{
		Root: cgroupRoot, Proc: procRoot, RunID: c.job.Run, Drivers: Drivers(c.job.Spec), Journal: c.intend}); err != nil {
		return &EnvError{Err: err}
	}
	if err := becomeSubreaper(); err != nil {
		return &EnvError{Err: err}
	}
	if err := c.openDisk(); err != nil {
		return &EnvError{Err: err}
	}
	if err := c.identify(ctx); err != nil {
		return err
	}
	if err := c.checkWatched(ctx); err != nil {
		return err
	}
	return c.describe(ctx)
}

// intend journals what is about to be made, for the trial that has claimed its name or else for the run.
func (c *collector) intend(kind, name string) error {
	c.shared.Lock()
	defer c.shared.Unlock()
	return c.journal.Intend(journal.Entry{Scope: c.scopes.of(name), Kind: journal.Kind(kind), Name: name})
}

// gone closes a scope in the journal, and gives back the names it has claimed.
func (c *collector) gone(scope string) error {
	c.shared.Lock()
	defer c.shared.Unlock()
	c.scopes.drop(scope)
	return c.journal.Gone(scope)
}

func (c *collector) openDisk() error {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return err
	}
	var err error
	if c.work, err = c.workDir(); err != nil {
		return err
	}
	if c.rootfs, err = ociruntime.MakeRootfs(filepath.Join(c.work, "rootfs")); err != nil {
		return err
	}
	if c.mounts, err = watchMounts(c.work); err != nil {
		return err
	}
	if c.kills.log, err = openKernelLog(); err != nil {
		c.note("the kernel log cannot be read (%v): OOM victims will not be described", err)
	}
	return nil
}

// workDir is memory where the clock counts instructions: a guest that waits for its disk has none to count, and its clock then
// jumps by whatever its host took. A runtime's state is in memory on most machines anyway (/run). What is charged for such files is
// charged as shared memory; trials by this clock are judged by times alone. Binaries stay on the disk, whose file system is in their
// records, and are in memory since the warm-ups.
func (c *collector) workDir() (string, error) {
	if c.job.Lane.Clock != string(scenarios.Instructions) {
		return c.dir, nil
	}
	dir := filepath.Join(c.dir, "memory")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	// Whoever removes the run's directory unmounts what is mounted in it.
	if err := unix.Mount("initbench", dir, "tmpfs", unix.MS_NOATIME, "mode=755"); err != nil {
		return "", fmt.Errorf("mount a tmpfs on %s: %w", dir, err)
	}
	return dir, nil
}

// identify looks at each binary where it will be run, and makes of the built-in runtime what the plan asks for.
func (c *collector) identify(ctx context.Context) error {
	c.runtimes, c.builds = map[string]runtimeUnderTest{}, newBuilds(filepath.Join(c.dir, "builds"))
	for _, r := range c.job.Spec.Runtimes {
		if scenarios.IsJoin(r) {
			continue
		}
		found, err := identify(ctx, c.job.Binaries[r.Name])
		if err != nil {
			return fmt.Errorf("runtime %s: %w", r.Name, err)
		}
		found.id.Name, found.id.Ref = r.Name, r.Ref
		if scenarios.IsBuiltin(r.Ref) {
			ref, err := ociruntime.ParseRef(r.Ref)
			if err != nil {
				return fmt.Errorf("runtime %s: %w", r.Name, err)
			}
			found.builtin = &ref.Builtin
		}
		c.runtimes[r.Name] = found
	}
	return c.prepareBuilds(ctx)
}

// prepareBuilds refuses what this machine has no room for before the first file of it is made.
func (c *collector) prepareBuilds(ctx context.Context) error {
	need := needsOf(c.job.Spec, c.runtimes)
	if len(need.files)+len(need.copies) > 0 {
		ask := roomAt
		if c.room != nil {
			ask = c.room
		}
		has, err := ask(c.dir)
		if err != nil {
			return &EnvError{Err: fmt.Errorf("room for the built-in runtime's builds: %w", err)}
		}
		if err := need.fit(has); err != nil {
			return err
		}
	}
	for _, r := range c.job.Spec.Runtimes {
		rt := c.runtimes[r.Name]
		if rt.builtin == nil {
			continue
		}
		if err := c.builds.prepare(ctx, c.job.Spec, rt); err != nil {
			return fmt.Errorf("runtime %s: %w", r.Name, err)
		}
	}
	return nil
}

func identify(ctx context.Context, pathOrName string) (runtimeUnderTest, error) {
	ref, err := ociruntime.ParseRef(pathOrName)
	if err != nil {
		return runtimeUnderTest{}, err
	}
	bin, err := ociruntime.Resolve(ctx, ref, ociruntime.Options{})
	if err != nil {
		return runtimeUnderTest{}, err
	}
	id, err := ociruntime.Identify(ctx, bin.Path)
	return runtimeUnderTest{path: bin.Path, id: id}, err
}

// describe checks the scales and writes down what the run is made in.
func (c *collector) describe(ctx context.Context) error {
	observer, err := c.openObserver()
	if err != nil {
		return err
	}
	env, err := environment(ctx, c.job.Lane, c.host.Controllers(), observer)
	if err != nil {
		return &EnvError{Err: err}
	}
	c.swap = c.host.SwapBytes() > 0
	if env.Scales, err = c.checkScales(ctx); err != nil {
		return err
	}
	c.env = env
	return c.sink.Environment(env)
}

func (c *collector) note(format string, args ...any) {
	c.shared.Lock()
	defer c.shared.Unlock()
	_, _ = fmt.Fprintf(c.notes, "note: "+format+"\n", args...) // notes are only advice
}

// close removes what the run shares. The journal stays when anything of the run does.
func (c *collector) close() error {
	errs := []error{c.closeObserver(), c.removeTrees(), c.removeNetworks()}
	if c.builds != nil {
		errs = append(errs, c.builds.close())
	}
	if c.host != nil {
		errs = append(errs, c.host.Close())
	}
	errs = append(errs, c.kills.close(), c.mounts.close(), removeDir(c.dir))
	if c.journal == nil {
		return errors.Join(errs...)
	}
	if err := errors.Join(errs...); err != nil || c.unclean {
		return errors.Join(err, c.journal.Keep())
	}
	return c.journal.Close()
}

// runFeed makes one group after another.
func (c *collector) runFeed(ctx context.Context, feed Feed) error {
	for {
		g, ok, err := feed.Next(ctx)
		if err != nil || !ok {
			return err
		}
		if err := g.check(c.hasArm); err != nil {
			return err
		}
		if err := c.runGroup(ctx, g); err != nil {
			return err
		}
	}
}

func (c *collector) hasArm(name string) bool {
	return slices.ContainsFunc(c.job.Spec.Runtimes, func(r scenarios.Runtime) bool { return r.Name == name })
}

func (c *collector) runGroup(ctx context.Context, g Group) error {
	if err := allowHugePages(g.Trials[0].HugePages); err != nil {
		return &EnvError{Err: err}
	}
	if g.Together {
		if err := c.forTogether(g.Trials); err != nil {
			return err
		}
		err := c.runTogether(ctx, g.Trials)
		reapOrphans()
		return err
	}
	for batch := range g.batches {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.forScenario(batch[0].Scenario); err != nil {
			return err
		}
		if err := c.runBatch(ctx, batch); err != nil {
			return err
		}
		reapOrphans()
	}
	return nil
}

func (c *collector) runBatch(ctx context.Context, batch []scenarios.Trial) error {
	switch {
	case batch[0].Join != (scenarios.Join{}):
		return c.runJoins(ctx, batch)
	case batch[0].Concurrent:
		return c.runAtOnce(ctx, batch)
	}
	return c.runInTurn(ctx, batch)
}

func (c *collector) runInTurn(ctx context.Context, batch []scenarios.Trial) error {
	for _, t := range batch {
		c.forgetKills()
		if err := c.runOne(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// runOne makes a trial from its preparation to its record.
func (c *collector) runOne(ctx context.Context, t scenarios.Trial) error {
	if t.Lives > 0 {
		return c.runLives(ctx, t)
	}
	p, err := c.prepare(ctx, t)
	var m measured
	switch {
	case err != nil:
	case t.Cycles > 0:
		m, err = c.runSession(ctx, p)
	default:
		p.attach(ctx)
		m = c.call(ctx, p)
	}
	end, cleanErr := c.conclude(p, m)
	if err := errors.Join(err, cleanErr); err != nil {
		return wrapTrial(t, err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.store(end)
}

// runAtOnce starts all trials of a batch together, once all have their networks. They are recorded when the
// last has ended, so that an interrupted batch is made again as a whole.
func (c *collector) runAtOnce(ctx context.Context, batch []scenarios.Trial) error {
	c.forgetKills()
	all := make([]*prepared, 0, len(batch))
	var err error
	for _, t := range batch {
		var p *prepared
		p, err = c.prepare(ctx, t)
		all = append(all, p)
		if err != nil {
			err = wrapTrial(t, err)
			break
		}
	}
	of := make([]measured, len(all))
	if err == nil {
		attachAll(ctx, all)
		var wg sync.WaitGroup
		for i := range all {
			wg.Go(func() { of[i] = c.call(ctx, all[i]) })
		}
		wg.Wait()
	}
	return c.concludeAll(ctx, all, of, len(batch) < batch[0].BatchSize, err)
}

func (c *collector) concludeAll(ctx context.Context, all []*prepared, of []measured, short bool, err error) error {
	errs := []error{err}
	var ends []concluded
	for i, p := range all {
		end, err := c.conclude(p, of[i])
		if err != nil {
			errs = append(errs, wrapTrial(p.Trial, err))
		}
		if short {
			end.Warnings = append(end.Warnings, "the batch was interrupted: fewer containers ran at once than asked")
		}
		ends = append(ends, end)
	}
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return err
	}
	for _, end := range ends {
		if err := c.store(end); err != nil {
			return err
		}
	}
	return nil
}

func wrapTrial(t scenarios.Trial, err error) error {
	return fmt.Errorf("trial %d (%s, %s, %s): %w", t.Index, t.Scenario, t.Arm, t.Driver, err)
}
