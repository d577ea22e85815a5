package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// traceTable shows what was started, its steps, and what follows from them; the
// sentence that matters comes last.
func traceTable(traces []Trace, opts Options) string {
	if len(traces) == 2 {
		if text, fits := sideBySide(traces[0], traces[1], opts); fits {
			return text
		}
	}
	var parts []string
	for _, t := range traces {
		parts = append(parts, about(opts, append(startOf("", t), [2]string{"machine", phrase.Machine(t.Environment)})),
			traceSteps(t, opts), conclusions("", t, opts), sentence("", t, opts))
	}
	return strings.Join(parts, "\n")
}

// startOf says what was started and how. Label tells two apart.
func startOf(label string, t Trace) [][2]string {
	return [][2]string{{label + "runtime", phrase.Binary(called(t))}, {label + "asked", asked(t)}}
}

// called is the runtime by its reference, and as the command line had it where that gave it another name than it has of itself.
func called(t Trace) results.RuntimeID {
	id := t.Runtime
	if own, err := scenarios.ParseRuntime(id.Ref); err == nil && t.Name != "" && t.Name != own.Name {
		id.Ref = t.Name + "=" + id.Ref
	}
	return id
}

func asked(t Trace) string {
	text := fmt.Sprintf("driver %s, order %s, limit %s", t.Driver, t.Order, limit(t.Limit))
	if t.Limit != 0 && t.Place != "" {
		text += " on the " + string(t.Place)
	}
	return text
}

// conclusions are how the start ended, whether the order asked was imposed, which one was found and why.
func conclusions(label string, t Trace, opts Options) string {
	outcome := opts.outcome(t.Outcome)
	if t.Reason != "" {
		outcome += ": " + printable(t.Reason)
	}
	lines := [][2]string{{label + "outcome", outcome}}
	if e := t.Enforcement; e != nil {
		lines = append(lines, [2]string{label + "imposing", string(e.Outcome) + ": " + printable(e.Why)}, [2]string{label + "cost", cost(e)})
	}
	lines = append(lines, [2]string{label + "order", opts.found(t.Finding.Order) + ": " + printable(t.Finding.Why)})
	return about(opts, lines) + warnings(labelled(label, t.Warnings), opts)
}

func labelled(label string, texts []string) []string {
	var out []string
	for _, s := range texts {
		out = append(out, colon(label)+printable(s))
	}
	return out
}

// colon is a label before a sentence.
func colon(label string) string { return strings.Replace(label, " ", ": ", 1) }

func sentence(label string, t Trace, opts Options) string {
	return opts.wrapped(colon(label), "", opts.strong(printable(phrase.Sentence(t.Finding))))
}

func cost(e *sequence.Enforcement) string {
	ns := verdict.Nanoseconds.Format
	return fmt.Sprintf("%d calls stopped; %d of them held, %s in all; the others answered in %s in all",
		e.Notifications, e.Held, ns(float64(e.HeldNS)), ns(float64(e.AnsweredNS)))
}

// traceSteps takes the widest layout whose lines fit.
func traceSteps(t Trace, opts Options) string {
	rows := t.Timeline.Rows()
	if len(rows) == 0 {
		return "no steps were recorded\n"
	}
	if text := fullSteps(rows, opts); opts.fits(text) {
		return text
	}
	return stackedSteps(rows, opts)
}

// Widths of the detail column: less than the first says nothing, and no more than
// the second is needed in a stacked row.
const (
	leastDetail   = 16
	stackedDetail = 22
)

// fullSteps has one line a row; details get what room the rest leaves.
func fullSteps(rows []sequence.Row, opts Options) string {
	draw := func(detailWidth int) string {
		g := &grid{header: []string{"step", "since", "process", "cgroup", "container", "change", "runtime", "change", "detail"}}
		for _, r := range rows {
			g.add(stepName(r), since(r), process(r), string(r.Cgroup), charged(r.Container), opts.change(r.ContainerChange),
				charged(r.Runtime), grew(r.RuntimeChange), snip(rowDetail(r), detailWidth))
		}
		return g.plain()
	}
	if opts.Width == 0 {
		return draw(0)
	}
	return draw(max(leastDetail, opts.Width-widest(draw(leastDetail))+leastDetail))
}

// stackedSteps has two lines a row, for a terminal of 80 columns.
func stackedSteps(rows []sequence.Row, opts Options) string {
	g := &grid{header: []string{"step\n  detail", "since", "process\npid, cgroup", "container\nchange", "runtime\nchange"}}
	for _, r := range rows {
		step := stepName(r)
		if d := rowDetail(r); d != "" {
			step += "\n  " + snip(d, stackedDetail-2)
		}
		g.add(step, since(r), fmt.Sprintf("%s\n%d %s", printable(r.Comm), r.PID, r.Cgroup),
			stack(charged(r.Container), opts.change(r.ContainerChange), "\n"), stack(charged(r.Runtime), grew(r.RuntimeChange), "\n"))
	}
	return g.plain()
}

func stepName(r sequence.Row) string {
	if r.Count > 1 {
		return fmt.Sprintf("%s x%d", r.Step, r.Count)
	}
	return string(r.Step)
}

func since(r sequence.Row) string {
	return "+" + verdict.Nanoseconds.Format(float64(r.SinceNS))
}

func process(r sequence.Row) string { return fmt.Sprintf("%s %d", printable(r.Comm), r.PID) }

// rowDetail is what a step has besides its process, in words.
func rowDetail(r sequence.Row) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	switch {
	case r.Count > 1:
		return "nothing of note"
	case r.Bytes != nil:
		add("%s", verdict.Bytes.Format(float64(*r.Bytes)))
	}
	switch {
	case r.Other == 0:
	case r.Step == sequence.Join:
		add("moved by %d", r.Other)
	case r.Step == sequence.Fork || r.Step == sequence.BornInCgroup:
		add("child %d", r.Other)
	}
	if r.Detail != "" {
		add("%s", printable(r.Detail))
	}
	return strings.Join(parts, ", ")
}

func charged(c *sequence.Charge) string {
	if c == nil {
		return "-"
	}
	return verdict.Bytes.Format(float64(c.Bytes))
}

// grew is empty where nothing changed, so that what did is seen.
func grew(change *int64) string {
	switch {
	case change == nil || *change == 0:
		return ""
	case *change > 0:
		return "+" + verdict.Bytes.Format(float64(*change))
	}
	return verdict.Bytes.Format(float64(*change))
}

// fits reports whether no line is longer than the terminal is wide.
func (o Options) fits(drawn string) bool { return o.Width == 0 || widest(drawn) <= o.Width }

func widest(drawn string) int {
	most := 0
	for line := range strings.Lines(drawn) {
		most = max(most, text.StringWidthWithoutEscSequences(strings.TrimRight(line, "\n")))
	}
	return most
}

// snip shortens to a width; 0 is any.
func snip(s string, width int) string {
	if width == 0 {
		return s
	}
	return text.Snip(s, width, "~")
}

// printable replaces what a process may have in its name, or a path in it, to change a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
}
