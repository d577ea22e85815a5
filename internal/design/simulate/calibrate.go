package simulate

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/design"
	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// power is the share of gates that are to find a change, and that a proposed margin lets pass.
const (
	power   = 0.9
	passing = 0.95
)

// Calibration is what gates on a machine are worth.
type Calibration struct {
	Gates     int `json:"gates"`
	Regressed int `json:"regressed"`
	Open      int `json:"inconclusive"`
	// FalseAlarms is the share that was regressed, with its interval at 95 %.
	FalseAlarms   float64 `json:"false_alarms"`
	FalseAlarmsLo float64 `json:"false_alarms_lo"`
	FalseAlarmsHi float64 `json:"false_alarms_hi"`
	// Starts and Took are the means of a gate.
	Starts int           `json:"starts"`
	Took   time.Duration `json:"took_ns"`
	// MaxTime is what a gate is given.
	MaxTime time.Duration `json:"max_time_ns"`
	Rows    []Calibrated  `json:"rows"`
}

// Calibrated is one row: a metric in a cell.
type Calibrated struct {
	Metric   string            `json:"metric"`
	Scenario string            `json:"scenario"`
	Driver   cgroupjoin.Driver `json:"driver"`
	Order    sequence.Order    `json:"order"`
	// Blocks that the cell has in the time, if nothing settles it.
	Blocks int `json:"blocks"`
	// Margin that the policy asks for, as a fraction of the medians.
	Margin float64 `json:"margin"`
	// Finds is the smallest change, as a fraction, that is found in 90 % of gates; absent where none up to tenfold is.
	Finds *float64 `json:"finds,omitempty"`
	// Needs is the margin, as a fraction, within which 95 % of gates of a runtime against itself pass.
	Needs *float64 `json:"needs,omitempty"`
}

// Calibrate plays gates of the world's runtime against itself, and then each row by itself. The header has the
// design, its scenarios those that the world has.
//
// told is called with the number of each gate before it is played; it may take minutes until all are. It ends with the context's error when that is over.
func (w *World) Calibrate(ctx context.Context, h results.Header, judge verdict.Options, gates int, told func(gate int)) (Calibration, error) {
	c := Calibration{Gates: gates, MaxTime: h.Design.MaxTime}
	for seed := range gates {
		if err := ctx.Err(); err != nil {
			return c, err
		}
		told(seed + 1)
		p, err := w.Gate(h, judge, nil, uint64(seed))
		if err != nil {
			return c, err
		}
		c.count(p)
	}
	c.Starts, c.Took = c.Starts/gates, c.Took/time.Duration(gates)
	alarms := stats.Count{X: float64(c.Regressed), N: float64(gates)}
	iv := stats.Difference([]stats.Stratum{{Base: alarms, Cand: alarms}}, 0.95).Cand
	c.FalseAlarms, c.FalseAlarmsLo, c.FalseAlarmsHi = alarms.Rate(), iv.Lo, iv.Hi
	return c, w.rows(ctx, h, judge, &c)
}

func (c *Calibration) count(p Played) {
	switch p.Verdict.Ruling {
	case verdict.Regressed:
		c.Regressed++
	case verdict.Inconclusive:
		c.Open++
	}
	c.Starts += p.Starts
	c.Took += p.Took
}

// rows calibrates each distribution by itself, with the blocks it has where all scenarios but its own settle as they do.
func (w *World) rows(ctx context.Context, h results.Header, judge verdict.Options, c *Calibration) error {
	for _, sc := range h.Spec.Scenarios {
		whole, err := w.Gate(h, Unsettled(judge, sc.Judge...), nil, 1)
		if err != nil {
			return err
		}
		for _, m := range whole.Verdict.Metrics {
			if m.Scenario != sc.Name || !m.Relative || m.Baseline.N == 0 {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			row, err := w.row(h, judge, m, familyOf(whole.Verdict))
			if err != nil {
				return err
			}
			c.Rows = append(c.Rows, row)
		}
	}
	return nil
}

// familyOf is the number of tests among which a claim has to stand.
func familyOf(v verdict.Verdict) int {
	family := 1
	for _, m := range v.Metrics {
		family = max(family, m.Family)
	}
	return family
}

// Unsettled takes the margins of these metrics away, or of all, so that a runtime against itself is measured for as long as
// there is time.
func Unsettled(judge verdict.Options, metrics ...string) verdict.Options {
	margins := verdict.DefaultMargins()
	maps.Copy(margins, judge.Margins)
	for name := range margins {
		if len(metrics) == 0 || slices.Contains(metrics, name) {
			margins[name] = verdict.Margin{}
		}
	}
	judge.Margins, judge.Ceilings, judge.NoisyClock = margins, nil, verdict.Fail
	return judge
}

// draws of a row's blocks are enough to tell 90 from 95 % to some five points.
const draws = 60

// row plays one metric in one cell with the blocks that the time has room for.
func (w *World) row(h results.Header, judge verdict.Options, m verdict.Metric, family int) (Calibrated, error) {
	out := Calibrated{Metric: m.Name, Scenario: m.Scenario, Driver: m.Driver, Order: m.Order, Blocks: m.Looks.Blocks}
	one, err := w.alone(h, m)
	if err != nil {
		return out, err
	}
	his := make([]float64, 0, draws)
	for seed := range draws {
		got, err := one.judge(judge, nil, uint64(seed))
		if err != nil {
			return out, err
		}
		out.Margin = got.Margin
		his = append(his, math.Max(0, got.ChangeHi))
	}
	slices.Sort(his)
	out.Needs = finite(his[int(math.Ceil(passing*draws))-1])
	out.Finds, err = one.finds(judge, family)
	return out, err
}

func finite(x float64) *float64 {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return nil
	}
	return &x
}

// rowGame is a gate of one cell and one metric, its blocks all made and looked at as a whole run's would be.
type rowGame struct {
	world  *World
	header results.Header
	metric verdict.Metric
	blocks int
}

func (w *World) alone(h results.Header, m verdict.Metric) (rowGame, error) {
	sc, known := scenarioOf(h.Spec, m.Scenario)
	if !known {
		return rowGame{}, fmt.Errorf("calibrate: the run has no scenario %q", m.Scenario)
	}
	sc.Judge, sc.Drivers, sc.Warmup = []string{m.Name}, []cgroupjoin.Driver{m.Driver}, 0
	h.Spec.Scenarios = []scenarios.Scenario{sc.AtMost(2 * m.Looks.Blocks)}
	h.Gate = true
	h.Spec.Runtimes = []scenarios.Runtime{{Name: "baseline", Ref: w.runtime.Ref}, {Name: "candidate", Ref: w.runtime.Ref}}
	return rowGame{w, h, m, m.Looks.Blocks}, nil
}

func (g rowGame) judge(judge verdict.Options, plant Plant, seed uint64) (verdict.Metric, error) {
	judge.Ceilings = nil
	played := newGame(g.world, plant, seed)
	draft := g.header.Spec.Draft()
	for _, slot := range g.header.Spec.Slots(g.header.Spec.Scenarios[0]) {
		for n := range g.blocks {
			for _, t := range draft.Block(g.header.Spec.Scenarios[0], slot, n) {
				if _, err := played.make(t, t.Observe && !g.header.Spec.Scenarios[0].Timed()); err != nil {
					return verdict.Metric{}, err
				}
			}
		}
	}
	v, err := verdict.Judge(verdict.Run{Name: "a simulated row", Header: g.header, Environments: g.world.places(g.header.Spec), Records: played.records}, judge)
	if err != nil {
		return verdict.Metric{}, err
	}
	for _, m := range v.Metrics {
		if m.Name == g.metric.Name && m.Order == g.metric.Order && m.Limit == g.metric.Limit && m.Build == g.metric.Build {
			return m, nil
		}
	}
	return verdict.Metric{}, fmt.Errorf("calibrate: %s has no row: %v", g.metric.Name, v.Reasons)
}

// finds bisects the ladder of changes for the smallest that is found often enough. A claim has to stand Holm's first step, among all
// rows of the gate.
func (g rowGame) finds(judge verdict.Options, family int) (*float64, error) {
	const rungs, step = 64, 1.05 // from 0.5 % to eleven
	lo, hi := -1, rungs
	for hi-lo > 1 {
		mid := (lo + hi) / 2
		found, err := g.power(judge, 0.005*math.Pow(step, float64(mid)*2.5), family)
		if err != nil {
			return nil, err
		}
		if found >= power {
			hi = mid
		} else {
			lo = mid
		}
	}
	if hi == rungs {
		return nil, nil
	}
	x := 0.005 * math.Pow(step, float64(hi)*2.5)
	return &x, nil
}

func (g rowGame) power(judge verdict.Options, change float64, family int) (float64, error) {
	alpha := judge.Alpha
	if alpha == 0 {
		alpha = g.header.Design.Alpha
	}
	found := 0
	for seed := range draws {
		m, err := g.judge(judge, g.plant(change), uint64(seed))
		if err != nil {
			return 0, err
		}
		if m.Ruling == verdict.Regressed && m.P*float64(family) < alpha {
			found++
		}
	}
	return float64(found) / draws, nil
}

// plant adds a fraction of the row's median to each of the candidate's values.
func (g rowGame) plant(change float64) Plant {
	by := int64(math.Round(change * g.metric.Baseline.Center))
	m, _ := scenarios.MetricNamed(g.metric.Name) // of a scenario that judges it
	switch m.Measured() {
	case scenarios.StartLatency, scenarios.CreateLatency, scenarios.BatchTotal:
		return Later(by)
	}
	return More(m.Measured(), by)
}

// Propose gives each metric the margin that its worst row needs, rounded up to half a percent, where the policy's own
// is too narrow for this machine; the amounts stay.
func (c Calibration) Propose(margins map[string]verdict.Margin) map[string]verdict.Margin {
	proposed := map[string]verdict.Margin{}
	for _, r := range c.Rows {
		if r.Needs == nil || *r.Needs <= r.Margin {
			continue
		}
		m := margins[r.Metric]
		if had, known := proposed[r.Metric]; known {
			m = had
		}
		m.Fraction = max(m.Fraction, math.Ceil(*r.Needs*200)/200)
		proposed[r.Metric] = m
	}
	return proposed
}

// Playable narrows a run's scenarios to those of which the world has every cell.
func (w *World) Playable(h results.Header, g results.Design) (results.Header, bool) {
	h.Gate, h.Design = true, &g
	h.Spec.Runtimes = []scenarios.Runtime{{Name: "baseline", Ref: w.runtime.Ref}, {Name: "candidate", Ref: w.runtime.Ref}}
	h.Spec.Scenarios = slices.DeleteFunc(slices.Clone(h.Spec.Scenarios), func(sc scenarios.Scenario) bool { return !w.Has(h.Spec, sc) })
	h.Spec = design.Adapt(h.Spec, g)
	return h, len(h.Spec.Scenarios) > 0
}
