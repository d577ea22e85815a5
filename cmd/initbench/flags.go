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
	"github.com/initbench/initbench/scenarios"
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
	trials   int
	seed     uint64
	timeout  time.Duration
	guest    guestFlags
}

func (f *measureFlags) register(cmd *cobra.Command, formats []string) {
	fl := cmd.Flags()
	fl.StringVar(&f.in, "in", "auto", "where trials run: auto (the host if it can measure, else the guest), host, vm")
	fl.StringVar(&f.out, "out", "", "directory for the run's records (default results-<time>)")
	fl.StringVar(&f.resume, "resume", "", "finish the interrupted run in this directory: its own plan and seed, only the trials it lacks")
	fl.StringVar(&f.format, "format", "table", "output: "+strings.Join(formats, ", "))
	fl.StringVar(&f.progress, "progress", "auto", "progress on stderr: auto (a bar on a terminal, else plain lines), plain, off")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no progress and no notes, only the answer and errors")
	fl.StringArrayVar(&f.drivers, "driver", nil, "only this cgroup driver: cgroupfs or systemd (may be repeated)")
	fl.IntVar(&f.trials, "trials", 0, "trials of each runtime in each cell instead of the scenario's own number")
	fl.Uint64Var(&f.seed, "seed", 0, "seed of the plan's random order (default: a random one, recorded)")
	fl.DurationVar(&f.timeout, "timeout", 0, "a trial's timeout instead of the scenario's own")
	f.guest.register(fl)
	complete(cmd, "in", "auto", "host", "vm")
	complete(cmd, "driver", "cgroupfs", "systemd")
	complete(cmd, "format", formats...)
	complete(cmd, "progress", "auto", "plain", "off")
}

func complete(cmd *cobra.Command, flag string, words ...string) {
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
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
	case f.resume != "" && f.out != "":
		return usagef("--resume %s and --out %s: a resumed run goes on in its own directory", f.resume, f.out)
	}
	return f.guest.check()
}

// checkWord refuses a flag's value that is not one of words.
func checkWord(flag, value string, words ...string) error {
	if slices.Contains(words, value) {
		return nil
	}
	return usagef("%s %q is not one of %s", flag, value, strings.Join(words, ", "))
}

// planFlags are fixed by a stored run: with --resume they have no say.
func (f *measureFlags) refusePlanFlags(cmd *cobra.Command, names ...string) error {
	for _, name := range append(names, "driver", "trials", "seed", "timeout") {
		if cmd.Flags().Changed(name) {
			return usagef("--resume %s and --%s: a resumed run keeps the plan it was started with", f.resume, name)
		}
	}
	return nil
}

// override applies the command line to a scenario.
func (f *measureFlags) override(s scenarios.Scenario) (scenarios.Scenario, error) {
	if f.trials > 0 {
		s.Trials = f.trials
	}
	if f.timeout > 0 {
		s.Timeout = f.timeout
	}
	if len(f.drivers) > 0 {
		s.Drivers = nil
	}
	for _, name := range f.drivers {
		d, err := cgroupjoin.ParseDriver(name)
		if err != nil {
			return s, usagef("--driver: %w", err)
		}
		if !slices.Contains(s.Drivers, d) {
			s.Drivers = append(s.Drivers, d)
		}
	}
	return s, nil
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
