package report

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/sequence"
)

// JUnit's XML as Jenkins and GitLab read it: a failure is a product that is
// worse, an error a check that could not be made.
type junitReport struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Properties []junitProperty `xml:"properties>property,omitempty"`
	Cases      []junitCase     `xml:"testcase"`
	// Findings and notes go to standard output, warnings to standard error.
	Said     string `xml:"system-out,omitempty"`
	Warnings string `xml:"system-err,omitempty"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class      string        `xml:"classname,attr"`
	Name       string        `xml:"name,attr"`
	Properties *junitNumbers `xml:"properties"`
	Failure    *junitMessage `xml:"failure"`
	Error      *junitMessage `xml:"error"`
	Skipped    *junitMessage `xml:"skipped"`
	Output     string        `xml:"system-out,omitempty"`
}

// junitNumbers are a case's own, as pytest's record_property writes them and Jenkins keeps them.
type junitNumbers struct {
	Properties []junitProperty `xml:"property"`
}

type junitMessage struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// add counts and appends one case: failed or in error by its ruling, else passed.
// The paragraph is what a reader finds below the message, where there is more to say.
func (s *junitSuite) add(c junitCase, ruling verdict.Ruling, reason, paragraph string) {
	s.Tests++
	switch ruling {
	case verdict.Pass, verdict.Improved:
		c.Output = fmt.Sprintf("%s: %s", ruling, reason)
	case verdict.Regressed:
		s.Failures++
		c.Failure = &junitMessage{Type: string(ruling), Message: reason, Text: paragraph}
	default:
		s.Errors++
		c.Error = &junitMessage{Type: string(ruling), Message: reason, Text: paragraph}
	}
	s.Cases = append(s.Cases, c)
}

// addTold appends the case of what rules over nothing: skipped with its reason where it does not pass. Skipped is what CI servers
// show beside passed and failed without failing a build; what passed they do not show at all.
func (s *junitSuite) addTold(c junitCase, ruling verdict.Ruling, why, reason string) {
	if ruling == verdict.Pass || ruling == verdict.Improved {
		s.add(c, ruling, reason, "")
		return
	}
	s.Tests++
	s.Skipped++
	c.Skipped = &junitMessage{Message: fmt.Sprintf("%s, %s: %s", ruling, why, reason)}
	s.Cases = append(s.Cases, c)
}

// addRow appends a row's case.
func (s *junitSuite) addRow(m verdict.Metric) {
	c := junitCase{Class: m.Scenario + "." + string(m.Driver), Name: metricName(m), Properties: &junitNumbers{rowNumbers(m)}}
	switch {
	case m.Open:
		s.addTold(c, m.Ruling, leftOpen, m.Reason)
	case m.Severity == verdict.Warn:
		s.addTold(c, m.Ruling, onlyTold, m.Reason)
	default:
		s.add(c, m.Ruling, m.Reason, m.Paragraph)
	}
}

// addHeld appends a ceiling's case.
func (s *junitSuite) addHeld(h verdict.Held) {
	c := junitCase{Class: h.Cell.Scenario + "." + string(h.Cell.Driver), Name: heldName(h), Properties: &junitNumbers{heldNumbers(h)}}
	if h.Severity == verdict.Warn {
		s.addTold(c, h.Ruling, onlyTold, h.Reason)
		return
	}
	s.add(c, h.Ruling, h.Reason, h.Paragraph)
}

// addSought appends the case of a run's search: in error where it showed no threshold.
func (s *junitSuite) addSought(q verdict.Sought) {
	name := q.Runtime + phrase.After(" ", verdict.BuildText(q.Build)) + " " + verdict.StartThreshold + onPlace(q.Place)
	if q.Order != sequence.Natural {
		name += ", " + string(q.Order)
	}
	c := junitCase{Class: q.Scenario + "." + string(q.Driver), Name: name}
	ruling := verdict.Pass
	if !q.Bracketed() {
		ruling = verdict.Inconclusive
	}
	s.add(c, ruling, edgeText(q), "")
}

// heldName tells the ceilings of one scenario and driver apart.
func heldName(h verdict.Held) string {
	conditions := strings.TrimPrefix(heldOf(h), h.Cell.Scenario+", "+string(h.Cell.Driver))
	return "ceiling " + h.Text + conditions
}

// addFindings appends the case of a scenario in which orders were imposed: passed, or skipped where there is a
// finding. Skipped is what CI servers show beside passed and failed without failing a build.
func (s *junitSuite) addFindings(class string, texts []string) {
	c := junitCase{Class: class, Name: "findings"}
	s.Tests++
	if len(texts) > 0 {
		s.Skipped++
		c.Skipped = &junitMessage{Message: strings.Join(texts, "; ")}
	}
	s.Cases = append(s.Cases, c)
}

// orders adds one case of the candidate's findings for each scenario and driver with orders.
func (r *junitReport) orders(ladders []verdict.Ladder, findings []verdict.Finding, properties []junitProperty) {
	for _, group := range byScenario(ladders) {
		l := group[0]
		if len(l.Orders) < 2 {
			continue
		}
		here := slices.DeleteFunc(slices.Clone(findings), func(f verdict.Finding) bool {
			return f.Scenario != l.Scenario || f.Driver != l.Driver || f.Runtime != "candidate"
		})
		r.suite(l.Scenario, properties).addFindings(l.Scenario+"."+string(l.Driver), texts(here))
	}
}

// verdictJUnit has one suite a scenario, and one case a metric and condition, whose
// name does not change from run to run, so that a CI server can show its history.
func verdictJUnit(v verdict.Verdict) ([]byte, error) {
	r := junitReport{Name: "initbench"}
	properties := facts(v.Environment, v.Environments)
	for i, id := range []results.RuntimeID{v.Baseline, v.Candidate} {
		properties = append(properties, junitProperty{[]string{"baseline", "candidate"}[i], phrase.Binary(id)})
	}
	for _, m := range v.Metrics {
		r.suite(m.Scenario, properties).addRow(m)
	}
	for _, h := range v.Ceilings {
		r.suite(h.Cell.Scenario, properties).addHeld(h)
	}
	r.orders(v.Ladders, v.Findings, properties)
	if v.Ruling == verdict.Invalid || len(v.Metrics) == 0 {
		r.suite("initbench", properties).add(junitCase{Class: "initbench", Name: "comparison"}, v.Ruling, strings.Join(v.Reasons, "; "), "")
	}
	return r.marshal(v.Findings, v.Notes, v.Warnings)
}

// namedNumber is a number by the name that the JSON has for it.
type namedNumber struct {
	name  string
	value float64
}

// rowNumbers are those of the JSON under the same names; what is null there is not here.
func rowNumbers(m verdict.Metric) []junitProperty {
	return append([]junitProperty{{"unit", string(m.Unit)}, {"severity", string(m.Severity)}}, numbered([]namedNumber{
		{"baseline.n", float64(m.Baseline.N)}, {"baseline.center", m.Baseline.Center}, {"baseline.lo", m.Baseline.Lo}, {"baseline.hi", m.Baseline.Hi},
		{"candidate.n", float64(m.Candidate.N)}, {"candidate.center", m.Candidate.Center}, {"candidate.lo", m.Candidate.Lo}, {"candidate.hi", m.Candidate.Hi},
		{"change", m.Change}, {"change_lo", m.ChangeLo}, {"change_hi", m.ChangeHi}, {"margin", m.Margin}, {"p", m.P}, {"p_holm", m.PHolm},
	})...)
}

func numbered(all []namedNumber) (properties []junitProperty) {
	for _, n := range all {
		if text, _ := number(n.value).MarshalJSON(); string(text) != "null" { // it does not fail
			properties = append(properties, junitProperty{n.name, string(text)})
		}
	}
	return properties
}

func (r *junitReport) suite(name string, properties []junitProperty) *junitSuite {
	i := slices.IndexFunc(r.Suites, func(s junitSuite) bool { return s.Name == name })
	if i < 0 {
		i = len(r.Suites)
		r.Suites = append(r.Suites, junitSuite{Name: name, Properties: properties})
	}
	return &r.Suites[i]
}

func (r *junitReport) marshal(findings []verdict.Finding, notes, warnings []string) ([]byte, error) {
	for i := range r.Suites {
		s := &r.Suites[i]
		r.Tests, r.Failures, r.Errors = r.Tests+s.Tests, r.Failures+s.Failures, r.Errors+s.Errors
		r.Skipped += s.Skipped
		s.Warnings = strings.Join(warnings, "\n")
		var said []string
		for _, f := range findings {
			if f.Scenario == s.Name {
				said = append(said, "finding: "+f.Text)
			}
		}
		s.Said = strings.Join(append(said, notes...), "\n")
	}
	text, err := xml.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, err
	}
	return append([]byte(xml.Header), append(text, '\n')...), nil
}

func facts(e results.Environment, all []results.Environment) []junitProperty {
	return []junitProperty{{"environment", phrase.Machines(e, all)}, {"initbench", e.Initbench}}
}
