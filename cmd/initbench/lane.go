package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/initbench/initbench/internal/runner"
	"github.com/initbench/initbench/internal/vm"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// lane is where trials are made.
type lane struct {
	where string // host or vm
}

// chooseLane takes the host when it can measure, and says in one line why not otherwise.
func (m *measurement) chooseLane(ctx context.Context) (lane, error) {
	if m.flags.in == "vm" {
		return lane{"vm"}, nil
	}
	err := m.clocksOfHost()
	if err == nil {
		err = runner.CanRun(ctx, m.header.Spec)
	}
	if err == nil && m.flags.mustObserve {
		err = runner.CanObserve()
	}
	switch {
	case err == nil:
		return lane{"host"}, m.leaveClocks()
	case m.flags.in == "host":
		return lane{}, err
	}
	_, _ = fmt.Fprintf(m.notes, "measuring in the guest, since the host cannot: %v\n", err) // notes are only advice
	return lane{"vm"}, nil
}

// place is what a resumed run needs to know of where this one is made.
func (f *measureFlags) place(l lane) *results.Place {
	if l.where != "vm" {
		return &results.Place{In: l.where}
	}
	g := f.guest
	return &results.Place{In: l.where, Suite: g.suite, GuestMemory: g.memory, GuestCPUs: g.cpus, GuestClock: g.clock}
}

// goOn has a resumed run made where it was begun, since trials of two places do
// not compare. What the user says all the same is done, and the verdict judges it.
func (f *measureFlags) goOn(changed func(string) bool, p *results.Place) error {
	if p == nil {
		return nil
	}
	g := &f.guest
	for _, of := range []struct {
		flag   string
		value  *string
		stored string
	}{
		{"in", &f.in, p.In}, {"suite", &g.suite, p.Suite}, {"memory", &g.memory, p.GuestMemory}, {"clock", &g.clock, p.GuestClock},
	} {
		if !changed(of.flag) && of.stored != "" {
			*of.value = of.stored
		}
	}
	if !changed("cpus") && p.GuestCPUs != 0 {
		g.cpus = p.GuestCPUs
	}
	return f.checkGuest()
}

// collectInGuest boots a guest with a clock, takes binaries there and stores what comes
// back line by line: whatever becomes of the guest, a finished trial is kept.
func collectInGuest(ctx context.Context, m *measurement, clock scenarios.Clock, job runner.Job, live runner.Feed, sink runner.Sink, p *progress) error {
	opts, err := m.flags.guest.by(clock)
	if err != nil {
		return err
	}
	opts.Log = p.notes() // above the bar, which would be drawn over it
	guest, err := vm.Start(ctx, opts)
	if err != nil {
		return err
	}
	defer guest.Close()
	if job, err = m.push(ctx, guest, job); err != nil {
		return err
	}
	facts := guest.Facts()
	m.flags.guest.learn(facts)
	job.Lane = runner.Lane{Where: "vm", Accelerator: string(facts.Accelerator), Clock: string(facts.Clock), QEMU: facts.QEMU, Initbench: buildVersion()}
	return runCollector(ctx, guest, job, live, sink, p.notes())
}

// push takes the runtimes' binaries to the guest's disk and points the job at
// them. Names stay names: they are on the guest's PATH or nowhere.
func (m *measurement) push(ctx context.Context, guest *vm.Guest, job runner.Job) (runner.Job, error) {
	job.Binaries = maps.Clone(job.Binaries) // the next guest gets its own
	pushed := map[string]string{}           // the built-in runtime is as many arms as it has options
	for arm, local := range job.Binaries {
		if !strings.Contains(local, "/") {
			continue
		}
		if _, is := pushed[local]; !is {
			pushed[local] = path.Join(vm.GuestState, "runtimes", arm)
			if err := guest.Push(ctx, local, pushed[local], 0o755); err != nil {
				return job, fmt.Errorf("runtime %s: %w", arm, err)
			}
		}
		job.Binaries[arm] = pushed[local]
	}
	return job, nil
}

// collector is a machine on which collect can be run.
type collector interface {
	Run(context.Context, vm.Cmd) (code int, err error)
}

// runCollector has the guest make what live asks for or, without it, the job's plan.
func runCollector(ctx context.Context, guest collector, job runner.Job, live runner.Feed, sink runner.Sink, notes io.Writer) error {
	job.Live = live != nil
	text, err := json.Marshal(job)
	if err != nil {
		return fmt.Errorf("job: %w", err)
	}
	listening, guestSays, stop := listen(ctx, patience(job))
	defer stop()
	in, sent, told := io.NopCloser(bytes.NewReader(text)), sentAll(), sink
	if live != nil {
		s := newSender(sink)
		sink = s
		in, sent = s.stdin(listening, text, live, guestSays)
	}
	out, stored := guestSays.store(sink, told)
	tail := &lastLine{out: notes}
	code, err := guest.Run(listening, vm.Cmd{Argv: []string{"initbench", "collect"}, Stdin: in,
		Stdout: guestSays.from(out), Stderr: guestSays.from(tail)})
	why := context.Cause(listening) // before the guest's end ends anything else
	_, _ = out.Close(), in.Close()  // of pipes in memory
	stop()
	notStored, notSent := <-stored, <-sent
	switch err := errors.Join(notStored, err); {
	case why != nil && ctx.Err() == nil:
		return why
	case err != nil:
		return err
	case code == exitPass && notSent != nil:
		return errors.New("the guest ended the run before it was over")
	case code == exitPass:
		return nil
	}
	return &codeError{code: code, message: strings.TrimPrefix(tail.text(), "initbench: ")}
}

// sentAll is the end of having nothing to send.
func sentAll() <-chan error {
	end := make(chan error)
	close(end)
	return end
}

// store hands what is written to it to the sink, line by line, and gives the guest up when that cannot go on: its next
// record would be lost too. The channel gets the end of it, once.
// What it says of how far it is goes to told, if that wants to know.
func (h *heard) store(sink, told runner.Sink) (out io.WriteCloser, stored <-chan error) {
	r, w := io.Pipe()
	end := make(chan error, 1)
	go func() {
		err := storeLines(r, sink, told)
		if err != nil {
			h.giveUp(err)
		}
		_ = r.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // ends the guest's writing
		end <- err
	}()
	return w, end
}

// storeLines hands each line of the guest to the store as it comes.
func storeLines(r io.Reader, sink, told runner.Sink) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), results.MaxLine+1) // a scanner fails at its bound, not above it
	for lines.Scan() {
		err := tellCycle(lines.Bytes(), told)
		if errors.Is(err, errNoCycle) {
			err = storeLine(lines.Bytes(), sink)
		}
		if err != nil {
			return err
		}
	}
	return lines.Err()
}

func storeLine(text []byte, sink runner.Sink) error {
	line, err := results.DecodeLine(text)
	switch {
	case err != nil:
		return fmt.Errorf("the guest sent: %w", err)
	case line.Environment != nil:
		return sink.Environment(*line.Environment)
	case line.Timeline != nil:
		return sink.Timeline(line.Timeline.Trial, line.Timeline.Timeline)
	}
	return sink.Record(*line.Record)
}

// lastLine passes whole lines on but keeps the last one back: when the collector
// fails, that is its reason, and it is printed once, as our own.
type lastLine struct {
	out  io.Writer
	held []byte
}

func (l *lastLine) Write(b []byte) (int, error) {
	l.held = append(l.held, b...)
	body := bytes.TrimSuffix(l.held, []byte("\n"))
	if i := bytes.LastIndexByte(body, '\n'); i >= 0 {
		_, _ = l.out.Write(l.held[:i+1]) // notes are only advice
		l.held = append([]byte(nil), l.held[i+1:]...)
	}
	return len(b), nil
}

func (l *lastLine) text() string { return strings.TrimSpace(string(l.held)) }

// guestFlags choose the guest; they mean nothing on the host.
type guestFlags struct {
	suite  string
	memory string
	cpus   int
	clock  string
	accel  string
}

func (g *guestFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&g.suite, "suite", string(vm.Bookworm), "guest: Debian release, bookworm (Linux 6.1) or trixie (6.12)")
	fl.StringVar(&g.memory, "memory", "2GiB", "guest: memory")
	fl.IntVar(&g.cpus, "cpus", 0, "guest: virtual CPUs (default 2, or what the host has)")
	fl.StringVar(&g.clock, "clock", "wall", "guest: wall, or instructions (QEMU -icount: guest time counts instructions)")
	fl.StringVar(&g.accel, "accel", "auto", "guest: auto (kvm if a guest boots with it), kvm, tcg")
	complete(cmd, "suite", string(vm.Bookworm), string(vm.Trixie))
	complete(cmd, "clock", string(vm.Wall), string(vm.Instructions))
	complete(cmd, "accel", string(vm.AccelAuto), string(vm.KVM), string(vm.TCG))
}

// check refuses options that cannot be meant before anything is started.
func (g *guestFlags) check() error {
	o, err := g.options()
	if err != nil {
		return err
	}
	return o.Check()
}

func (g *guestFlags) options() (vm.Options, error) {
	bytes, err := scenarios.ParseSize(g.memory)
	if err != nil {
		return vm.Options{}, usagef("--memory: %w", err)
	}
	return vm.Options{Suite: vm.Suite(g.suite), MemoryMiB: int(bytes >> 20), CPUs: g.cpus, Clock: vm.Clock(g.clock), Accel: vm.Accel(g.accel)}, nil
}
