package vm

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

// Guest is a machine that is up: commands can be run and files pushed.
type Guest struct {
	channel
	facts   Facts
	image   Image  // released by Close
	state   string // systemd's word for the boot
	qemu    *hypervisor
	console *console
	session *yamux.Session
	closing sync.Once
	death   error // why the guest ended, set before died is closed
	died    chan struct{}
}

// channel is what a booted and an attached guest have in common.
type channel struct {
	// open makes a new stream to the agent.
	open func(ctx context.Context) (net.Conn, error)
	// explain turns a broken stream into the guest's death when it has died.
	explain func(err error) error
}

// Run runs a command and returns its status as a shell would: 128+n for signal n,
// 127 for a command that is not there. An error is never the command's own doing;
// it is a *DeathError when the guest died. When ctx ends the command gets SIGINT,
// and its status is returned if it ends within its grace.
func (c channel) Run(ctx context.Context, cmd Cmd) (int, error) {
	stream, err := c.dial(ctx)
	if err != nil {
		return 0, err
	}
	// After the exit frame nothing is on its way any more.
	defer func() { _ = stream.Close() }()
	code, err := stream.run(ctx, cmd)
	return code, c.explained(err)
}

// Push writes a local file to an absolute path on the guest's disk.
func (c channel) Push(ctx context.Context, local, guest string, mode os.FileMode) error {
	stream, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }() // as in Run
	stop := context.AfterFunc(ctx, func() { _ = stream.Close() })
	defer stop()
	err = stream.push(local, guest, mode)
	if ctx.Err() != nil {
		return fmt.Errorf("push %s: %w", local, context.Cause(ctx)) // the stream was closed from here: nobody died
	}
	return c.explained(err)
}

func (c channel) dial(ctx context.Context) (*conn, error) {
	stream, err := c.open(ctx)
	if err != nil {
		return nil, c.explained(fmt.Errorf("%w: %w", errChannel, err))
	}
	return newConn(stream), nil
}

func (c channel) explained(err error) error {
	if !errors.Is(err, errChannel) {
		return err
	}
	return c.explain(err)
}

// Start boots a guest and waits until it answers. The context is for that alone:
// an interrupted command must find its guest still there to clean up in. The guest
// ends with Close and with this process, however that ends.
func Start(ctx context.Context, o Options) (*Guest, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	qemu, err := findQEMU(o.Suite)
	if err != nil {
		return nil, err
	}
	image, err := Prepare(ctx, o)
	if err != nil {
		return nil, err
	}
	how := boot
	if o.Accel == AccelAuto {
		how = startAuto
	}
	guest, err := how(ctx, o, qemu, image)
	if err != nil {
		image.Release()
		return nil, err
	}
	guest.image = image
	return guest, nil
}

// boot starts QEMU with settled options and waits for the agent.
func boot(ctx context.Context, o Options, qemu QEMU, image Image) (*Guest, error) {
	began := time.Now()
	note(o.Log, "booting %s with %s%s", o.Suite, o.Accel, map[Clock]string{Instructions: ", counting instructions"}[o.Clock])
	m := machine{image: image, accel: o.Accel, clock: o.Clock, memoryMiB: o.MemoryMiB, cpus: o.CPUs}
	term := newConsole()
	hyper, sock, err := launch(qemu, m, o.Agent, term)
	if err != nil {
		return nil, err
	}
	g := &Guest{qemu: hyper, console: term, died: make(chan struct{}), facts: Facts{
		Accelerator: o.Accel, Clock: o.Clock, QEMU: qemu.Version, Suite: o.Suite,
		MemoryMiB: o.MemoryMiB, CPUs: o.CPUs, Image: image.Hash,
	}}
	g.channel = channel{open: g.openStream, explain: g.whyBroken}
	go g.watch()
	if err := g.greet(ctx, sock, o.BootTimeout); err != nil {
		g.Close()
		return nil, fmt.Errorf("boot %s with %s: %w", o.Suite, o.Accel, err)
	}
	note(o.Log, "up after %.1f s (%s)", time.Since(began).Seconds(), g.facts)
	if g.state != "running" {
		note(o.Log, "its systemd is %s: see systemctl --failed in it", g.state)
	}
	return g, nil
}

// greet waits for the agent's hello and makes the session.
func (g *Guest) greet(ctx context.Context, sock net.Conn, limit time.Duration) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go giveUp(ctx, cancel, limit, g.qemu.waited)
	// Closing the socket ends the read below; a session closes it again, harmlessly.
	stop := context.AfterFunc(ctx, func() { _ = sock.Close() })
	defer stop()
	go func() {
		<-g.died
		_ = sock.Close() // as above
	}()
	in := bufio.NewReader(sock)
	line, err := in.ReadString('\n')
	if err != nil {
		return g.bootError(ctx, err)
	}
	var h hello
	if err := json.Unmarshal([]byte(line), &h); err != nil || h.Agent != helloVersion {
		return fmt.Errorf("unexpected greeting %q", line)
	}
	g.facts.Kernel, g.state = h.Kernel, h.State
	g.session, err = yamux.Client(buffered{sock, in}, muxConfig())
	if err != nil {
		return fmt.Errorf("channel: %w", err)
	}
	return nil
}

// errNoAnswer is a boot that took longer than it may.
type errNoAnswer struct{ limit, waited time.Duration }

func (e errNoAnswer) Error() string {
	if e.waited < time.Second {
		return fmt.Sprintf("no answer within %v", e.limit)
	}
	return fmt.Sprintf("no answer within %v, not counting %v in which it got no CPU of this busy machine", e.limit, e.waited.Round(time.Second))
}

// mostLimits bounds a boot on a machine that is so busy that it would never come to an end.
const mostLimits = 10

// giveUp cancels a boot that has had its time. What it waited for a CPU does not count: a machine that does other work is slow, and
// its guest neither hangs nor is dead.
func giveUp(ctx context.Context, cancel context.CancelCauseFunc, limit time.Duration, waited func() time.Duration) {
	began := time.Now()
	for left := limit; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(left):
		}
		starved := min(waited(), (mostLimits-1)*limit)
		if left = limit + starved - time.Since(began); left <= 0 {
			cancel(errNoAnswer{limit, starved})
			return
		}
	}
}

// bootError says which of the three ends a boot can come to was first.
func (g *Guest) bootError(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return g.whyBroken(fmt.Errorf("greeting: %w", err))
	}
	cause := context.Cause(ctx)
	if late := (errNoAnswer{}); errors.As(cause, &late) {
		return &DeathError{Reason: late.Error(), Console: g.console.tail(deathLines)}
	}
	return cause
}

// buffered is a connection whose first bytes were read already.
type buffered struct {
	net.Conn
	in *bufio.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.in.Read(p) }

// deathLines is how much of the console goes into an error.
const deathLines = 12

// dyingGrace lets a kernel that announced its end print why.
const dyingGrace = 2 * time.Second

// watch waits for QEMU's end, and makes it when the kernel announced its own.
func (g *Guest) watch() {
	select {
	case <-g.qemu.done:
	case <-g.console.dying:
		select {
		case <-g.qemu.done:
		case <-time.After(dyingGrace):
			g.qemu.kill()
			<-g.qemu.done
		}
	}
	g.death = g.deathError()
	close(g.died)
}

func (g *Guest) deathError() error {
	death := &DeathError{Console: g.console.tail(deathLines)}
	death.Reason, death.Said = g.qemu.reason()
	if said := g.console.fatalSaid(); said != "" {
		death.Reason, death.Said = "its kernel said "+strings.TrimSpace(said), ""
	}
	return death
}

// Facts says what the guest is.
func (g *Guest) Facts() Facts { return g.facts }

// Died is closed when the guest has ended, by whatever cause; Death then says why.
func (g *Guest) Died() <-chan struct{} { return g.died }

// Death is why the guest ended. It is nil while the guest lives.
func (g *Guest) Death() error {
	select {
	case <-g.died:
		return g.death
	default:
		return nil
	}
}

// Console is the end of what the guest printed on its serial line.
func (g *Guest) Console() []string { return g.console.tail(consoleLines) }

// Close stops the guest at once. Nothing in it is worth an orderly end: its disk
// is a snapshot that goes with QEMU.
func (g *Guest) Close() {
	g.closing.Do(func() {
		g.qemu.kill()
		<-g.died
		if g.session != nil {
			// The other end is gone.
			_ = g.session.Close()
		}
		g.image.Release()
	})
}

func (g *Guest) openStream(context.Context) (net.Conn, error) { return g.session.Open() }

// deathDelay is how long a broken channel waits to be explained by QEMU's end:
// both come from one event, the channel first.
const deathDelay = 5 * time.Second

func (g *Guest) whyBroken(err error) error {
	select {
	case <-g.died:
		return g.death
	case <-time.After(deathDelay):
		return &DeathError{Reason: err.Error(), Console: g.console.tail(deathLines)}
	}
}

// relay copies both ways until either side ends, then closes both.
func relay(a, b io.ReadWriteCloser) {
	var once sync.Once
	closeBoth := func() {
		// Frames, not the ends of streams, say what was complete.
		once.Do(func() { _, _ = a.Close(), b.Close() })
	}
	var copies sync.WaitGroup
	for _, pair := range [][2]io.ReadWriteCloser{{a, b}, {b, a}} {
		copies.Go(func() {
			defer closeBoth()
			_, _ = io.Copy(pair[0], pair[1]) // as above
		})
	}
	copies.Wait()
}
