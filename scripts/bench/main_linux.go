// Command bench compares three ways of timing the same starts, on the machine it runs on: a loop in bash, hyperfine,
// and initbench. harness.sh runs it in a guest.
//
//	bench -rounds N -trials N NAME=RUNTIME...
//	bench -judge FILE
//
// What is timed is a container's life as a manager has it: create, start, the payload's end, delete. The loop reads the shell's
// clock before and after, hyperfine times the same line of shell (and takes off what a shell costs), and
// initbench's timed lane calls the runtime itself; its figure is Latency.Life. Besides, the loop and hyperfine
// time `runtime run`, which does the same in one process instead of three.
//
// Neither has cgroups of its own for each start, which initbench must have for its peaks. So hyperfine also times lives with a
// --prepare that makes them anew and reads the peaks of the last ones (hyperfine-fresh): what it costs to have there what
// initbench gives.
//
// In each round each way makes its trials, in random order, in cgroups of the same shape. The bundle is initbench's own for all.
// The output is in the Go benchmark format, one line a trial with its latency and one a round with
// how many trials a minute it came to; then, on stderr, the table that is made of it. -judge makes the table of such output on
// stdout, and judges it again, on any Linux machine.
//
// It fails where initbench's lives are not those that loop and hyperfine time, or where it makes fewer trials a minute than hyperfine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/initbench/initbench/cgroupjoin"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	rounds := flag.Int("rounds", 8, "")
	trials := flag.Int("trials", 10, "of each way in a round")
	judge := flag.String("judge", "", "file of trials")
	flag.Parse()
	if *judge != "" {
		if err := judgeFile(*judge, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(ctx, *rounds, *trials, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// runtime is one under test.
type runtime struct{ name, path string }

func parse(args []string) ([]runtime, error) {
	var all []runtime
	for _, arg := range args {
		name, path, found := strings.Cut(arg, "=")
		if !found || name == "" || path == "" {
			return nil, fmt.Errorf("%q is not NAME=RUNTIME", arg)
		}
		all = append(all, runtime{name, path})
	}
	if len(all) == 0 {
		return nil, errors.New("no runtime: want NAME=RUNTIME")
	}
	return all, nil
}

func run(ctx context.Context, rounds, trials int, args []string) error {
	runtimes, err := parse(args)
	if err != nil {
		return err
	}
	if rounds < 2 || trials < 2 {
		return errors.New("it takes two rounds of two trials at least")
	}
	b, err := newBench(trials)
	if err != nil {
		return err
	}
	defer b.close()
	for n := range rounds {
		for _, c := range cells(runtimes) {
			if err := b.round(ctx, c); err != nil {
				return fmt.Errorf("round %d, %s: %w", n+1, c, err)
			}
		}
		fmt.Fprintf(os.Stderr, "round %d of %d\n", n+1, rounds)
	}
	return errors.Join(b.table(os.Stderr, cells(runtimes)), b.verdict(cells(runtimes)))
}

// cell is one condition that all ways are compared under.
type cell struct {
	runtime runtime
	driver  cgroupjoin.Driver
}

func (c cell) String() string { return c.runtime.name + ", " + string(c.driver) }

// round has each way make its trials.
func (b *bench) round(ctx context.Context, c cell) error {
	for _, i := range rand.Perm(len(ways)) {
		w := ways[i]
		s, err := w.measure(ctx, b, c)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		if len(s.ns) != b.trials || s.perMinute <= 0 {
			return fmt.Errorf("%s: %d trials and %.1f a minute, want %d trials", w.name, len(s.ns), s.perMinute, b.trials)
		}
		k := key{c, w.name}
		b.samples[k] = append(b.samples[k], s)
		s.print(os.Stdout, k.benchName())
	}
	return nil
}

// sample is what one way measured in one round.
type sample struct {
	ns        []float64
	perMinute float64 // trials
}

type key struct {
	cell cell
	way  string
}

// ways are what is compared. The first is what the others of a life are compared with.
var ways = []struct {
	name    string
	measure func(context.Context, *bench, cell) (sample, error)
}{
	{"loop", loopLife},
	{"hyperfine", hyperfineLife},
	{"hyperfine-fresh", hyperfineFresh},
	{"initbench", initbenchLife},
	{"loop-run", loopRun},
	{"hyperfine-run", hyperfineRun},
}
