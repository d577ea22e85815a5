package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/internal/lifecycle/killat"
	"github.com/initbench/initbench/internal/ociruntime"
)

const (
	// stepTimeout bounds a step once it is taken; nothing that a runtime does takes a tenth of it.
	stepTimeout = 30 * time.Second
	// traced is how many times as long a step may take under the tracer, in a guest that is emulated on a busy machine.
	traced = 4
	// endTimeout bounds the wait for an end that was asked for, and need not come.
	endTimeout = 5 * time.Second
	// orphanTime is what the children of a runtime that was killed have to end by themselves.
	orphanTime = 300 * time.Millisecond
	// often is how often something is looked at of which nothing tells.
	often = 5 * time.Millisecond
)

// take takes one step. Only what the harness itself cannot do is an error; what a runtime says is the step's.
func (v *life) take(ctx context.Context, step lifecycle.Step) (lifecycle.Done, error) {
	if err := ctx.Err(); err != nil {
		return lifecycle.Done{}, err
	}
	if step.Verb == lifecycle.Create {
		v.letGo() // which waits for the turn: that is not the runtime's time, nor is what a network takes
		if err := v.connect(ctx); err != nil {
			return lifecycle.Done{}, err
		}
	}
	began := now()
	if step.Verb == lifecycle.LateDelete {
		// Outside the step's limit, which is the runtime's: --settle may be longer. What others do meanwhile is in this wait.
		if err := v.wait(ctx, v.of.job.Quiet); err != nil {
			return lifecycle.Done{}, err
		}
	}
	inLine := v.inLine
	ctx, cancel := context.WithTimeout(ctx, v.limitOf(step))
	defer cancel()
	done, err := v.does(ctx, step)
	done.Step, done.NS = step.String(), now()-began-(v.inLine-inLine)
	reapOrphans()
	if err == nil {
		v.disconnect(step, &done)
	}
	return done, err
}

// limitOf is how long a step may take.
func (v *life) limitOf(step lifecycle.Step) time.Duration {
	if step.Kill != "" {
		return v.of.limit * traced
	}
	return v.of.limit
}

// overdue is what a step says of whose time was over.
func (v *life) overdue(step lifecycle.Step) string {
	return fmt.Sprintf("did not end within %v and was killed", v.limitOf(step))
}

func (v *life) does(ctx context.Context, step lifecycle.Step) (lifecycle.Done, error) {
	switch step.Verb {
	case lifecycle.Create:
		return v.create(ctx, step)
	case lifecycle.Start:
		return v.start(ctx, step)
	case lifecycle.Exit:
		return lifecycle.Done{Message: v.exit(ctx)}, nil
	case lifecycle.OOM:
		return v.oom(ctx)
	case lifecycle.Stop:
		done, err := v.call(ctx, v.cli.Kill(v.id, "KILL"), step)
		if err == nil && done.Exit != nil && *done.Exit == 0 {
			done.Message = joinText(done.Message, v.awaitEnd(ctx))
		}
		return done, err
	case lifecycle.ForceDelete:
		return v.call(ctx, v.cli.ForceDelete(v.id), step)
	case lifecycle.PressedDelete:
		release, err := v.press()
		if err != nil {
			return lifecycle.Done{}, err
		}
		defer release()
	}
	return v.call(ctx, v.cli.Delete(v.id), step)
}

// create makes the container with a payload that holds until its standard input ends.
func (v *life) create(ctx context.Context, step lifecycle.Step) (lifecycle.Done, error) {
	v.nonce = ociruntime.NewNonce()
	err := ociruntime.WriteBundle(v.bundle(), ociruntime.BundleSpec{Rootfs: v.rootfs, CgroupsPath: v.tree.CgroupsPath(), NoSwap: v.of.swap, NetNS: v.netNS(),
		Args: ociruntime.Payload{Nonce: v.nonce, Hold: true}.Args()})
	if err != nil {
		return lifecycle.Done{}, err
	}
	if v.stdout, err = newCapture(v.nonce); err != nil {
		return lifecycle.Done{}, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return lifecycle.Done{}, err
	}
	v.stdin = w
	done, err := v.callWith(ctx, v.cli.Create(v.id, v.bundle(), v.pidFile()), step, r, v.stdout.w)
	_ = r.Close() // the container has its own
	v.stdout.closeWriter()
	if init, ierr := openInit(v.pidFile()); ierr == nil {
		v.init = init
	}
	return done, err
}

// start returns when the payload runs.
func (v *life) start(ctx context.Context, step lifecycle.Step) (lifecycle.Done, error) {
	done, err := v.call(ctx, v.cli.Start(v.id), step)
	if err != nil || done.Exit == nil || *done.Exit != 0 || v.stdout == nil {
		return done, err
	}
	v.aside(func() {
		select {
		case <-v.stdout.stamp:
		case <-v.stdout.done:
			done.Message = joinText(done.Message, "the payload ended before it had begun")
		case <-ctx.Done():
			done.Message = joinText(done.Message, "the payload did not begin")
		}
	})
	return done, nil
}

// exit has the payload end.
func (v *life) exit(ctx context.Context) string {
	if v.stdin != nil {
		_ = v.stdin.Close() // which is what the payload waits for
		v.stdin = nil
	}
	return v.awaitEnd(ctx)
}

// awaitEnd waits for init's end, where it is known which process that is.
func (v *life) awaitEnd(ctx context.Context) string {
	if v.init == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	var err error
	v.aside(func() { err = v.init.ended(ctx) }) // whose turn it is takes its status, as that of any orphan
	if err != nil {
		return fmt.Sprintf("init had not ended after %v", endTimeout)
	}
	reapOrphans()
	v.init.close()
	v.init = nil
	return ""
}

// press keeps every CPU busy, and has each page that the runtime asks for reclaimed from itself, until release is called.
func (v *life) press() (release func(), err error) {
	high := filepath.Join(v.tree.RuntimePath(), "memory.high")
	if err := os.WriteFile(high, []byte(strconv.Itoa(2<<20)), 0); err != nil {
		return nil, fmt.Errorf("pressure: %w", err)
	}
	var stop atomic.Bool
	for range runtime.NumCPU() {
		go spin(&stop)
	}
	return func() {
		stop.Store(true)
		_ = os.WriteFile(high, []byte("max"), 0) // the cgroup goes with the life, and nothing is measured in it
	}, nil
}

func spin(stop *atomic.Bool) {
	for !stop.Load() {
		// that a CPU is busy is all this is for
	}
}

// wait waits for what goes by itself, and no longer than the limit.
func (v *life) wait(ctx context.Context, limit time.Duration) error {
	for began := time.Now(); time.Since(began) < limit && ctx.Err() == nil; v.pause(untilNextLook(began, limit)) {
		items, err := v.left(ctx)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(items, v.goesByItself) {
			return nil
		}
	}
	return ctx.Err()
}

// untilNextLook is how long is waited between two looks at what nothing tells of: the longer the more has been waited, so that the time at which
// a thing was seen to have gone is a fifth too long at most. A look is one at the whole machine's mounts and units. The last is when the limit is over.
func untilNextLook(began time.Time, limit time.Duration) time.Duration {
	waited := time.Since(began)
	return min(max(often, waited/4), max(0, limit-waited))
}

// goesByItself reports whether a thing can: a state directory cannot, nor what the life was given of a network.
func (v *life) goesByItself(it item) bool {
	switch it.kind {
	case lifecycle.StateDirectories, lifecycle.Veths, lifecycle.Leases:
		return false
	case lifecycle.NetNamespaces:
		return it.key != nsAt(v.netNS())
	}
	return true
}

func (v *life) call(ctx context.Context, argv []string, step lifecycle.Step) (lifecycle.Done, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return lifecycle.Done{}, err
	}
	defer func() { _ = null.Close() }() // nothing was written
	return v.callWith(ctx, argv, step, null, null)
}

// callWith calls the runtime once. What it says goes to a file, not a pipe, whose other end an init would hold for as long as it lives.
func (v *life) callWith(ctx context.Context, argv []string, step lifecycle.Step, stdin, stdout *os.File) (lifecycle.Done, error) {
	v.calls++
	said, err := os.OpenFile(filepath.Join(v.dir, fmt.Sprint("said-", v.calls)), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return lifecycle.Done{}, err
	}
	defer func() { _ = said.Close() }() // what is in it has been read
	var done lifecycle.Done
	if step.Kill == "" {
		done, err = v.plain(ctx, argv, step, stdin, stdout, said)
	} else {
		done, err = v.traced(ctx, argv, step, stdin, stdout, said)
	}
	done.Message = joinText(done.Message, headOf(said))
	return done, err
}

func (v *life) plain(ctx context.Context, argv []string, step lifecycle.Step, stdin, stdout, stderr *os.File) (lifecycle.Done, error) {
	proc, err := spawn(argv, v.tree.RuntimeCgroupFD(), stdin, stdout, stderr, v.dir)
	if err != nil {
		return lifecycle.Done{}, err
	}
	status, _, err := proc.wait(ctx, v.tree.Kill)
	if err != nil {
		return lifecycle.Done{Message: v.overdue(step)}, v.interrupted(ctx)
	}
	return lifecycle.Done{Exit: status.exitCode(), Signal: status.signal}, nil
}

// interrupted is the error of a context that was ended from outside; a step's own timeout is none.
func (v *life) interrupted(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return nil
}

// traced runs a verb under the tracer, which kills it at a point, or at none.
func (v *life) traced(ctx context.Context, argv []string, step lifecycle.Step, stdin, stdout, stderr *os.File) (lifecycle.Done, error) {
	timely := killOnceOver(ctx, v.tree.Kill)
	at, birthplace := step.Kill, v.tree.RuntimeCgroupFD()
	alone, known := v.of.foreseen(step)
	if v.slow {
		alone, known = false, nil
	}
	r, err := killat.Run(killat.Command{Argv: argv, Dir: v.dir, Files: [3]*os.File{stdin, stdout, stderr}, Cgroup: &birthplace, Alone: alone, Known: known,
		Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=/root", "LANG=C.UTF-8", "XDG_RUNTIME_DIR=/run"}},
		killat.Target{Leaf: v.tree.LeafPath(), StateRoot: v.cli.StateRoot, PIDFile: v.pidFile()}, at)
	inTime := timely() // what is left behind from here on nobody kills
	if err != nil {
		return lifecycle.Done{}, err
	}
	if !inTime { // what was killed with it says nothing of the point, also where it had come to that
		return lifecycle.Done{Missed: at != "", Message: v.overdue(step)}, v.interrupted(ctx)
	}
	v.points, v.places, v.alone = lifecycle.PointsOf(r.Timeline), placesOf(r), r.Alone
	if err := v.goOn(); err != nil {
		return lifecycle.Done{}, err
	}
	status := exitOf(r.Status)
	done := lifecycle.Done{Exit: status.exitCode(), Signal: status.signal, Missed: at != "" && !r.Reached}
	if done.Missed {
		done.Message = "the runtime did not come to this point"
	}
	return done, v.interrupted(ctx)
}

// killOnceOver has kill be called when ctx ends, until timely is, which says whether it was not; if it was, it has returned.
func killOnceOver(ctx context.Context, kill func() error) (timely func() bool) {
	killed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(killed)
		_ = kill() // what it did not kill, clean does
	})
	return func() bool {
		if stop() {
			return true
		}
		<-killed
		return false
	}
}

// timelines are what is known of a runtime's verbs.
type timelines struct {
	points lifecycle.Points
	places map[lifecycle.Verb]map[lifecycle.Point]killat.Place
	alone  map[lifecycle.Verb]bool // no process that the verb started was there at its end
}

// foreseen says by the timelines whether nothing that the runtime has started is there when it is killed, and if that cannot be said, where it is.
func (l *Lifecycles) foreseen(step lifecycle.Step) (alone bool, known *killat.Place) {
	place, has := l.known.places[step.Verb][step.Kill]
	switch {
	case !has:
		return false, nil
	case place.Births == 0 || l.known.alone[step.Verb]:
		return true, nil
	}
	return false, &place
}

func placesOf(r killat.Result) map[lifecycle.Point]killat.Place {
	all := map[lifecycle.Point]killat.Place{}
	for step, place := range r.Places {
		all[lifecycle.PointOf(step, 1)] = place
	}
	return all
}

// goOn wakes what was born in the moment the tracer ended: the kernel stops whoever is born traced, with a signal
// that the tracer swallows. Then it gives what the runtime left behind the time to end by itself.
func (v *life) goOn() error {
	for began := time.Now(); ; v.pause(untilNextLook(began, orphanTime)) {
		over := time.Since(began) >= orphanTime
		reapOrphans()
		pod, runtimes, err := v.tree.Procs()
		if err != nil {
			return err
		}
		for _, pid := range append(pod, runtimes...) {
			_ = unix.Kill(pid, unix.SIGCONT) // one that has ended needs none
		}
		if len(runtimes) == 0 || over {
			return nil
		}
	}
}

// Points finds the steps of each verb at which the runtime can be killed, from timelines of its own.
func (l *Lifecycles) Points(ctx context.Context) (lifecycle.Points, error) {
	l.turn.Lock()
	defer l.turn.Unlock()
	all := timelines{lifecycle.Points{}, map[lifecycle.Verb]map[lifecycle.Point]killat.Place{}, map[lifecycle.Verb]bool{}}
	for _, verbs := range [][]lifecycle.Verb{
		{lifecycle.Create, lifecycle.Start, lifecycle.Stop, lifecycle.Delete},
		{lifecycle.Create, lifecycle.Start, lifecycle.ForceDelete},
	} {
		v, err := l.begin(ctx)
		if err == nil {
			err = v.survey(ctx, verbs, all)
		}
		if err := errors.Join(err, v.end()); err != nil {
			return nil, fmt.Errorf("timeline of the runtime's steps: %w", err)
		}
	}
	delete(all.points, lifecycle.Stop) // it sends a signal, before and after which nothing is half done
	l.known = all
	return all.points, ctx.Err()
}

// survey runs verbs under the tracer from end to end.
func (v *life) survey(ctx context.Context, verbs []lifecycle.Verb, all timelines) error {
	for _, verb := range verbs {
		// A name that no step has: the tracer looks for it, and the runtime lives.
		done, err := v.take(ctx, lifecycle.Step{Verb: verb, Kill: nowhere})
		if err != nil {
			return err
		}
		if done.Exit == nil || *done.Exit != 0 {
			return fmt.Errorf("%s under the tracer: %s: %s", verb, done.Ended(), done.Message)
		}
		if verb == lifecycle.Stop {
			continue
		}
		all.points[verb], all.places[verb], all.alone[verb] = v.points, v.places, v.alone
	}
	return nil
}

// nowhere is no step's name: PointOf makes dashes of spaces.
const nowhere = lifecycle.Point(" ")

func joinText(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// headOf is the beginning of what a runtime said, in one line.
func headOf(f *os.File) string {
	const most = 400
	b := make([]byte, most)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err.Error()
	}
	return OneLine(string(b[:n]))
}
