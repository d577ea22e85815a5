package verdict

import (
	"fmt"
	"math"
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// tell gives each row and ceiling the command that shows a start of it, and what did not pass a paragraph of its own.
func (v *Verdict) tell() {
	for i := range v.Metrics {
		m := &v.Metrics[i]
		m.Trace = v.trace(*m)
		if m.Ruling == Regressed || m.Ruling == Inconclusive {
			m.Paragraph = paragraph(m.toldWhere(), m.sure(), m.Trace)
		}
	}
	for i := range v.Ceilings {
		h := &v.Ceilings[i]
		h.Trace = v.traceOfHeld(*h)
		if h.Ruling == Regressed || h.Ruling == Inconclusive {
			h.Paragraph = paragraph(h.Reason, "", h.Trace)
		}
	}
}

// toSee comes before the command at the end of a paragraph.
const toSee = " To see a start of it: "

func paragraph(what, sure, command string) string {
	text := what + "."
	if sure != "" {
		text += " " + sure + "."
	}
	if command != "" {
		text += toSee + command
	}
	return text
}

// WithoutCommand is a paragraph for where its command stands beside it.
func WithoutCommand(paragraph, command string) string {
	if command == "" {
		return paragraph
	}
	return strings.TrimSuffix(paragraph, toSee+command)
}

// toldWhere has the conditions behind the metric's name.
func (m Metric) toldWhere() string {
	told := m.told()
	if rest, begins := strings.CutPrefix(told, m.Name); begins {
		return fmt.Sprintf("%s (%s)%s", m.Name, m.conditions(), rest)
	}
	return fmt.Sprintf("%s (%s)", told, m.conditions())
}

// told says what changed, and from what to what.
func (m Metric) told() string {
	if m.Ruling == Inconclusive {
		return fmt.Sprintf("%s is not settled: %s", m.Name+ofProcess(m.Process), m.Why)
	}
	b, c := m.Baseline, m.Candidate
	switch {
	case m.Leak != nil:
		return m.toldLeak()
	case m.Left != nil:
		return m.toldLeftover()
	case m.Name == LeakCount:
		return fmt.Sprintf("The candidate left %s behind in %s, the baseline %d in %d", plural(c.Events, "thing"), plural(c.N, "start"), b.Events, b.N)
	case m.Unit == Fraction:
		return fmt.Sprintf("%s rose from %d of %d to %d of %d trials, by %s%s", m.Name, b.Events, b.N, c.Events, c.N, m.by(m.Change), m.fromTo())
	case m.Name == StartThreshold && math.IsNaN(c.Center):
		return fmt.Sprintf("%s was %s and is above %s", m.Name, b.edgeText(), m.limitText(c.Lo))
	case m.Name == StartThreshold:
		return fmt.Sprintf("%s rose from %s to %s, by %s%s", m.Name, b.edgeText(), c.edgeText(), m.by(m.Change), m.fromTo())
	}
	// The change is not that of the medians: the sentence must not tell one as the other.
	return fmt.Sprintf("%s rose by %s%s; the medians are %s, then %s", m.Name, m.by(m.Change), m.fromTo(), m.Unit.Format(b.Center), m.Unit.Format(c.Center))
}

// edgeText is a threshold as far as it was looked for: a gate shows no lower end that its ruling can do without.
func (a Arm) edgeText() string {
	switch {
	case math.IsNaN(a.Center):
		return "not known"
	case a.Lo == 0:
		return "at most " + exactSize(int64(a.Center))
	}
	return exactSize(int64(a.Center))
}

func (m Metric) limitText(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "not known"
	}
	return exactSize(int64(x))
}

// by is a change without its plus: "rose by" has said it.
func (m Metric) by(x float64) string { return strings.TrimPrefix(m.FormatChange(x), "+") }

// fromTo is the interval of a change in words, as far as it has ends.
func (m Metric) fromTo() string {
	lo, hi := m.ChangeLo, m.ChangeHi
	switch {
	case math.IsNaN(lo) || math.IsNaN(hi) || math.IsInf(lo, 0):
		return ""
	case math.IsInf(hi, 0):
		return fmt.Sprintf(" (at least %s)", m.by(lo))
	}
	return fmt.Sprintf(" (%s to %s)", m.by(lo), m.by(hi))
}

// sure says how sure a regression is.
func (m Metric) sure() string {
	if m.Ruling != Regressed {
		return ""
	}
	parts := []string{m.Why}
	if m.Name == StartThreshold {
		parts = append(parts, fmt.Sprintf("each search claims its bracket at %s confidence, so that the difference of both holds at %s", Percent(1-m.Looks.Level/2), Percent(1-m.Looks.Level)))
	}
	if !math.IsNaN(m.PHolm) {
		parts = append(parts, fmt.Sprintf("%s, adjusted for %s", withSign(m.PHolm), plural(m.Family, "test")))
	}
	if m.Looks.Blocks > 0 && m.Scenario != AllScenarios {
		parts = append(parts, plural(m.Looks.Blocks, "block"))
	}
	text := strings.Join(parts, "; ")
	return strings.ToUpper(text[:1]) + text[1:]
}

// withSign is "p = 0.042" or "p < 1e-9".
func withSign(p float64) string {
	if text, less := strings.CutPrefix(FormatP(p), "<"); less {
		return "p < " + text
	}
	return "p = " + FormatP(p)
}

func (m Metric) conditions() string {
	parts := []string{m.Scenario, "driver " + string(m.Driver)}
	if m.Scenario == AllScenarios {
		parts[0] = "all scenarios"
	}
	if m.Order != natural && m.Order != "" {
		parts = append(parts, "order "+string(m.Order)+" imposed")
	}
	if m.Build != (scenarios.Build{}) {
		parts = append(parts, BuildText(m.Build))
	}
	if m.Limit != 0 {
		parts = append(parts, "limit "+scenarios.FormatSize(m.Limit)+onPlace(m.Place))
	}
	if m.Enumerate != (scenarios.Enumeration{}) {
		parts = append(parts, "the payload enumerating "+m.Enumerate.String()+" subnets")
	}
	return strings.Join(parts, ", ")
}

func onPlace(p cgroupjoin.Place) string {
	if p == cgroupjoin.OnAncestor {
		return " on the pod"
	}
	return ""
}

// trace is the command that shows one start of each arm under the row's conditions; empty where no runtime was started.
func (v Verdict) trace(m Metric) string {
	switch {
	case m.Name == scenarios.JoinLatency:
		return ""
	case m.isSession():
		return v.session(m)
	case m.Left != nil:
		return v.lifeOf(m)
	}
	return v.command(m, m.shownAt(), v.Baseline.Ref, v.Candidate.Ref)
}

func (v Verdict) traceOfHeld(h Held) string {
	m := h.Cell
	if m.Order == WorstOrder {
		m.Order = sequence.JoinBeforeClone // in which the container pays for the clone, where there is one
	}
	limit := m.Limit
	if m.Name == StartThreshold {
		limit = int64(h.AtMost)
	}
	return v.command(m, limit, v.Candidate.Ref)
}

func (v Verdict) command(m Metric, limit int64, refs ...string) string {
	words := []string{"initbench", "trace"}
	for i, ref := range refs {
		if ref == "" {
			return ""
		}
		if i == 0 || ref != refs[0] {
			words = append(words, "--runtime", shellWord(withBuild(ref, m.Build)))
		}
	}
	words = append(words, "--driver", string(m.Driver))
	if m.Order != natural && m.Order != "" {
		words = append(words, "--order", string(m.Order))
	}
	if limit > 0 {
		words = append(words, "--limit", scenarios.FormatSize(limit))
		if m.Place == cgroupjoin.OnAncestor {
			words = append(words, "--limit-place", string(m.Place))
		}
	}
	if metric, known := scenarios.MetricNamed(m.Name); known && metric.Clock != scenarios.RunsClock {
		words = append(words, "--in", "vm", "--clock", string(metric.Clock))
	}
	return strings.Join(words, " ")
}

// shownAt is the limit at which the arms differ most: that of the row, of a ladder the worst rung's, of a threshold the
// baseline's own, at which the one starts and the other does not; of one that was not found the highest that the candidate is known to need more than.
func (m Metric) shownAt() int64 {
	switch {
	case m.Limit != 0:
		return m.Limit
	case m.Name == StartThreshold:
		for _, end := range []float64{m.Baseline.Hi, m.Candidate.Lo, m.Candidate.Hi, m.Baseline.Lo} {
			if end > 0 && !math.IsInf(end, 0) { // NaN is not
				return int64(end)
			}
		}
		return 0
	}
	var limit int64
	worst := math.Inf(-1)
	for _, g := range m.Ladder {
		b, c := kills(g.Baseline), kills(g.Candidate)
		if d := c.Rate() - b.Rate(); d > worst {
			worst, limit = d, g.Limit
		}
	}
	return limit
}

// withBuild adds a build's options to the built-in runtime's reference.
func withBuild(ref string, b scenarios.Build) string {
	var options []string
	if b.Clone != "" {
		options = append(options, "clone="+string(b.Clone))
	}
	if b.Strategy != "" {
		options = append(options, "strategy="+string(b.Strategy))
	}
	if b.BinaryBytes != 0 {
		options = append(options, "size="+scenarios.FormatSize(b.BinaryBytes))
	}
	if len(options) == 0 {
		return ref
	}
	between := ":"
	if strings.Contains(ref, ":") {
		between = ","
	}
	return ref + between + strings.Join(options, ",")
}

// shellWord quotes what a shell would take apart.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@%+=:,./_-", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
