package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/network"
	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
	"github.com/initbench/initbench/sequence/enforce"
	"github.com/initbench/initbench/sequence/observe"
)

// prepared is a trial with everything made that can be made before its clock starts.
type prepared struct {
	scenarios.Trial
	id     string
	scope  string // in the journal
	dir    string
	tree   *cgroupjoin.Tree
	reused *reusedTree // nil where the tree is this trial's alone
	cli    ociruntime.CLI
	binary results.RuntimeID
	// unready is why the runtime cannot be called as the trial asks.
	unready  error
	stdout   *capture
	stderr   *capture
	nonce    string
	hold     *hold            // nil where the payload does not wait
	network  *network.Network // nil where the container has none of ours
	attached *attached        // nil before it is

	enforcer *enforce.Enforcer // nil in the natural order
	watch    *observe.Watch    // nil where nothing watches
}

// measured is what calling the runtime gave.
type measured struct {
	observation
	startNS      int64
	latency      results.Latency
	limitInForce *int64
	leaf         *results.Events
	output       string
	warnings     []string
	pid          int // of the last verb
	createPID    int
	session      *told // nil of a single start
	enforcement  *sequence.Enforcement
}

const verbCreate = "create"

// cleanupTimeout bounds the removal of a trial, also of one that was cancelled.
const cleanupTimeout = 30 * time.Second

// prepare makes the trial's cgroups, bundle and pipes, journal first, then the filter and the watch of
// its lane. These two are not journalled: they are descriptors, and gone with the process. The containers of a session
// have their bundles and pipes when it is their turn.
func (c *collector) prepare(ctx context.Context, t scenarios.Trial) (*prepared, error) {
	p := &prepared{Trial: t, id: fmt.Sprintf("%s-%d", c.job.Run, t.Index)}
	p.scope = p.id
	p.dir = filepath.Join(c.work, strconv.Itoa(t.Index))
	c.choose(p)
	if err := c.connect(p); err != nil {
		return p, err
	}
	if err := c.takeTree(ctx, p); err != nil {
		return p, fmt.Errorf("cgroups: %w", err)
	}
	if t.Cycles > 0 {
		return p, nil
	}
	if err := c.fill(p); err != nil {
		return p, err
	}
	return p, c.enterLane(p)
}

// fill makes the container's bundle and pipes.
func (c *collector) fill(p *prepared) (err error) {
	p.nonce = ociruntime.NewNonce()
	if err := c.makeBundle(p); err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	if p.stdout, err = newCapture(p.nonce); err != nil {
		return fmt.Errorf("pipe: %w", err)
	}
	if p.stderr, err = newCapture(""); err != nil {
		return fmt.Errorf("pipe: %w", err)
	}
	return nil
}

// choose says which binary is called and how. The built-in runtime reports on its copy where the observer watches:
// writing a file takes time.
func (c *collector) choose(p *prepared) {
	rt, err := c.underTest(p.Trial)
	p.binary, p.unready = rt.id, err
	p.cli = ociruntime.CLI{Binary: rt.path, StateRoot: filepath.Join(p.dir, "state"), Systemd: p.Driver == cgroupjoin.Systemd, Options: rt.flags}
	if rt.builtin != nil && p.Observe {
		p.cli.Report = filepath.Join(p.dir, "clone.json")
	}
}

func (p *prepared) treeSpec() cgroupjoin.Spec {
	spec := cgroupjoin.Spec{ID: strconv.Itoa(p.Index)}
	if p.Place == cgroupjoin.OnAncestor {
		spec.AncestorLimit = p.Limit
	}
	return spec
}

func (c *collector) makeBundle(p *prepared) error {
	// The state root is made by the runtime itself, as it always is.
	if err := os.MkdirAll(p.bundle(), 0o755); err != nil {
		return err
	}
	spec := ociruntime.BundleSpec{
		Rootfs:      c.rootfs,
		CgroupsPath: p.tree.CgroupsPath(),
		NoSwap:      c.swap,
		Args:        ociruntime.Payload{Nonce: p.nonce, AnonBytes: p.Payload.AnonBytes, Enumerate: enumeration(p.Enumerate), Hold: p.hold != nil}.Args(),
	}
	if p.network != nil {
		spec.NetNS = p.network.NetNS(p.id)
	}
	if p.Place == cgroupjoin.OnContainer {
		spec.MemoryLimit = p.Limit
	}
	return ociruntime.WriteBundle(p.bundle(), spec)
}

func (p *prepared) bundle() string  { return filepath.Join(p.dir, "bundle") }
func (p *prepared) pidFile() string { return filepath.Join(p.dir, "init.pid") }

// call runs the trial: from the first clock reading to the last nothing is done
// but what a container manager must do.
func (c *collector) call(ctx context.Context, p *prepared) measured {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	m := measured{}
	m.startNS = now()
	if m.phase, m.spawnErr = p.ready(); m.spawnErr == nil {
		c.create(ctx, p, &m)
	}
	if m.create.ok() {
		c.start(ctx, p, &m)
	}
	c.remove(p, &m)
	p.detach(&m)
	p.stdout.finish()
	p.stderr.finish()
	m.output = p.stderr.text()
	return m
}

// verb calls the runtime once and says how that ended and when.
func (c *collector) verb(ctx context.Context, p *prepared, m *measured, name string, stdout *os.File, argv []string) (*exit, *int64) {
	m.phase = name
	proc, err := p.spawn(name, func() (*process, error) {
		return spawn(argv, p.tree.RuntimeCgroupFD(), p.input(name), stdout, p.stderr.w, p.dir)
	})
	if err != nil {
		m.spawnErr = err
		return nil, nil
	}
	m.pid = proc.cmd.Process.Pid
	status, at, err := proc.wait(ctx, p.tree.Kill)
	if err != nil {
		m.noteDeadline(ctx, err)
		return nil, nil
	}
	since := at - m.startNS
	return status, &since
}

// input is what a verb reads; nil means nothing. The payload has create's.
func (p *prepared) input(verb string) io.Reader {
	if p.hold == nil || verb != verbCreate {
		return nil
	}
	return p.hold.in
}

// noteDeadline tells the trial's own timeout from anything else that ended it.
func (m *measured) noteDeadline(ctx context.Context, err error) {
	m.timedOut = true
	if extra := errorsBut(err, ctx.Err()); extra != nil {
		m.warnings = append(m.warnings, m.phase+": "+extra.Error())
	}
}

func errorsBut(err, known error) error {
	if err == nil || errors.Is(known, err) || err.Error() == known.Error() {
		return nil
	}
	return err
}

func (c *collector) create(ctx context.Context, p *prepared, m *measured) {
	m.create, m.latency.Created = c.verb(ctx, p, m, verbCreate, p.stdout.w, p.cli.Create(p.id, p.bundle(), p.pidFile()))
	m.createPID = m.pid
	p.created(m)
}

// start calls start and waits for the payload's stamp and its end. What is read
// between create's return and start's call is not in any latency: StartCalled says when the call was.
func (c *collector) start(ctx context.Context, p *prepared, m *measured) {
	init, err := openInit(p.pidFile())
	if err != nil {
		m.warnings = append(m.warnings, "init: "+err.Error())
	} else {
		defer init.close()
	}
	if p.hold != nil {
		p.hold.lookAtInit(init)
	}
	if p.reused == nil { // else there is no limit to be seen in force
		c.readLeaf(p, m, init)
	}
	called := now() - m.startNS
	m.latency.StartCalled = &called
	m.start, _ = c.verb(ctx, p, m, "start", p.stdout.w, p.cli.Start(p.id))
	if !m.start.ok() {
		return
	}
	p.stdout.closeWriter() // the payload has the only one left: its end is the pipe's
	m.phase = "the payload"
	if p.hold != nil {
		p.hold.look(ctx, p.stdout, init)
		p.hold.release()
	}
	c.awaitPayload(ctx, p, m, init)
}

// awaitPayload waits for the payload's end and takes its stamp. Without a pid to
// wait for there is the pipe: its end means that no stamp will come.
func (c *collector) awaitPayload(ctx context.Context, p *prepared, m *measured, init *initProcess) {
	if init == nil {
		c.awaitStamp(ctx, p, m)
		return
	}
	status, err := init.wait(ctx)
	if err != nil {
		m.noteDeadline(ctx, errors.Join(err, p.tree.Kill()))
		return
	}
	at := now() - m.startNS
	m.payload, m.latency.Exited = status, &at
	p.stdout.finish() // what the payload wrote is in the pipe
	select {
	case ns := <-p.stdout.stamp:
		m.stamp(ns)
	default:
	}
}

func (c *collector) awaitStamp(ctx context.Context, p *prepared, m *measured) {
	select {
	case ns := <-p.stdout.stamp:
		m.stamp(ns)
		return
	case <-ctx.Done():
		m.noteDeadline(ctx, p.tree.Kill())
		return
	case <-p.stdout.done:
	}
	select { // it may have come with the end
	case ns := <-p.stdout.stamp:
		m.stamp(ns)
	default:
	}
}

func (m *measured) stamp(ns int64) {
	since := ns - m.startNS
	if since < 0 {
		m.warnings = append(m.warnings, fmt.Sprintf("the payload's stamp lies %d ns before the start", -since))
		return
	}
	m.stamped, m.latency.Started = true, &since
}

// remove calls delete as a container manager does after every create, failed or
// not. Its latency counts only where there was a stopped container to delete.
func (c *collector) remove(p *prepared, m *measured) {
	if m.spawnErr != nil {
		return
	}
	if p.reused == nil {
		c.readLeafEvents(p, m)
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	if m.payload != nil && m.start.ok() && c.delete(ctx, p, m) {
		return
	}
	after := measured{startNS: m.startNS}
	c.verb(ctx, p, &after, "delete --force", p.stderr.w, p.cli.ForceDelete(p.id))
	if after.timedOut {
		after.warnings = append(after.warnings, "delete --force did not end")
	}
	m.warnings = append(m.warnings, after.warnings...)
}

// delete is the verb by itself. That it fails does not undo a start: runc's loses
// now and then against systemd, which removes the scope while runc reads in it.
func (c *collector) delete(ctx context.Context, p *prepared, m *measured) bool {
	after := measured{startNS: m.startNS}
	called := now() - m.startNS
	status, at := c.verb(ctx, p, &after, "delete", p.stderr.w, p.cli.Delete(p.id))
	if !status.ok() {
		m.warnings = append(append(m.warnings, after.warnings...), "delete "+status.String()+" and was repeated with --force")
		return false
	}
	m.latency.DeleteCalled, m.latency.Deleted = &called, at
	return true
}
