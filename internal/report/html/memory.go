package html

import (
	"fmt"
	"strings"

	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/report/svg"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/sequence"
)

// memory draws what each step of one start added to what a cgroup is charged, both arms beside each other, a figure for
// each driver and cgroup.
func (d *drawer) memory() section {
	s := section{
		ID: "memory", Title: "Memory by step", Legend: true,
		About: "One start of each arm, the observed one whose charge at the payload's exec is the median: what the cgroup was charged when each step was done. A bar goes from " +
			"the charge at the step before to the charge at this one; filled it grew, hollow it shrank. Steps of both arms stand in one line where both have them.",
	}
	for _, starts := range byDriver(d.got.starts) {
		s.Figures = append(s.Figures, d.waterfalls(starts)...)
	}
	if len(s.Figures) == 0 {
		s.Missing = d.unobserved()
	}
	return s
}

func (d *drawer) unobserved() string {
	switch {
	case d.in.Run == nil:
		return "Two stored runs were compared: their records and timelines are not at hand here. The report of either run has them."
	case strings.HasPrefix(d.machine().Observer, "none"):
		return "No start was observed (" + d.machine().Observer + ")."
	}
	return "The run has no timeline of a start in its natural order."
}

// byDriver groups starts, which come in the order of their drivers.
func byDriver(starts []start) (groups [][]start) {
	for _, s := range starts {
		if n := len(groups); n > 0 && groups[n-1][0].driver == s.driver {
			groups[n-1] = append(groups[n-1], s)
			continue
		}
		groups = append(groups, []start{s})
	}
	return groups
}

// step is a line of a waterfall: what each arm's start had been charged before it and with it.
type step struct {
	name string
	bars []*bar // one an arm; nil where it has no such step or nothing was read
}

type bar struct{ from, to int64 }

// waterfalls of one driver: two arms share a figure, more have one each.
func (d *drawer) waterfalls(starts []start) (all []figure) {
	for from := 0; from < len(starts); from += 2 {
		group := starts[from:min(from+2, len(starts))]
		for _, side := range []sequence.Whose{sequence.Container, sequence.Runtime} {
			id := fmt.Sprintf("memory-%s-%d-%s", slug(string(group[0].driver)), from/2+1, side)
			all = append(all, d.waterfall(id, group, side))
		}
	}
	return all
}

func (d *drawer) waterfall(id string, group []start, side sequence.Whose) figure {
	steps := stepsOf(group, side)
	const line, top, labels = 30.0, 8.0, 150.0
	most := 1.0
	for _, s := range steps {
		for _, b := range s.bars {
			if b != nil {
				most = max(most, float64(b.from), float64(b.to))
			}
		}
	}
	x := axis{lo: 0, hi: most * 1.2, from: labels, to: chartWidth - 8}
	bottom := top + line*float64(len(steps))
	g := svg.Element("g")
	t := table{Caption: "the same in numbers", Class: "numbers", Head: []string{"step"}}
	for _, s := range group {
		t.Head = append(t.Head, s.arm, "change")
	}
	for i, s := range steps {
		y := top + line*float64(i)
		if i%2 == 1 {
			g.Add(svg.Rectangle(0, y, chartWidth, line, "stripe"))
		}
		g.Add(svg.Label(labels-8, y+line/2+4, "step end", s.name))
		cells := []cell{heading(s.name)}
		for k, b := range s.bars {
			height := (line - 8) / float64(len(s.bars))
			g.Add(drawBar(b, d.arm(group[k].arm), x, y+4+height*float64(k), height-1.5, most))
			cells = append(cells, barCells(b)...)
		}
		t.add(cells...)
	}
	whose := map[sequence.Whose]string{sequence.Container: "what the container is charged", sequence.Runtime: "what the runtime's cgroup is charged"}[side]
	title := string(group[0].driver) + ", " + whose
	return figure{
		ID: id, Title: title, About: d.startText(group), Tables: []table{t},
		Drawing: draw(chartWidth, bottom+24, title+", step by step", x.across(top, bottom, x.ticks(4, 2), tickSize), g),
	}
}

func (d *drawer) startText(group []start) string {
	var texts []string
	for _, s := range group {
		texts = append(texts, fmt.Sprintf("%s: trial %d, %s.", s.arm, s.record.Index, phrase.Sentence(found(s))))
	}
	return strings.Join(texts, " ")
}

func found(s start) sequence.Finding {
	if s.record.Found == nil {
		return sequence.Finding{Order: sequence.FoundUnknown, Why: "no observer watched"}
	}
	return *s.record.Found
}

// drawBar draws a step's change and, where it is one that can be seen, how much it is.
func drawBar(b *bar, a arm, x axis, y, height, most float64) *svg.Node {
	if b == nil {
		return nil
	}
	from, to := x.at(float64(min(b.from, b.to))), x.at(float64(max(b.from, b.to)))
	class := "grew"
	if b.to < b.from {
		class = "shrank"
	}
	g := svg.Element("g", "class", class+" "+a.Class()).Add(svg.Rectangle(from, y, max(1.5, to-from), height, "bar"))
	if change := float64(b.to - b.from); change >= most/50 || -change >= most/50 {
		g.Add(svg.Label(to+4, y+height-1, "amount", signed(change)))
	}
	return g.Add(svg.TextNode("title", fmt.Sprintf("%s: %s, from %s to %s", a.Name, signed(float64(b.to-b.from)), verdict.Bytes.Format(float64(b.from)), verdict.Bytes.Format(float64(b.to)))))
}

func signed(bytes float64) string {
	if bytes > 0 {
		return "+" + verdict.Bytes.Format(bytes)
	}
	return verdict.Bytes.Format(bytes)
}

func barCells(b *bar) []cell {
	if b == nil {
		return []cell{numeric(dim("-")), numeric(dim("-"))}
	}
	return []cell{numeric(text(verdict.Bytes.Format(float64(b.to)))), numeric(text(signed(float64(b.to - b.from))))}
}

// stepsOf lines up the steps of one or two starts, up to the payload's exec. Steps at which nothing was read of the side in either are left out.
func stepsOf(group []start, side sequence.Whose) (all []step) {
	rows := make([][]sequence.Row, 2)
	for i, s := range group {
		rows[i] = untilExec(s.timeline.Steps())
	}
	charged := [2]int64{}
	for _, p := range phrase.Align(rows[0], rows[1]) {
		s := step{}
		any := false
		for i, r := range []*sequence.Row{p.A, p.B}[:len(group)] {
			if r != nil {
				s.name = stepName(*r)
			}
			b := barOf(r, side, &charged[i])
			s.bars, any = append(s.bars, b), any || b != nil && b.from != b.to
		}
		if any {
			all = append(all, s)
		}
	}
	return all
}

func barOf(r *sequence.Row, side sequence.Whose, charged *int64) *bar {
	if r == nil {
		return nil
	}
	c := r.Container
	if side == sequence.Runtime {
		c = r.Runtime
	}
	if c == nil {
		return nil
	}
	b := &bar{*charged, c.Bytes}
	*charged = c.Bytes
	return b
}

// untilExec leaves out what comes after the start: its exit, and the runtime's delete.
func untilExec(rows []sequence.Row) []sequence.Row {
	for i, r := range rows {
		if r.Step == sequence.PayloadExec || r.Step == sequence.OOMKill {
			return rows[:i+1]
		}
	}
	return rows
}

// stepName tells the steps of init from those of the runtime.
func stepName(r sequence.Row) string {
	who := "runtime"
	switch {
	case r.Init:
		who = "init"
	case r.Cgroup == sequence.Elsewhere:
		who = "caller"
	}
	if r.Step == sequence.PayloadExec {
		return string(r.Step)
	}
	return string(r.Step) + " (" + who + ")"
}
