package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"golang.org/x/perf/benchmath"

	"github.com/initbench/initbench/cgroupjoin"
)

// benchName is a way in a cell as benchstat takes it apart: -col /way puts the ways side by side.
func (k key) benchName() string {
	return fmt.Sprintf("BenchmarkHarness/runtime=%s/driver=%s/way=%s", k.cell.runtime.name, k.cell.driver, k.way)
}

// cells are each runtime under each driver.
func cells(runtimes []runtime) []cell {
	var all []cell
	for _, r := range runtimes {
		for _, d := range cgroupjoin.Drivers() {
			all = append(all, cell{r, d})
		}
	}
	return all
}

func (s sample) print(w io.Writer, name string) {
	for _, ns := range s.ns {
		fmt.Fprintf(w, "%s 1 %.0f ns/op\n", name, ns)
	}
	fmt.Fprintf(w, "%s-rate 1 %.2f trials/min\n", name, s.perMinute)
}

// table has each way's median over all trials, how it stands to its reference, and how many trials a minute it came to.
// Rounds are what is paired: the machine is another from one to the next.
func (b *bench) table(w io.Writer, cells []cell) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "cell\tway\tmedian ms (95 %)\tagainst the loop, by rounds (95 %)\tp\ttrials a minute")
	for _, c := range cells {
		for _, way := range ways {
			mine, loop := b.samples[key{c, way.name}], b.samples[key{c, reference(way.name)}]
			all := flat(mine)
			median := summary(all, 1e-6)
			against, p := "", ""
			if way.name != reference(way.name) {
				against = summary(ratios(mine, loop), 1) + " %"
				p = fmt.Sprintf("%.3f", benchmath.AssumeNothing.Compare(newSample(flat(loop), 1), newSample(all, 1)).P)
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\n", c, way.name, median, against, p, summary(rates(mine), 1))
		}
	}
	return tw.Flush()
}

// agreement is by how many percent initbench's life may lie outside of what loop and hyperfine say, which
// differ from each other by that much themselves: by the shell that either has in its figure or takes off it.
const agreement = 5

// verdict says what does not hold of initbench, cell by cell: a life as the others time it, and as many trials a minute as hyperfine.
func (b *bench) verdict(cells []cell) error {
	var errs []error
	for _, c := range cells {
		mine, loop, other := b.samples[key{c, "initbench"}], b.samples[key{c, "loop"}], b.samples[key{c, "hyperfine"}]
		errs = append(errs, judge(c, mine, loop, other))
	}
	return errors.Join(errs...)
}

func judge(c cell, mine, loop, other []sample) error {
	var errs []error
	to := []float64{center(ratios(mine, loop)), center(ratios(mine, other))}
	if low, high := slices.Min(to), slices.Max(to); low > agreement || high < -agreement {
		errs = append(errs, fmt.Errorf("%s: initbench's life is %+.1f %% of the loop's and %+.1f %% of hyperfine's: more than %d %% from both", c, to[0], to[1], agreement))
	}
	var faster []float64
	for i := range min(len(mine), len(other)) {
		faster = append(faster, 100*(mine[i].perMinute/other[i].perMinute-1))
	}
	if by := center(faster); by < 0 {
		errs = append(errs, fmt.Errorf("%s: initbench makes %.1f %% fewer trials a minute than hyperfine", c, -by))
	}
	return errors.Join(errs...)
}

// reference is the loop that makes the same calls.
func reference(way string) string {
	if strings.HasSuffix(way, "-run") {
		return "loop-run"
	}
	return "loop"
}

func flat(samples []sample) []float64 {
	var all []float64
	for _, s := range samples {
		all = append(all, s.ns...)
	}
	return all
}

func rates(samples []sample) []float64 {
	var all []float64
	for _, s := range samples {
		all = append(all, s.perMinute)
	}
	return all
}

// ratios are, round by round, by how many percent the one's median is above the other's.
func ratios(of, to []sample) []float64 {
	var all []float64
	for i := range min(len(of), len(to)) {
		all = append(all, 100*(center(of[i].ns)/center(to[i].ns)-1))
	}
	return all
}

func newSample(values []float64, scale float64) *benchmath.Sample {
	scaled := make([]float64, len(values)) // NewSample sorts what it is given
	for i, v := range values {
		scaled[i] = v * scale
	}
	return benchmath.NewSample(scaled, &benchmath.DefaultThresholds)
}

func center(values []float64) float64 {
	return benchmath.AssumeNothing.Summary(newSample(values, 1), 0.95).Center
}

// summary is without an interval where there are too few values for one.
func summary(values []float64, scale float64) string {
	s := benchmath.AssumeNothing.Summary(newSample(values, scale), 0.95)
	if math.IsInf(s.Lo, 0) || math.IsInf(s.Hi, 0) {
		return fmt.Sprintf("%.1f", s.Center)
	}
	return fmt.Sprintf("%.1f [%.1f, %.1f]", s.Center, s.Lo, s.Hi)
}
