package html

import (
	"fmt"
	"math"
	"strings"

	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/report/svg"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// rows is what was judged, a table a driver.
func (d *drawer) rows(v verdict.Verdict) section {
	s := section{
		ID: "rows", Title: "Rows",
		About: "Each metric under each set of conditions: the median or rate of both arms with its interval, the change of the candidate against the baseline, " +
			"and where the whole interval of that lies against the margin. The shaded band is within the margin; further right is worse.",
	}
	if len(v.Metrics) == 0 {
		s.Missing = "Nothing was judged: " + strings.Join(v.Reasons, "; ")
		return s
	}
	var order []string
	byDriver := map[string]*table{}
	for i, m := range v.Metrics {
		name := string(m.Driver)
		t := byDriver[name]
		if t == nil {
			t = &table{
				ID: "rows-" + slug(name), Caption: name, Class: "rows cards",
				Head: []string{"metric", "baseline", "candidate", "change", "against the margin", "p (Holm)", "ruling"},
			}
			byDriver[name], order = t, append(order, name)
		}
		r := t.add(metricCells(fmt.Sprintf("metrics.%d.", i), m)...)
		r.Class = "is-" + string(m.Ruling)
	}
	for _, name := range order {
		s.Tables = append(s.Tables, *byDriver[name])
	}
	return s
}

func metricCells(key string, m verdict.Metric) []cell {
	name := of(part{Text: m.Name + phrase.After(" of ", m.Process), Class: "name"}, dim(conditionsText(m)))
	name.Head = true
	return []cell{
		name, armCell(key+"baseline.", m, m.Baseline), armCell(key+"candidate.", m, m.Candidate), changeCell(key, m),
		of(part{Drawing: stand(m)}, number(key+"margin", m.Margin, marginText(m))),
		numeric(number(key+"p_holm", m.PHolm, verdict.FormatP(m.PHolm))),
		of(part{Text: string(m.Ruling), Class: "badge is-" + string(m.Ruling)}, dim(m.Why)),
	}
}

// marginText is the margin in words; of what has none that is said.
func marginText(m verdict.Metric) string {
	if !verdict.HasMargin(m.Name) || math.IsNaN(m.Margin) {
		return "no margin"
	}
	return "margin " + m.FormatMargin()
}

func conditionsText(m verdict.Metric) string {
	parts := []string{m.Scenario}
	if m.Limit != 0 {
		parts = append(parts, "limit "+verdict.PlacedLimit(m.Build, m.Place, m.Limit))
	}
	if m.Order != sequence.Natural {
		parts = append(parts, string(m.Order))
	}
	if m.Build != (scenarios.Build{}) {
		parts = append(parts, verdict.BuildText(m.Build))
	}
	if m.Enumerate != (scenarios.Enumeration{}) {
		parts = append(parts, m.Enumerate.String())
	}
	return strings.Join(parts, ", ")
}

func armCell(key string, m verdict.Metric, a verdict.Arm) cell {
	if a.N == 0 {
		return numeric(part{Text: "not measured", Key: key + "center", Value: "null", Class: "dim"})
	}
	parts := []part{}
	switch {
	case m.Name == verdict.StartThreshold:
		return edgeCell(key, a)
	case m.Unit == verdict.Fraction:
		parts = append(parts, count(key+"events", a.Events), text("/"), count(key+"n", a.N))
	case phrase.Counts(m):
		parts = append(parts, count(key+"events", a.Events), text(" in "), count(key+"n", a.N))
	default:
		parts = append(parts, number(key+"center", a.Center, m.Unit.Format(a.Center)))
	}
	parts = append(parts, text(" "))
	parts = append(parts, interval(key, m.Unit.Format, a.Lo, a.Hi)...)
	if m.Unit != verdict.Fraction && !phrase.Counts(m) {
		n := count(key+"n", a.N)
		n.Class = "dim"
		parts = append(parts, dim(" n="), n)
	}
	return numeric(parts...)
}

// edgeCell is a start threshold and where it lies, for sure enough: above one limit, and at most another.
func edgeCell(key string, a verdict.Arm) cell {
	n := count(key+"n", a.N)
	n.Class = "dim"
	spread := text(phrase.After(" ", phrase.EdgeSpread(a)))
	return numeric(number(key+"center", a.Center, phrase.EdgeCenter(a)), spread, dim(" n="), n)
}

func changeCell(key string, m verdict.Metric) cell {
	bounded := !math.IsInf(m.ChangeLo, 0) || !math.IsInf(m.ChangeHi, 0)
	if math.IsNaN(m.Change) && (m.Name != verdict.StartThreshold || !bounded) {
		return numeric(part{Text: "-", Key: key + "change", Value: "null", Class: "dim"})
	}
	parts := []part{number(key+"change", m.Change, m.FormatChange(m.Change)), text(" ")}
	if phrase.Counts(m) {
		return numeric(parts[0])
	}
	short := func(x float64) string { return strings.TrimSuffix(m.FormatChange(x), " points") }
	return numeric(append(parts, interval(key+"change_", short, m.ChangeLo, m.ChangeHi)...)...)
}

// stand draws where a change lies: in units of the margin, for all rows to be read alike. What reaches beyond three margins is cut, and
// an arrow says so.
func stand(m verdict.Metric) drawing {
	const width, height, most = 132.0, 18.0, 3.0
	if math.IsNaN(m.Change+m.Margin) || math.IsNaN(m.ChangeLo) || math.IsNaN(m.ChangeHi) || !(m.Margin > 0) {
		return ""
	}
	at := func(x float64) float64 {
		return width/2 + min(most, max(-most, scale(x, m)))/most*(width/2-7)
	}
	lo, hi := at(m.ChangeLo), at(m.ChangeHi)
	g := svg.Element("g", "class", "is-"+string(m.Ruling)).Add(
		svg.Rectangle(at(-m.Margin), 2, at(m.Margin)-at(-m.Margin), height-4, "within"), svg.Line(width/2, 1, width/2, height-1, "zero"),
		svg.Line(lo, height/2, hi, height/2, "whisker"))
	if math.Abs(scale(m.ChangeLo, m)) <= most {
		g.Add(svg.Line(lo, height/2-3, lo, height/2+3, "whisker"))
	} else {
		g.Add(arrow(lo, height/2, math.Copysign(5, m.ChangeLo)))
	}
	if math.Abs(scale(m.ChangeHi, m)) <= most {
		g.Add(svg.Line(hi, height/2-3, hi, height/2+3, "whisker"))
	} else {
		g.Add(arrow(hi, height/2, math.Copysign(5, m.ChangeHi)))
	}
	if math.Abs(scale(m.Change, m)) <= most {
		g.Add(svg.Element("circle", "cx", at(m.Change), "cy", height/2, "r", 3.2, "class", "estimate"))
	}
	about := fmt.Sprintf("%s, interval %s to %s, against %s", m.FormatChange(m.Change), m.FormatChange(m.ChangeLo), m.FormatChange(m.ChangeHi), marginText(m))
	return draw(width, height, about, g)
}

// scale is a change in margins. Ratios are compared by their logarithms, so that half and double are as far from nothing.
func scale(x float64, m verdict.Metric) float64 {
	if m.Relative {
		return math.Log1p(max(x, -1+1e-9)) / math.Log1p(m.Margin)
	}
	return x / m.Margin
}

func arrow(x, y, length float64) *svg.Node {
	p := svg.Value
	return svg.Element("path", "d", "M"+p(x)+" "+p(y-4)+"L"+p(x+length)+" "+p(y)+"L"+p(x)+" "+p(y+4)+"Z", "class", "estimate")
}

// slug makes a name fit to be a part of an id.
func slug(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, name)
}
