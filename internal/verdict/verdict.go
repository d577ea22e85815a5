package verdict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// Ruling is what is said of one metric, or of all of them. It is a closed set.
type Ruling string

const (
	// Pass: a change for the worse by more than the margin is excluded.
	Pass Ruling = "pass"
	// Improved: better by more than the margin. Of a metric only; all of them together pass.
	Improved Ruling = "improved"
	// Regressed: worse by more than the margin.
	Regressed Ruling = "regressed"
	// Inconclusive: the trials exclude neither.
	Inconclusive Ruling = "inconclusive"
	// Invalid: what was recorded cannot be compared. Of everything together only.
	Invalid Ruling = "invalid"
)

// Rulings lists the closed set, the gravest first.
func Rulings() []Ruling { return []Ruling{Invalid, Regressed, Inconclusive, Improved, Pass} }

// ExitCode is the exit status of a gate or comparison that ends with r.
func (r Ruling) ExitCode() int {
	switch r {
	case Pass, Improved:
		return 0
	case Regressed:
		return 1
	case Inconclusive:
		return 3
	}
	return 4 // Invalid, and whatever is no ruling: it measured nothing
}

// Verdict is the judgement of one gate or comparison.
type Verdict struct {
	Ruling Ruling
	// Reasons says, in sentences, why the whole is regressed, inconclusive or
	// invalid; of a pass, what improved.
	Reasons []string
	Metrics []Metric
	// Ladders show how containers started over each scenario's limits, an entry for each arm.
	Ladders []Ladder
	// Matrices say of both arms who pays for the clone, for each scenario with orders or builds.
	Matrices []Matrix
	// Findings are what the orders of clone and join show, of both arms. They do not rule:
	// the rows of each order do.
	Findings []Finding
	// Searches are what looked for start.threshold, of both arms.
	Searches []Sought
	// Ceilings are those of the policy, once for each cell one is held against.
	Ceilings []Held
	// Warnings lower the trust in the numbers without voiding them. Notes do not even that.
	Warnings, Notes []string
	// Environment is the first one of the run, or of the baseline's.
	Environment results.Environment
	// Environments are the first one of each clock that scenarios were measured by.
	Environments []results.Environment
	Baseline     results.RuntimeID
	Candidate    results.RuntimeID
	// Interleaved is true when both arms ran in the blocks of one run, false when two runs are compared.
	Interleaved bool
	// Confidence of every interval, such as 0.95.
	Confidence float64
	Trials     Trials
}

// ExitCode is the exit status that says the same as the verdict.
func (v Verdict) ExitCode() int { return v.Ruling.ExitCode() }

// Headline is the ruling, and with it the ceilings that made it so and what it leaves open; of a pass the candidate's findings
// too: what starts by luck alone must not read as what starts.
func (v Verdict) Headline() string {
	with := v.ownCeilings()
	if own := v.ownFindings(); v.Ruling == Pass && len(own) > 0 {
		with = append(with, fmt.Sprintf("%s: %s", plural(len(own), "finding"), strings.Join(own, "; ")))
	}
	if n := v.Open(); n > 0 && v.Ruling != Invalid {
		with = append(with, plural(n, "time")+" left open by a noisy clock")
	}
	if len(with) == 0 {
		return string(v.Ruling)
	}
	return fmt.Sprintf("%s, with %s", v.Ruling, strings.Join(with, "; and "))
}

// ownCeilings say how many ceilings the whole is ruled by, for no row need be: each counts once, however many cells it is held in.
func (v Verdict) ownCeilings() []string {
	became, rules := map[Ruling]string{Regressed: "broken", Inconclusive: "not settled"}[v.Ruling]
	var texts []string
	for _, h := range v.Ceilings {
		if rules && h.Severity == Fail && h.Ruling == v.Ruling && !slices.Contains(texts, h.Text) {
			texts = append(texts, h.Text)
		}
	}
	switch len(texts) {
	case 0:
		return nil
	case 1:
		return []string{fmt.Sprintf("1 ceiling %s (%s)", became, texts[0])}
	}
	return []string{fmt.Sprintf("%d ceilings %s", len(texts), became)}
}

// Open is how many rows are not settled and rule over nothing, for the clock they were measured by.
func (v Verdict) Open() (n int) {
	for _, m := range v.Metrics {
		if m.Open {
			n++
		}
	}
	return n
}

func (v Verdict) ownFindings() (own []string) {
	for _, f := range v.Findings {
		if f.Runtime == armNames[candidate] {
			own = append(own, f.brief()+v.likewise(f))
		}
	}
	return own
}

// likewise says that the baseline has the finding too, at any limit.
func (v Verdict) likewise(f Finding) string {
	for _, g := range v.Findings {
		if g.Runtime == armNames[baseline] && g.Kind == f.Kind && g.Scenario == f.Scenario && g.Driver == f.Driver &&
			g.Build == f.Build && g.Place == f.Place && g.Order == f.Order {
			return ", as does the baseline"
		}
	}
	return ""
}

// Trials counts what the verdict rests on, over both arms and without warm-ups.
type Trials struct {
	Planned, Recorded int
	// Failed trials neither started nor were OOM-killed; Leaking ones left something behind.
	Failed, Leaking int
	// NotCounted trials are in no cell: their order could not be imposed, or did not apply where it
	// did to others of the cell.
	NotCounted int
}

// Metric is one row: one metric of one scenario under one set of conditions.
type Metric struct {
	Scenario string // or AllScenarios
	Name     string
	Unit     Unit // of the arms' centres and intervals
	// Relative is true where Change is one, and false where it is a difference.
	Relative bool
	Driver   cgroupjoin.Driver
	Order    sequence.Order
	Build    scenarios.Build
	Place    cgroupjoin.Place // of the limit
	// Process whose descriptors are counted; empty where none's are.
	Process string
	// Limit is memory.max in bytes; 0 when there is none, or when the row pools all of Ladder.
	Limit int64
	// Enumerate is what the payloads did; the zero value is nothing beside their own work.
	Enumerate scenarios.Enumeration
	Baseline  Arm
	Candidate Arm
	// Change of the candidate against the baseline with its interval: relative
	// (0.1 is 10 % more) for distributions, a difference (0.1 is 10 points, or one
	// tenth of a leak a trial more) for fractions and counts. NaN when it cannot be told, its
	// ends infinite when the sample is too small.
	Change, ChangeLo, ChangeHi float64
	// Margin is what Change may be before it counts, in the same terms.
	Margin float64
	// P is the two-sided p value of "nothing changed", of an adaptive run a repeated one (see Looks); PHolm is the same adjusted for
	// the number of rows; NaN where no test was made.
	P, PHolm float64
	// Family is the number of tests that PHolm is adjusted for, Rank the place of P among them, from 1; 0 where no test was made.
	Family, Rank int
	Looks        Looks
	Severity     Severity
	Ruling       Ruling
	// Stuck: it is inconclusive for a reason that more trials like these would not mend.
	Stuck bool
	// Open: it is a time on a clock too noisy to settle it, and rules over nothing (see Options.NoisyClock).
	Open bool
	// Reason is one sentence with subject, numbers and why; Why is its last part alone,
	// for where the numbers stand beside it.
	Reason, Why string
	// Trace is the command that shows one start of each arm under these conditions; empty where there is none.
	Trace string
	// Paragraph is of a row that is regressed or inconclusive: what changed, from what to what, how sure that is, under which
	// conditions, and Trace.
	Paragraph string
	// Ladder has the counts behind a fraction, one rung a limit.
	Ladder []Rung
	// Leak has the counts of sessions; nil of metrics of single starts.
	Leak *Leak
	// Left has the sequences of lives, likewise.
	Left *Leftovers
}

// Arm is one side of a row. Lo and Hi are infinite when N is too small for the confidence asked for.
type Arm struct {
	N              int // units of inference: batches of a distribution, trials of a fraction
	Center, Lo, Hi float64
	// Events of a fraction or a count: how many of the N, or how many things left behind.
	Events int
	// Values are the units behind the centre in the order they were measured; nil for fractions.
	Values []float64
	// Sides are the medians of both sides of a sum; nil where the metric has none.
	Sides *Sides
}

// Sides are whose tasks it was: those in the container's cgroup at the time, or in the runtime's.
type Sides struct{ Container, Runtime float64 }

// Rung is one limit of a ladder; Limit 0 means none.
type Rung struct {
	Limit               int64
	Baseline, Candidate Count
}

// Count says how one arm's trials ended under one limit.
type Count struct {
	Started, OOMKilled, Failed int
	// NotApplicable of all these were started in their natural order, because the runtime
	// cannot take the one asked for. It is none of them or all.
	NotApplicable int
}

// Natural reports whether none of the trials took the order asked for.
func (c Count) Natural() bool { return c.NotApplicable > 0 && c.NotApplicable == c.Trials() }

// shows is how many of the trials show whether the container starts.
func (c Count) shows() int { return c.Started + c.OOMKilled }

// Trials is all of them.
func (c Count) Trials() int { return c.Started + c.OOMKilled + c.Failed }
