package html

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// view is what the template is given: texts, numbers with their keys, and drawings.
type view struct {
	Title, Policy string // Policy of what the page may load
	Style         template.CSS
	Script        template.JS
	Ruling        string // empty: nothing was judged
	Headline      string
	About         []row
	Failures      []phrase.Failure
	Open          []phrase.Failure
	Better        []string
	Findings      []string
	Ceilings      *table
	Arms          []arm
	Sections      []section
	Judged        string // text of the policy file
	Groups        []recordGroup
	RecordsNote   string
	RecordCount   int
	RecordHead    []string
}

// arm is a runtime and the number of its colour and mark.
type arm struct {
	Name, Ref string
	Index     int
	ID        results.RuntimeID
}

// section is a chapter of the page. One without figures and tables says why.
type section struct {
	ID, Title, About, Missing string
	Legend                    bool // of the arms
	Tables                    []table
	Figures                   []figure
	Texts                     []told
	Payers, Key               []payer
}

// told is a text under its label.
type told struct{ Label, Text string }

// drawer knows what all sections need.
type drawer struct {
	in    Input
	got   *gathered
	arms  []arm
	links map[conditions]int // groups of records by what they are of
}

func newView(in Input, g *gathered) view {
	d := &drawer{in: in, got: g, arms: armsOf(in), links: map[conditions]int{}}
	for _, group := range g.groups {
		d.links[group.conditions] = group.id
	}
	v := view{
		Policy: contentPolicy(), Style: template.CSS(style), Script: template.JS(script), Arms: d.arms,
		Sections: d.sections(), Groups: d.records(), RecordHead: recordHead, RecordsNote: d.recordsNote(), RecordCount: g.recorded,
	}
	if in.Run != nil {
		v.Judged = in.Run.Header.Policy
	}
	if in.Verdict != nil {
		d.judged(&v, *in.Verdict)
	} else {
		d.summarised(&v, *in.Summary)
	}
	return v
}

func armsOf(in Input) []arm {
	var all []arm
	add := func(name string, id results.RuntimeID) {
		ref := id.Ref
		if ref == "" && in.Run != nil {
			ref = refOf(in.Run.Header.Spec, name)
		}
		all = append(all, arm{Name: name, Ref: ref, Index: len(all), ID: id})
	}
	if v := in.Verdict; v != nil {
		add("baseline", v.Baseline)
		add("candidate", v.Candidate)
		return all
	}
	for _, id := range in.Summary.Runtimes {
		add(id.Name, id)
	}
	return all
}

func refOf(spec scenarios.Spec, name string) string {
	for _, rt := range spec.Runtimes {
		if rt.Name == name {
			return rt.Ref
		}
	}
	return ""
}

// Class of a colour: there are six, told apart by marks too.
func (a arm) Class() string { return fmt.Sprintf("arm%d", a.Index%6) }

// Form of a mark: there are three.
func (a arm) Form() int { return a.Index % 3 }

// arm of a name; one that is not known has the last colour.
func (d *drawer) arm(name string) arm {
	for _, a := range d.arms {
		if a.Name == name {
			return a
		}
	}
	return arm{Name: name, Index: 5}
}

func (d *drawer) judged(v *view, of verdict.Verdict) {
	v.Ruling, v.Headline = string(of.Ruling), strings.Join(appended(tally(of.Metrics), of.Headline(), string(of.Ruling)), "; ")
	v.Title = fmt.Sprintf("%s: %s to %s", of.Ruling, d.armText(0), d.armText(1))
	v.About = d.aboutVerdict(of)
	v.Failures, v.Open = paragraphs(of)
	for _, m := range of.Metrics {
		if m.Ruling == verdict.Improved {
			v.Better = append(v.Better, m.Reason)
		}
	}
	for _, f := range of.Findings {
		v.Findings = append(v.Findings, f.Text)
	}
	v.Ceilings = ceilings(of.Ceilings)
}

func (d *drawer) summarised(v *view, of verdict.Summary) {
	v.Headline = "run " + of.ID
	var names []string
	for i := range d.arms {
		names = append(names, d.armText(i))
	}
	v.Title = v.Headline + phrase.After(": ", strings.Join(names, ", "))
	v.About = d.aboutSummary(of)
	for _, f := range of.Findings {
		v.Findings = append(v.Findings, f.Text)
	}
}

// paragraphs are those about what is worse and about what is open, each with those that the same command shows. A reason of the
// whole that is no row's or ceiling's own stands first.
func paragraphs(v verdict.Verdict) (worse, open []phrase.Failure) {
	known := map[string]bool{}
	take := func(r verdict.Ruling, text, command string) {
		known[text] = true
		bare := verdict.WithoutCommand(text, command)
		switch {
		case bare == "":
		case r == verdict.Regressed:
			worse = phrase.Together(worse, bare, command)
		case r == verdict.Inconclusive:
			open = phrase.Together(open, bare, command)
		}
	}
	for _, h := range v.Ceilings {
		take(h.Ruling, h.Paragraph, h.Trace)
	}
	for _, m := range v.Metrics {
		take(m.Ruling, m.Paragraph, m.Trace)
		known[m.Reason] = true
	}
	var whole []phrase.Failure
	for _, text := range v.Reasons {
		if !known[text] && v.Ruling != verdict.Pass {
			whole = phrase.Together(whole, text, "")
		}
	}
	return append(whole, worse...), open
}

// tally is how many rows have which ruling, the gravest first.
func tally(metrics []verdict.Metric) []string {
	var all []string
	for _, r := range []verdict.Ruling{verdict.Regressed, verdict.Inconclusive, verdict.Improved, verdict.Pass} {
		n := 0
		for _, m := range metrics {
			if m.Ruling == r {
				n++
			}
		}
		if n > 0 {
			all = append(all, fmt.Sprintf("%d %s", n, r))
		}
	}
	if len(all) == 0 {
		return []string{"nothing was judged"}
	}
	return []string{phrase.Rows(len(metrics)) + ": " + strings.Join(all, ", ")}
}

// appended puts a headline before the rest where it says more than the ruling, which stands above it.
func appended(rest []string, headline, ruling string) []string {
	if headline == ruling {
		return rest
	}
	return append([]string{headline}, rest...)
}

func (d *drawer) armText(i int) string {
	if a := d.arms[i]; a.Ref != "" {
		return a.Ref
	}
	return d.arms[i].Name
}

func (d *drawer) aboutVerdict(v verdict.Verdict) []row {
	var t table
	for i, name := range []string{"baseline", "candidate"} {
		t.add(heading(name), plain(phrase.Binary([]results.RuntimeID{v.Baseline, v.Candidate}[i])))
	}
	t.add(heading("trials"), of(trials(v.Trials)...))
	t.add(heading("how"), plain(phrase.Method(v)))
	t.add(heading("machine"), plain(phrase.Machines(v.Environment, v.Environments)))
	t.add(heading("exit code"), of(count("exit_code", v.ExitCode())))
	return t.Rows
}

func (d *drawer) aboutSummary(s verdict.Summary) []row {
	var t table
	for _, a := range d.arms {
		t.add(heading(a.Name), plain(phrase.Binary(a.ID)))
	}
	t.add(heading("trials"), of(trials(s.Trials)...))
	t.add(heading("machine"), plain(phrase.Machines(s.Environment, s.Environments)))
	return t.Rows
}

func trials(t verdict.Trials) []part {
	parts := []part{
		count("trials.recorded", t.Recorded), text(" of "), count("trials.planned", t.Planned), text(" planned, "),
		count("trials.failed", t.Failed), text(" failed, "), count("trials.leaking", t.Leaking), text(" left something behind"),
	}
	if t.NotCounted > 0 {
		parts = append(parts, text(", "), count("trials.not_counted", t.NotCounted), text(" not counted"))
	}
	return parts
}

// sections in the order in which they are read.
func (d *drawer) sections() []section {
	var all []section
	if v := d.in.Verdict; v != nil {
		all = append(all, d.rows(*v), d.leaks(*v), d.lives(*v))
	} else {
		all = append(all, d.cells(*d.in.Summary), d.left(*d.in.Summary), livedSection(*d.in.Summary))
	}
	all = append(all, d.latency(), d.outcomes(), d.memory(), d.matrices(), d.timelines(), d.environment())
	return slices.DeleteFunc(all, func(s section) bool { return s.ID == "" })
}

// Contents of the page, for its navigation.
func (v view) Contents() []told {
	all := []told{{"verdict", "Verdict"}}
	if v.Ruling == "" {
		all[0].Text = "Run"
	}
	for _, s := range v.Sections {
		all = append(all, told{s.ID, s.Title})
	}
	if v.Judged != "" {
		all = append(all, told{"policy", "Policy"})
	}
	return append(all, told{"records", "Records"})
}
