package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/journal"
	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/internal/pool"
	"github.com/initbench/initbench/internal/runner"
	"github.com/initbench/initbench/internal/vm"
	"github.com/initbench/initbench/scenarios"
)

// lifecycleFlags are those of `initbench lifecycle`.
type lifecycleFlags struct {
	runtimes []string
	drivers  []string
	sequence string
	times    int
	length   int
	faults   int
	settle   time.Duration
	networks []string // --network
	out      string
	from     []string
	in       string
	format   string
	all      bool
	quiet    bool
	inGuest  bool
	refs     []string // in a guest, what the runtimes are called on the host
	guest    guestFlags

	one   lifecycle.Sequence // --sequence, read
	pools []pool.Pool        // --network, likewise
}

func lifecycleFormats() []string { return []string{"table", "markdown", "json", "jsonl"} }

func newLifecycleCommand() *cobra.Command {
	var f lifecycleFlags
	cmd := &cobra.Command{
		Use:   "lifecycle --runtime REF (--length N | --sequence STEPS)",
		Short: "live every life of a container up to a length, and show what each left and what freed it",
		Long: `lifecycle makes containers live sequences of OCI verbs and faults, and looks for what is left afterwards:
processes, cgroups, systemd units, mounts, network namespaces, state directories. Of each leftover it is found
out what frees it: time alone (--settle), else the runtime's delete --force, else what initbench clean does.

--network POOL gives each container a network by CNI plugins, with an address of each pool ({"base": ..., "size": ...}, a list
of them, or a file, as pool check has it): a namespace and addresses before its create, which are freed after a delete that
succeeded. Leases of addresses and interfaces are then looked for too. docs/lifecycle.md says whose duty is what.

Steps: create, start, exit (the payload ends), stop (kill KILL), oom (init is OOM-killed), delete, delete-force
(--force), delete-late (once what goes by itself has gone), delete-pressed (under pressure), and kill9@VERB:POINT,
in which the runtime is killed right before a step of its own timeline, such as kill9@create:join.

--length N lives all sequences of up to N steps that end with a delete or a kill. --sequence lives one: so each
line of the matrix is reproduced. What a runtime and its child or systemd do at the same time may go either way:
--times N lives the one sequence so often, and shows in how many lives what was left. With --out the records go to a file, and what it has already is not lived again.
--from FILE shows what such files have, those of several runtimes beside each other, and lives nothing.

Exit codes: 0 all was lived or shown, whatever was left, 2 usage or input error, 3 no life of --sequence says anything of a runtime under a
driver, since it was not killed at the point where it was to be, 4 the environment or the harness failed, or another run holds
this machine, 130 interrupted (with --out the same command goes on).`,
		Example: `  initbench lifecycle --runtime runc@v1.1.15 --driver systemd --length 3
  initbench lifecycle --runtime crun --driver cgroupfs --sequence kill9@create:join,delete
  initbench lifecycle --runtime crun --driver systemd --sequence kill9@create:unit-start --times 100
  initbench lifecycle --runtime runc@v1.2.6 --length 4 --out lives.jsonl
  initbench lifecycle --runtime crun --network '{"base":"10.88.0.0/16","size":24}' --sequence create,start,delete
  initbench lifecycle --from lives.jsonl --format markdown`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runLifecycle(cmd, &f) },
	}
	f.register(cmd)
	return cmd
}

func (f *lifecycleFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&f.runtimes, "runtime", nil, "runtime, REF or NAME=REF (may be repeated)")
	fl.StringArrayVar(&f.drivers, "driver", nil, "only this cgroup driver: cgroupfs or systemd (may be repeated)")
	fl.Var(&once{value: &f.sequence}, "sequence", "live this one sequence, such as create,start,stop,delete")
	fl.IntVar(&f.times, "times", 1, "with --sequence: live it so often")
	fl.IntVar(&f.length, "length", 0, "live every sequence of up to so many steps")
	fl.IntVar(&f.faults, "faults", 1, "how many faults one sequence may have: kills of the runtime, and deletes under pressure")
	fl.DurationVar(&f.settle, "settle", lifecycle.DefaultSettle, "how long time alone is given to free what is left")
	fl.StringArrayVar(&f.networks, "network", nil, "give containers addresses of this pool: POOL or FILE (may be repeated)")
	fl.StringVar(&f.out, "out", "", "file for the records, a JSON line each; what it has is not lived again")
	fl.StringArrayVar(&f.from, "from", nil, "show the records of this file, and live nothing (may be repeated)")
	fl.StringVar(&f.in, "in", "auto", "where containers live: auto (the host if it can, else the guest), host, vm")
	fl.StringVar(&f.format, "format", "table", "output: "+strings.Join(lifecycleFormats(), ", "))
	fl.BoolVar(&f.all, "all", false, "show every sequence, also those of which all that was left went by itself")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no progress and no notes, only the answer and errors")
	fl.BoolVar(&f.inGuest, "in-guest", false, "read from standard input what need not be lived")
	fl.StringArrayVar(&f.refs, "ref", nil, "what a record calls each runtime")
	for _, name := range []string{"in-guest", "ref"} {
		if err := fl.MarkHidden(name); err != nil {
			panic(err) // only for a flag that does not exist
		}
	}
	f.guest.register(cmd)
	complete(cmd, "driver", driverWords()...)
	complete(cmd, "in", "auto", "host", "vm")
	complete(cmd, "format", lifecycleFormats()...)
}

// check refuses what is wrong before anything is started.
func (f *lifecycleFlags) check(cmd *cobra.Command) error {
	changed := cmd.Flags().Changed
	if changed("from") {
		return f.checkShown(changed)
	}
	switch {
	case len(f.runtimes) == 0:
		return usagef("lifecycle: give --runtime REF")
	case changed("sequence") == changed("length"):
		return usagef("lifecycle: give --length N for all sequences up to it, or --sequence STEPS for one")
	case changed("times") && !changed("sequence"):
		return usagef("--times is for --sequence: --length lives each sequence once")
	case f.times < 1 || f.times > lifecycle.MaxTimes:
		return usagef("--times %d: want 1 to %d", f.times, lifecycle.MaxTimes)
	case f.settle < 0 || f.settle > time.Hour:
		return usagef("--settle %v: want 0 to 1h", f.settle)
	}
	var err error
	if changed("sequence") {
		if f.one, err = lifecycle.Parse(f.sequence); err != nil {
			return usagef("--sequence: %w", err)
		}
	} else if _, err = (lifecycle.Space{Faults: f.faults}).Count(f.length); err != nil {
		return usagef("lifecycle: %w", err)
	}
	if err := f.checkNetwork(cmd.InOrStdin()); err != nil {
		return err
	}
	if err := errors.Join(checkWord("--in", f.in, "auto", "host", "vm"), checkWord("--format", f.format, lifecycleFormats()...)); err != nil {
		return err
	}
	return f.guest.check()
}

// checkNetwork reads the pools as `pool check` does, and refuses what a scenario's network would be refused for.
func (f *lifecycleFlags) checkNetwork(stdin io.Reader) error {
	var written []pool.Written
	for _, arg := range f.networks {
		name, data, err := readPools(stdin, arg)
		if err == nil {
			f.pools, err = pool.ParseChecked(name, data)
		}
		if err != nil {
			return usagef("--network: %w", err)
		}
		written = append(written, lifecycle.NetworkOf(f.pools).Pools...)
	}
	if len(written) == 0 {
		return nil
	}
	n := &scenarios.Network{Pools: written}
	if err := n.Check(scenarios.LivesAtOnce); err != nil {
		return usagef("--network: %w", err)
	}
	f.pools = n.AddressPools()
	return nil
}

// lives are those of one command.
type lives struct {
	*lifecycleFlags
	notes   io.Writer
	sink    *lifeSink
	drivers []cgroupjoin.Driver
}

func runLifecycle(cmd *cobra.Command, f *lifecycleFlags) (err error) {
	if err := f.check(cmd); err != nil {
		return err
	}
	if len(f.from) > 0 {
		return showLives(cmd.OutOrStdout(), f)
	}
	l := lives{lifecycleFlags: f, notes: cmd.ErrOrStderr()}
	if f.quiet {
		l.notes = io.Discard
	}
	if l.drivers, err = chosen("--driver", f.drivers, cgroupjoin.Drivers(), cgroupjoin.ParseDriver); err != nil {
		return err
	}
	if l.sink, err = openLifeSink(f, cmd.InOrStdin(), cmd.OutOrStdout()); err != nil {
		return err
	}
	err = errors.Join(l.live(cmd.Context()), l.sink.close())
	if err != nil {
		return l.explain(cmd.Context(), err)
	}
	return f.answer(cmd.OutOrStdout(), l.sink.records)
}

// answer prints what was lived, and ends as inconclusive where no life of the one sequence says anything of a runtime under a driver. A guest's command
// leaves that to the host's, which has the records.
func (f *lifecycleFlags) answer(w io.Writer, records []lifecycle.Record) error {
	if err := writeLives(w, f, records); err != nil || f.inGuest || f.one == nil {
		return err
	}
	for _, t := range lifecycle.Tables(records) {
		if t.Lives == t.LivesMissed {
			return &codeError{exitInconclusive, fmt.Sprintf("lifecycle: no life of %s says anything of %s under %s: the runtime was not killed at the point where it was to be", f.one, t.Runtime.Name, t.Under())}
		}
	}
	return nil
}

// explain adds to an interruption how to go on.
func (l lives) explain(ctx context.Context, err error) error {
	switch {
	case ctx.Err() == nil:
		return err
	case l.out == "" || len(l.sink.records) == 0: // there may be no file yet
		return &codeError{code: exitInterrupted, message: "interrupted"}
	}
	return &codeError{code: exitInterrupted, message: "interrupted: " + l.out + " keeps what was lived; the same command goes on"}
}

// live chooses the place.
func (l lives) live(ctx context.Context) error {
	if l.in != "vm" {
		err := runner.CanMeasure(ctx, l.drivers)
		if err == nil {
			return l.here(ctx)
		}
		if l.in == "host" {
			return err
		}
		_, _ = fmt.Fprintf(l.notes, "living in the guest, since the host cannot: %v\n", err) // notes are only advice
	}
	return l.inVM(ctx)
}

func (l lives) here(ctx context.Context) error {
	for i, arg := range l.runtimes {
		name, ref, err := lifeRuntime(arg)
		if err != nil {
			return err
		}
		called := ref.String()
		if l.inGuest && i < len(l.refs) {
			called = l.refs[i] // its path here is nobody's business
		}
		bin, err := ociruntime.Resolve(ctx, ref, ociruntime.Options{Log: l.notes})
		if err != nil {
			return fmt.Errorf("runtime %s: %w", name, err)
		}
		for _, d := range l.drivers {
			if err := l.under(ctx, runner.LifecycleJob{Name: name, Ref: called, Binary: bin.Path, Driver: d, Quiet: l.settle, Pools: l.pools, Where: l.where()}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *lifecycleFlags) where() lifecycle.Where {
	if f.inGuest {
		return lifecycle.InGuest
	}
	return lifecycle.OnHost
}

// lifeRuntime takes NAME=REF apart; a reference of the built-in runtime has an = of its own.
func lifeRuntime(arg string) (name string, ref ociruntime.Ref, err error) {
	all, err := parseRuntimes([]string{arg})
	if err != nil {
		return "", ref, err
	}
	ref, err = ociruntime.ParseRef(all[0].Ref)
	return all[0].Name, ref, err
}

// under lives the sequences of one runtime under one driver.
func (l lives) under(ctx context.Context, job runner.LifecycleJob) (err error) {
	if job.Run, err = newRunID(); err != nil {
		return err
	}
	machine, err := runner.OpenLifecycles(ctx, job, l.notes)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, machine.Close()) }()
	if l.one != nil {
		return l.again(ctx, machine, job)
	}
	points, err := machine.Points(ctx)
	if err != nil {
		return err
	}
	space := lifecycle.Space{Points: points, Faults: l.faults}
	total, err := space.Count(l.length)
	if err != nil {
		return err
	}
	all, err := space.All(l.length)
	if err != nil {
		return usagef("lifecycle: %w", err)
	}
	_, _ = fmt.Fprintf(l.notes, "%s, %s: %v sequences of up to %d steps; killed at %s\n", job.Name, job.Driver, total, l.length, pointWords(points)) // notes are only advice
	at := newLifeProgress(l, job, "sequence", total)
	var missing []lifecycle.Sequence
	for s := range all {
		if l.sink.has(machine.Record(s)) {
			at.done++
		} else {
			missing = append(missing, s)
		}
	}
	return machine.All(ctx, slices.Values(missing), func(r lifecycle.Record) error {
		at.lived()
		return l.sink.add(r)
	})
}

// again lives the one sequence as often as it is to be, but for the lives that --out has in this setting.
func (l lives) again(ctx context.Context, machine *runner.Lifecycles, job runner.LifecycleJob) error {
	at := newLifeProgress(l, job, "life", big.NewInt(int64(l.times)))
	var missing []int
	for life := range l.times {
		r := machine.Record(l.one)
		r.Life = lifeNumber(life)
		if l.sink.has(r) {
			at.done++
		} else {
			missing = append(missing, r.Life)
		}
	}
	return machine.All(ctx, slices.Values(slices.Repeat([]lifecycle.Sequence{l.one}, len(missing))), func(r lifecycle.Record) error {
		r.Life, missing = missing[0], missing[1:]
		if l.times > 1 {
			at.lived()
		}
		return l.sink.add(r)
	})
}

// lifeNumber is what records have of a sequence's lives, from the 0th.
func lifeNumber(life int) int {
	if life == 0 {
		return 0
	}
	return life + 1
}

func pointWords(points lifecycle.Points) string {
	var words []string
	for _, v := range lifecycle.Kills() {
		if len(points[v]) == 0 {
			continue
		}
		var names []string
		for _, p := range points[v] {
			names = append(names, string(p))
		}
		words = append(words, string(v)+": "+strings.Join(names, " "))
	}
	return strings.Join(words, "; ")
}

// lifeProgress says now and then how far it is.
type lifeProgress struct {
	out   io.Writer
	what  string
	unit  string // what is counted
	total *big.Int
	done  int64
	said  time.Time
}

func newLifeProgress(l lives, job runner.LifecycleJob, unit string, total *big.Int) *lifeProgress {
	return &lifeProgress{out: l.notes, what: job.Name + ", " + string(job.Driver), unit: unit, total: total, said: time.Now()}
}

func (p *lifeProgress) lived() {
	p.done++
	const each = 10 * time.Second
	if time.Since(p.said) >= each || p.total.Cmp(big.NewInt(p.done)) == 0 {
		p.said = time.Now()
		_, _ = fmt.Fprintf(p.out, "%s: %s %d of %v\n", p.what, p.unit, p.done, p.total) // notes are only advice
	}
}

// inVM has a guest live them, and stores what comes back line by line.
func (l lives) inVM(ctx context.Context) (err error) {
	lock, err := journal.Lock(journal.Base())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	opts, err := l.guest.options()
	if err != nil {
		return err
	}
	opts.Log = l.notes
	guest, err := vm.Start(ctx, opts)
	if err != nil {
		return err
	}
	defer guest.Close()
	argv := []string{"initbench", "lifecycle", "--in", "host", "--in-guest", "--format", "jsonl", "--settle", l.settle.String(), "--faults", fmt.Sprint(l.faults)}
	if l.one != nil {
		argv = append(argv, "--sequence", l.one.String(), "--times", fmt.Sprint(l.times))
	} else {
		argv = append(argv, "--length", fmt.Sprint(l.length))
	}
	for _, d := range l.drivers {
		argv = append(argv, "--driver", string(d))
	}
	if len(l.pools) > 0 {
		argv = append(argv, "--network", lifecycle.NetworkOf(l.pools).String())
	}
	for i, arg := range l.runtimes {
		there, err := l.push(ctx, guest, i, arg)
		if err != nil {
			return err
		}
		_, ref, err := lifeRuntime(arg)
		if err != nil {
			return err
		}
		argv = append(argv, "--runtime", there, "--ref", ref.String())
	}
	return l.sink.from(ctx, guest, argv, l.notes)
}

// push takes a runtime to the guest, where its name is its reference here.
func (l lives) push(ctx context.Context, guest *vm.Guest, i int, arg string) (string, error) {
	name, ref, err := lifeRuntime(arg)
	if err != nil || ref.Kind == ociruntime.NameRef {
		return arg, err // on the guest's PATH
	}
	bin, err := ociruntime.Resolve(ctx, ref, ociruntime.Options{Log: l.notes})
	if err != nil {
		return "", fmt.Errorf("runtime %s: %w", name, err)
	}
	there := guestRuntime(i, name)
	if err := guest.Push(ctx, bin.Path, there, 0o755); err != nil {
		return "", fmt.Errorf("runtime %s: %w", name, err)
	}
	return name + "=" + there, nil
}

// guestRuntime is where the guest has the ith runtime: two may have one name, and are told apart by their references.
func guestRuntime(i int, name string) string {
	return path.Join(vm.GuestState, "runtimes", fmt.Sprint(i), name)
}

// newRunID is the ID of a run without a plan.
func newRunID() (string, error) {
	var b [2]byte
	if err := randomBytes(b[:]); err != nil {
		return "", fmt.Errorf("run ID: %w", err)
	}
	return fmt.Sprintf("%s%x", time.Now().UTC().Format("20060102t150405"), b), nil
}

// lifeSink keeps records as they come.
type lifeSink struct {
	records []lifecycle.Record
	known   map[string]bool
	lines   io.Writer // --format jsonl

	out     string   // --out
	file    *os.File // nil as long as there is none
	begun   bool     // it has been made ready for lines
	size    int64    // when it was read
	torn    int64    // bytes at its end that are no whole line
	unended bool     // its last line is whole but for the line's end
}

func (s *lifeSink) has(r lifecycle.Record) bool { return s.known[r.Key()] }

func (s *lifeSink) add(r lifecycle.Record) error {
	if s.out != "" && !s.begun {
		if err := s.ready(); err != nil {
			return fmt.Errorf("--out: %w", err)
		}
		s.begun = true
	}
	s.known[r.Key()] = true
	s.records = append(s.records, r)
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if s.file != nil {
		if _, err := s.file.Write(line); err != nil {
			return err
		}
	}
	if s.lines != nil {
		if _, err := s.lines.Write(line); err != nil {
			return fmt.Errorf("write to stdout: %w", err)
		}
	}
	return nil
}

func (s *lifeSink) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// relevant keeps of a file's records those that the command asked for.
func (f *lifecycleFlags) relevant(records []lifecycle.Record) []lifecycle.Record {
	return slices.DeleteFunc(slices.Clone(records), func(r lifecycle.Record) bool {
		return !slices.ContainsFunc(f.runtimes, func(arg string) bool {
			name, ref, err := lifeRuntime(arg)
			return err == nil && r.Runtime.Ref == ref.String() && r.Runtime.Name == name
		}) || time.Duration(r.SettleNS) != f.settle || r.Network.String() != lifecycle.NetworkOf(f.pools).String() || len(f.drivers) > 0 && !slices.Contains(f.drivers, r.Driver) ||
			f.one != nil && (r.Sequence.String() != f.one.String() || r.Life > f.times) ||
			f.one == nil && (len(r.Sequence) > f.length || r.Sequence.Faults() > f.faults)
	})
}
