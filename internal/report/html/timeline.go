package html

import (
	"fmt"
	"slices"
	"strings"

	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/report/svg"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/sequence"
)

// Lengths of a timeline, which is too wide for a telephone and is scrolled there.
const (
	timelineWidth = 580.0
	laneTop       = 20.0
	levelHeight   = 13.0
	mostLevels    = 5
	mostEvents    = 120
)

// timelines draws the starts of the section before against time: a lane a process, its colour the cgroup that it is in.
func (d *drawer) timelines() section {
	s := section{
		ID: "timeline", Title: "Timeline of a median start",
		About: "The same starts against time, from the spawn of the runtime's create to the payload's exec: a lane for each process that takes a step. " +
			"A lane's colour is the cgroup that its process is in. The times have the observer in them.",
	}
	for _, whose := range []sequence.Whose{sequence.Container, sequence.Pod, sequence.Runtime, sequence.Elsewhere} {
		s.Key = append(s.Key, payer{Class: "in-" + string(whose), Text: string(whose)})
	}
	for _, group := range byDriver(d.got.starts) {
		longest := int64(1)
		for _, one := range group {
			longest = max(longest, duration(one))
		}
		for _, one := range group {
			s.Figures = append(s.Figures, d.timeline(one, longest))
		}
	}
	if len(s.Figures) == 0 {
		s.Missing, s.Key = d.unobserved(), nil
	}
	return s
}

// begin is when create was spawned.
func begin(s start) int64 {
	if s.record.StartNS != 0 {
		return s.record.StartNS
	}
	if len(s.timeline.Events) > 0 {
		return s.timeline.Events[0].NS
	}
	return 0
}

func duration(s start) int64 {
	rows := untilExec(s.timeline.Steps())
	if len(rows) == 0 {
		return 0
	}
	return rows[len(rows)-1].NS - begin(s)
}

// lane is one process.
type lane struct {
	pid    int
	names  []string
	init   bool
	rows   []sequence.Row
	levels []int // of the rows' labels
	deep   int
}

func lanesOf(rows []sequence.Row) (all []*lane) {
	at := map[int]*lane{}
	for _, r := range rows {
		l := at[r.PID]
		if l == nil {
			l = &lane{pid: r.PID}
			at[r.PID], all = l, append(all, l)
		}
		l.rows, l.init = append(l.rows, r), l.init || r.Init
		if !slices.Contains(l.names, r.Comm) {
			l.names = append(l.names, r.Comm)
		}
	}
	return all
}

// label gives each row's text a level on which it does not run into the one before; beyond the last level it has none.
func (l *lane) label(x axis, since int64) {
	ends := make([]float64, mostLevels)
	for _, r := range l.rows {
		from := textFrom(x.at(float64(r.NS-since)), string(r.Step))
		level := slices.IndexFunc(ends, func(end float64) bool { return end <= from })
		if level >= 0 {
			ends[level] = from + textWidth*float64(len(r.Step)) + 6
			l.deep = max(l.deep, level+1)
		}
		l.levels = append(l.levels, level)
	}
}

// textFrom is where a text beside a mark begins: it must not leave the picture.
func textFrom(at float64, text string) float64 {
	return max(2, min(at-3, timelineWidth-4-textWidth*float64(len(text))))
}

func (l *lane) height() float64 { return laneTop + levelHeight*float64(l.deep) + 12 }

func (d *drawer) timeline(s start, longest int64) figure {
	rows := untilExec(s.timeline.Steps())
	rows = rows[:min(len(rows), mostEvents)]
	since := begin(s)
	x := axis{lo: 0, hi: float64(longest), from: 10, to: timelineWidth - 16}
	lanes := lanesOf(rows)
	y := 4.0
	g := svg.Element("g")
	for _, l := range lanes {
		l.label(x, since)
		g.Add(svg.Moved(0, y, drawLane(l, x, since, s)...))
		y += l.height()
	}
	title := fmt.Sprintf("%s, %s, trial %d", s.driver, s.arm, s.record.Index)
	return figure{
		ID: fmt.Sprintf("timeline-%s-%s", slug(string(s.driver)), slug(d.arm(s.arm).Class())), Title: title, Wide: true, About: phrase.Sentence(found(s)) + ".",
		Drawing: draw(timelineWidth, y+26, "timeline of a start: "+title, x.across(0, y, x.ticks(7, 10), tickTime), g),
		Tables:  []table{timelineTable(rows, since)},
	}
}

func drawLane(l *lane, x axis, since int64, s start) []*svg.Node {
	base := l.height() - 10
	name := strings.Join(l.names, ", then ")
	if l.init {
		name += " (init)"
	}
	parts := []*svg.Node{svg.Label(4, 13, "lane", fmt.Sprintf("%s, process %d", name, l.pid))}
	for i, r := range l.rows {
		from := x.at(float64(r.NS - since))
		to := from
		if i+1 < len(l.rows) {
			to = x.at(float64(l.rows[i+1].NS - since))
		} else if r.Step != sequence.Exit && r.Step != sequence.OOMKill {
			to = x.at(float64(duration(s)))
		}
		class := "in-" + string(r.Cgroup)
		parts = append(parts, svg.Rectangle(from, base-3, max(1, to-from), 6, "life "+class))
	}
	for i, r := range l.rows {
		parts = append(parts, drawEvent(r, l.levels[i], base, x, since))
	}
	return parts
}

func drawEvent(r sequence.Row, level int, base float64, x axis, since int64) *svg.Node {
	at := x.at(float64(r.NS - since))
	g := svg.Element("g", "class", "event in-"+string(r.Cgroup))
	if level >= 0 {
		top := base - 8 - levelHeight*float64(level)
		g.Add(svg.Line(at, top, at, base, "stem"), svg.Label(textFrom(at, string(r.Step)), top-1, "eventname", string(r.Step)))
	}
	g.Add(svg.Element("circle", "cx", at, "cy", base, "r", 3.4, "class", "dot"))
	text := fmt.Sprintf("%s after %s: %s in the %s's cgroup", r.Step, verdict.Nanoseconds.Format(float64(r.NS-since)), r.Comm, r.Cgroup)
	return g.Add(svg.TextNode("title", text+phrase.After(", ", r.Detail)))
}

func timelineTable(rows []sequence.Row, since int64) table {
	t := table{Caption: "the same in numbers", Class: "numbers", Head: []string{"after", "step", "process", "cgroup", "container", "runtime"}}
	for _, r := range rows {
		t.add(numeric(text(verdict.Nanoseconds.Format(float64(r.NS-since)))), heading(string(r.Step)), plain(fmt.Sprintf("%s (%d)", r.Comm, r.PID)), plain(string(r.Cgroup)),
			numeric(text(charge(r.Container))), numeric(text(charge(r.Runtime))))
	}
	return t
}

func charge(c *sequence.Charge) string {
	if c == nil {
		return "-"
	}
	return verdict.Bytes.Format(float64(c.Bytes))
}
