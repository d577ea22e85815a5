package main

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/vm"
	"github.com/initbench/initbench/internal/yamlpos"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// measureFlags are those of every command that starts trials.
type measureFlags struct {
	in       string
	out      string
	resume   string
	format   string
	progress string
	quiet    bool
	drivers  []string
	orders   []string
	limits   []string
	builds   buildFlags
	trials   int
	seed     uint64
	timeout  time.Duration
	watch    []string
	// budget bounds the time for measuring; 0: the whole plan is made.
	budget time.Duration
	// maxTime bounds an adaptive run; 0: it goes on until nothing is open.
	maxTime time.Duration
	guest   guestFlags

	// spareClocks leaves out what waits for a clock that the place of measuring has not: nobody named it.
	spareClocks bool
	// mustObserve refuses a place in which trials cannot be observed; temporary is
	// a run whose directory nobody will see.
	mustObserve, temporary bool
}

func (f *measureFlags) register(cmd *cobra.Command, formats []string) {
	f.registerRun(cmd, formats)
	cmd.Flags().IntVar(&f.trials, "trials", 0, "trials of each runtime in each cell instead of the scenario's own number")
}

// registerRun are the flags of whatever stores a run, however many trials it has.
func (f *measureFlags) registerRun(cmd *cobra.Command, formats []string) {
	f.registerPlace(cmd, formats)
	fl := cmd.Flags()
	fl.StringVar(&f.out, "out", "", "directory for the run's records (default results-<time>)")
	fl.StringVar(&f.resume, "resume", "", "finish the interrupted run in this directory: its own plan and seed, only the trials it lacks")
	fl.StringVar(&f.progress, "progress", "auto", "progress on stderr: auto (a bar on a terminal, else plain lines), plain, off")
	fl.StringArrayVar(&f.drivers, "driver", nil, "only this cgroup driver: cgroupfs or systemd (may be repeated)")
	fl.Uint64Var(&f.seed, "seed", 0, "seed of the plan's random order (default: a random one, recorded)")
	fl.StringArrayVar(&f.watch, "watch", nil, "in scenarios of sessions, count the descriptors of this process of the place where trials run too: PID, UNIT.service, NAME or all:NAME (may be repeated)")
	completeBy(cmd, "watch", cobra.NoFileCompletions)
	completeDirectory(cmd, "out")
	completeBy(cmd, "resume", completeRun)
	complete(cmd, "driver", driverWords()...)
	complete(cmd, "progress", "auto", "plain", "off")
}

// registerPlace are the flags that say where trials run and how they are shown.
func (f *measureFlags) registerPlace(cmd *cobra.Command, formats []string) {
	fl := cmd.Flags()
	fl.StringVar(&f.in, "in", "auto", "where trials run: auto (the host if it can measure, else the guest), host, vm")
	fl.StringVar(&f.format, "format", formats[0], "output: "+strings.Join(formats, ", "))
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no progress and no notes, only the answer and errors")
	fl.DurationVar(&f.timeout, "timeout", 0, "a trial's timeout instead of the scenario's own")
	f.guest.register(cmd)
	complete(cmd, "in", "auto", "host", "vm")
	complete(cmd, "format", formats...)
}

// registerAxes are the flags that narrow or replace what a scenario's cells are made of,
// besides --driver. A gate has neither: what it judges would be another thing under the same name.
func (f *measureFlags) registerAxes(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&f.orders, "order", nil, "only this order of clone and join: "+strings.Join(orderWords(), ", ")+" (may be repeated)")
	fl.StringArrayVar(&f.limits, "limit", nil, "this memory limit, such as 12MiB, or none, instead of the scenario's own (may be repeated)")
	complete(cmd, "order", orderWords()...)
	complete(cmd, "limit", noLimit)
	f.builds.register(cmd)
}

// registerBudget is of runs that are as useful in part.
func (f *measureFlags) registerBudget(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&f.budget, "budget", 0, "begin no block of trials once measuring has taken so long (one that is begun is finished); setting up, such as the guest's boot, is not counted")
}

// registerMaxTime is of runs that end when what they ask is settled.
func (f *measureFlags) registerMaxTime(cmd *cobra.Command, otherwise time.Duration) {
	cmd.Flags().DurationVar(&f.maxTime, "max-time", otherwise, "make trials for so long at most; what is not settled by then is inconclusive. Setting up, such as the guest's boot, is not counted")
}

func driverWords() []string { return wordsOf(cgroupjoin.Drivers()) }

func orderWords() []string { return wordsOf(sequence.Orders()) }

func wordsOf[T ~string](all []T) (words []string) {
	for _, v := range all {
		words = append(words, string(v))
	}
	return words
}

func complete(cmd *cobra.Command, flag string, words ...string) {
	completeBy(cmd, flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

func completeBy(cmd *cobra.Command, flag string, words cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, words); err != nil {
		panic(err) // only for a flag that does not exist
	}
}

// check refuses what is wrong before anything is started.
func (f *measureFlags) check(cmd *cobra.Command, formats []string) error {
	if err := errors.Join(checkWord("--in", f.in, "auto", "host", "vm"),
		checkWord("--format", f.format, formats...),
		checkWord("--progress", f.progress, "auto", "plain", "off")); err != nil {
		return err
	}
	switch {
	case cmd.Flags().Changed("trials") && f.trials < 1:
		return usagef("--trials %d: at least 1 is needed", f.trials)
	case cmd.Flags().Changed("timeout") && f.timeout < time.Second:
		return usagef("--timeout %v: at least 1s is needed", f.timeout)
	case cmd.Flags().Changed("budget") && f.budget < time.Second:
		return usagef("--budget %v: at least 1s is needed", f.budget)
	case cmd.Flags().Changed("max-time") && f.maxTime < time.Second:
		return usagef("--max-time %v: at least 1s is needed", f.maxTime)
	case f.resume != "" && f.out != "":
		return usagef("--resume %s and --out %s: a resumed run goes on in its own directory", f.resume, f.out)
	}
	return f.checkGuest()
}

// checkGuest refuses what the guest cannot be or do. Whoever makes trials keeps the budget, by the guest's clock: one that
// counts instructions makes of five minutes an hour, or two.
func (f *measureFlags) checkGuest() error {
	if f.budget > 0 && f.in != "host" && f.guest.clock == string(vm.Instructions) {
		return usagef("--budget %v and --clock instructions: such a guest's time is not that of the wall: leave the budget out, or give --trials", f.budget)
	}
	return f.guest.check()
}

// checkWord refuses a flag's value that is not one of words.
func checkWord(flag, value string, words ...string) error {
	if slices.Contains(words, value) {
		return nil
	}
	return usagef("%s %q%s", flag, value, yamlpos.NotOneOf(value, words))
}

// planFlags are fixed by a stored run: with --resume they have no say.
func (f *measureFlags) refusePlanFlags(cmd *cobra.Command, names ...string) error {
	for _, name := range append(names, "driver", "order", "limit", "clone", "strategy", "size", "trials", "seed", "timeout", "watch") {
		if cmd.Flags().Changed(name) {
			return usagef("--resume %s and --%s: a resumed run keeps the plan it was started with", f.resume, name)
		}
	}
	return nil
}

// override applies the command line to a scenario.
func (f *measureFlags) override(s scenarios.Scenario) (scenarios.Scenario, error) {
	if f.trials > 0 {
		s = s.AtMost(f.trials)
	}
	if f.timeout > 0 {
		s.Timeout = f.timeout
	}
	if s.Cycles > 0 {
		s.Watch = append(slices.Clone(s.Watch), f.watch...)
	}
	var err error
	if s.Drivers, err = chosen("--driver", f.drivers, s.Drivers, cgroupjoin.ParseDriver); err != nil {
		return s, err
	}
	if s.Orders, err = chosen("--order", f.orders, s.Orders, sequence.ParseOrder); err != nil {
		return s, err
	}
	if s, err = f.overrideLimits(s); err != nil {
		return s, err
	}
	return f.builds.override(s)
}

// noLimit is the word for the cells without a limit.
const noLimit = "none"

// overrideLimits puts the command line's limits in the place of all that the scenario has, those that follow
// the binary's size too.
func (f *measureFlags) overrideLimits(s scenarios.Scenario) (scenarios.Scenario, error) {
	if len(f.limits) == 0 {
		return s, nil
	}
	const none = -1 // no size is
	limits, err := chosen("--limit", f.limits, nil, func(text string) (int64, error) {
		if text == noLimit {
			return none, nil
		}
		return scenarios.ParseSize(text)
	})
	if err != nil {
		return s, err
	}
	s.Unlimited = slices.Contains(limits, none)
	s.Limits = slices.DeleteFunc(limits, func(n int64) bool { return n == none })
	slices.Sort(s.Limits)
	s.Headroom, s.Places = nil, nil
	switch {
	case len(s.Limits) == 0:
		s.Place = ""
	case s.Place == "":
		s.Place = cgroupjoin.OnContainer
	}
	return s, nil
}

// once is a flag that is given one time: of two values the first would be dropped without a word.
type once struct {
	value *string
	given bool
}

func (o *once) String() string {
	if o.value == nil { // pflag asks the zero value whether a default is one
		return ""
	}
	return *o.value
}

func (o *once) Type() string { return "string" }

func (o *once) Set(s string) error {
	if o.given {
		return fmt.Errorf("it was %q before: give it once", *o.value)
	}
	*o.value, o.given = s, true
	return nil
}

// chosen are the values a repeatable flag was given, or what stands without it.
func chosen[T comparable](flag string, given []string, otherwise []T, parse func(string) (T, error)) ([]T, error) {
	if len(given) == 0 {
		return otherwise, nil
	}
	var all []T
	for _, text := range given {
		v, err := parse(text)
		if err != nil {
			return nil, usagef("%s: %w", flag, err)
		}
		if slices.Contains(all, v) {
			return nil, usagef("%s %s a second time: name each once", flag, text)
		}
		all = append(all, v)
	}
	return all, nil
}

// seedOrRandom keeps below 2^53, so that the seed survives any JSON reader.
func (f *measureFlags) seedOrRandom(cmd *cobra.Command) (uint64, error) {
	if cmd.Flags().Changed("seed") {
		return f.seed, nil
	}
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, fmt.Errorf("seed: %w", err)
	}
	return binary.LittleEndian.Uint64(b[:]) >> 11, nil
}

func (f *measureFlags) notes(stderr io.Writer) io.Writer {
	if f.quiet {
		return io.Discard
	}
	return stderr
}

// isTerminal is true for a terminal that can redraw a line.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd()) && os.Getenv("TERM") != "dumb"
}
