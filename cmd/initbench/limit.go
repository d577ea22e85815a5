package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/design"
	"github.com/initbench/initbench/internal/report"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// limitFlags are what limit is told besides where and how to measure.
type limitFlags struct {
	measureFlags
	runtimes       []string
	places         []string
	from, to, step string
	search         scenarios.Search
}

func newLimitCommand() *cobra.Command {
	f := limitFlags{search: scenarios.DefaultSearch()}
	cmd := &cobra.Command{
		Use:   "limit [--runtime REF]...",
		Short: "find the smallest memory limit at which a container starts",
		Long: `limit looks for the start threshold of each runtime, under each driver and in each order of clone and join: the
smallest memory.max, of the container or of its parent, at which a container starts with the probability asked for, as an interval at
the confidence asked for. Where a start is the toss of a coin near the edge the interval is wider than a step of the grid, and says so.
Nothing but outcomes is looked at, so that starts are made beside each other.

Exit 0 when every threshold is bracketed, be the bracket wide; 3 when one lies beyond the largest limit, or could not be measured, or not
in the time or the starts given.`,
		Example: `  initbench limit --runtime runc@v1.1.15
  initbench limit --runtime runc@v1.1.15 --runtime runc@v1.2.6 --driver systemd --order join-before-clone
  initbench limit --runtime crun --from 64KiB --to 4MiB --step 64KiB --place ancestor --probability 0.99`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return limit(cmd, &f) },
	}
	f.register(cmd)
	return cmd
}

func (f *limitFlags) register(cmd *cobra.Command) {
	f.registerRun(cmd, report.Formats())
	f.registerMaxTime(cmd, 0)
	q := f.search
	fl := cmd.Flags()
	fl.StringArrayVar(&f.runtimes, "runtime", nil, "runtime under test: "+runtimeRefs+" (may be repeated; default builtin)")
	fl.StringArrayVar(&f.orders, "order", nil, "only this order of clone and join: "+strings.Join(orderWords(), ", ")+" (may be repeated; default natural and join-before-clone, the worst)")
	fl.StringArrayVar(&f.places, "place", []string{string(cgroupjoin.OnContainer)}, "whose limit: container or ancestor, its pod's (may be repeated)")
	fl.StringVar(&f.from, "from", scenarios.FormatSize(q.From), "the smallest limit to try")
	fl.StringVar(&f.to, "to", scenarios.FormatSize(q.To), "the largest limit to try")
	fl.StringVar(&f.step, "step", scenarios.FormatSize(q.Step), "the distance of limits: how closely the threshold is looked for")
	fl.Float64Var(&f.search.Probability, "probability", q.Probability, "the probability of a start that is looked for")
	fl.Float64Var(&f.search.Confidence, "confidence", q.Confidence, "the confidence of the interval")
	fl.IntVar(&f.search.Most, "most", q.Most, "the most starts of a runtime under one driver in one order")
	complete(cmd, "order", orderWords()...)
	complete(cmd, "place", placeWords()...)
}

func placeWords() []string {
	return wordsOf([]cgroupjoin.Place{cgroupjoin.OnContainer, cgroupjoin.OnAncestor})
}

// planned are the flags that --resume has no use for.
func (f *limitFlags) planned() []string {
	return []string{"runtime", "place", "from", "to", "step", "probability", "confidence", "most"}
}

func limit(cmd *cobra.Command, f *limitFlags) error {
	err := f.check(cmd, report.Formats())
	if err == nil && f.resume != "" {
		err = f.refusePlanFlags(cmd, f.planned()...)
	}
	if err != nil {
		return err
	}
	run, err := measure(cmd, &f.measureFlags, func() (results.Header, error) { return limitHeader(cmd, f) }, searchesOnly(f.sessionTime(cmd)))
	if err != nil {
		return err
	}
	if err := summarise(cmd, &f.measureFlags, run); err != nil {
		return err
	}
	return unfound(run)
}

// searchesOnly directs a run that nobody judges.
func searchesOnly(maxTime time.Duration) func(results.Header) (director, error) {
	return func(h results.Header) (director, error) { return directorFor(h, design.Options{MaxTime: maxTime}) }
}

func limitHeader(cmd *cobra.Command, f *limitFlags) (results.Header, error) {
	spec, err := limitSpec(cmd, f)
	if err != nil {
		return results.Header{}, err
	}
	h, err := newHeader(spec, false)
	h.Design = design.Default(f.maxTime)
	return h, err
}

func limitSpec(cmd *cobra.Command, f *limitFlags) (scenarios.Spec, error) {
	places, err := chosen("--place", f.places, nil, parsePlace)
	if err != nil {
		return scenarios.Spec{}, err
	}
	search, err := f.grid()
	if err != nil {
		return scenarios.Spec{}, err
	}
	var all []scenarios.Scenario
	for _, place := range places {
		s, err := f.scenario(place, search)
		if err != nil {
			return scenarios.Spec{}, err
		}
		all = append(all, s)
	}
	runtimes, err := parseRuntimes(f.runtimes)
	if err != nil {
		return scenarios.Spec{}, err
	}
	seed, err := f.seedOrRandom(cmd)
	if err != nil {
		return scenarios.Spec{}, err
	}
	return scenarios.NewSpec(all, runtimes, seed)
}

func parsePlace(text string) (cgroupjoin.Place, error) {
	if err := checkWord("--place", text, placeWords()...); err != nil {
		return "", err
	}
	return cgroupjoin.Place(text), nil
}

// scenario is the catalogue's of that place, so that its records say the same as a gate's.
func (f *limitFlags) scenario(place cgroupjoin.Place, search scenarios.Search) (scenarios.Scenario, error) {
	name := "thresholds"
	if place == cgroupjoin.OnAncestor {
		name = "pod-thresholds"
	}
	s, err := scenarios.Load(name)
	if err != nil {
		return s, err
	}
	s.Search = &search
	return f.override(s.AtMost(search.Most))
}

// grid reads the sizes. What cannot be a grid the scenario's own checks refuse.
func (f *limitFlags) grid() (scenarios.Search, error) {
	q := f.search
	for _, size := range []struct {
		flag, text string
		to         *int64
	}{{"--from", f.from, &q.From}, {"--to", f.to, &q.To}, {"--step", f.step, &q.Step}} {
		n, err := scenarios.ParseSize(size.text)
		if err != nil {
			return q, usagef("%s: %w", size.flag, err)
		}
		*size.to = n
	}
	return q, nil
}

// unfound is how limit ends where a threshold has no upper end within the grid.
func unfound(run *results.Run) error {
	s, err := verdict.Summarize(verdict.Stored(run), verdict.Options{})
	if err != nil {
		return err
	}
	left := 0
	for _, q := range s.Searches {
		if !q.Bracketed() {
			left++
		}
	}
	if left == 0 {
		return nil
	}
	return &codeError{exitInconclusive, fmt.Sprintf("%d of %d thresholds are not bracketed: what ended early needs more --max-time, what lies beyond the range another --from or --to; the records are in %s", left, len(s.Searches), run.Dir)}
}
