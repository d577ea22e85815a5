package report

import (
	"maps"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// sections says under which heading of docs/verdict.md the fields of a type are defined.
var sections = map[reflect.Type]string{
	reflect.TypeFor[jsonVerdict]():      "## A verdict",
	reflect.TypeFor[jsonMetric]():       "### A row",
	reflect.TypeFor[jsonLeak]():         "### A leak",
	reflect.TypeFor[jsonGrowth]():       "### A growth",
	reflect.TypeFor[jsonLeftovers]():    "### Leftovers",
	reflect.TypeFor[jsonLeftoverCell](): "### A sequence",
	reflect.TypeFor[jsonHits]():         "### Lives again",
	reflect.TypeFor[jsonArm]():          "### An arm",
	reflect.TypeFor[jsonRung]():         "### A rung",
	reflect.TypeFor[jsonCount]():        "### A count",
	reflect.TypeFor[jsonTrials]():       "### Trials",
	reflect.TypeFor[jsonLadder]():       "### A ladder",
	reflect.TypeFor[jsonLadderOrder]():  "### A ladder's order",
	reflect.TypeFor[jsonWorst]():        "### The worst order",
	reflect.TypeFor[jsonStarting]():     "### A ladder's rung",
	reflect.TypeFor[jsonThreshold]():    "### A threshold",
	reflect.TypeFor[jsonFinding]():      "### A finding",
	reflect.TypeFor[jsonLooks]():        "### Looks",
	reflect.TypeFor[jsonSought]():       "### A search",
	reflect.TypeFor[jsonSearch]():       "### What is searched for",
	reflect.TypeFor[jsonTried]():        "### A limit that was tried",
	reflect.TypeFor[jsonChance]():       "### A chance",
	reflect.TypeFor[jsonEdge]():         "### An edge",
	reflect.TypeFor[jsonHeld]():         "### A ceiling",
	reflect.TypeFor[jsonSummary]():      "## A summary",
	reflect.TypeFor[jsonSession]():      "### Sessions",
	reflect.TypeFor[jsonLives]():        "### Lives",
	reflect.TypeFor[jsonLeft]():         "### A kind that lives left",
	reflect.TypeFor[jsonNetwork]():      "### A network",
	reflect.TypeFor[jsonNetworkStep]():  "### A network's step",
	reflect.TypeFor[jsonCell]():         "### A cell",
	reflect.TypeFor[jsonSpread]():       "### A spread",
	reflect.TypeFor[jsonMatrix]():       "### A matrix",
	reflect.TypeFor[jsonMatrixRow]():    "### A matrix's row",
	reflect.TypeFor[jsonRange]():        "### A range",
	reflect.TypeFor[jsonBlank]():        "### A blank",
	reflect.TypeFor[jsonLimit]():        "### A limit",
	reflect.TypeFor[jsonPlaced]():       "### A placed threshold",
	reflect.TypeFor[jsonMatrixCell]():   "### A matrix's cell",
	reflect.TypeFor[jsonArithmetic]():   "### Arithmetic",
	reflect.TypeFor[jsonPrediction]():   "### A prediction",
	reflect.TypeFor[jsonSenseless]():    "### Senseless cells",
	reflect.TypeFor[jsonJoin]():         "### A join",
	reflect.TypeFor[jsonBatch]():        "### A batch",
	reflect.TypeFor[jsonVictim]():       "### A victim",
	reflect.TypeFor[jsonImposing]():     "### Imposing",
	reflect.TypeFor[jsonCharges]():      "### Charges",
	reflect.TypeFor[jsonSides]():        "### Sides",
	reflect.TypeFor[jsonTrace]():        "## A trace",
	reflect.TypeFor[Span]():             "### A span",
}

// elsewhere are types that docs/results.md defines.
var elsewhere = []reflect.Type{
	reflect.TypeFor[results.RuntimeID](), reflect.TypeFor[scenarios.Build](), reflect.TypeFor[scenarios.Enumeration](), reflect.TypeFor[results.Environment](),
	reflect.TypeFor[sequence.Finding](), reflect.TypeFor[sequence.Enforcement](), reflect.TypeFor[sequence.Timeline](),
}

func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/verdict.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Catches a field that is printed and nowhere explained, one that is explained and not
// printed, and a null or an absence without a stated meaning.
func TestDocumentDefinesEveryField(t *testing.T) {
	text := document(t)
	for typ, heading := range sections {
		rows := tableOf(text, heading)
		for _, f := range jsonFields(t, typ) {
			meaning, known := rows[f.name]
			delete(rows, f.name)
			switch {
			case !known:
				t.Errorf("docs/verdict.md: %q does not define %s (%v)", heading, f.name, typ)
			case f.optional && !strings.Contains(meaning, "Absent:"):
				t.Errorf("docs/verdict.md: %q does not say what the absence of %s means", heading, f.name)
			case f.nullable && !strings.Contains(meaning, "Null:"):
				t.Errorf("docs/verdict.md: %q does not say what a null %s means", heading, f.name)
			}
		}
		for name := range rows {
			t.Errorf("docs/verdict.md: %q defines %s, which %v has not got", heading, name, typ)
		}
	}
}

// Catches a metric, a ruling or a kind of finding without a definition, and a margin that is not the one in force.
func TestDocumentDefinesEveryMetricAndRuling(t *testing.T) {
	text := document(t)
	rows := tableOf(text, "## Metrics")
	maps.Copy(rows, tableOf(text, "## What is counted"))
	maps.Copy(rows, tableOf(text, "## What lives leave"))
	for _, name := range verdict.MetricNames() {
		if rows[name] == "" {
			t.Errorf("docs/verdict.md does not define %s", name)
		}
		if m, ok := scenarios.MetricNamed(name); ok && !strings.HasPrefix(rows[name], " "+m.Unit+" | "+string(m.Lane)+" |") {
			t.Errorf("docs/verdict.md: %s is in %s, of the lane %s: %s", name, m.Unit, m.Lane, rows[name])
		}
		if m, judged := verdict.DefaultMargins()[name]; judged && !strings.HasSuffix(rows[name], "| "+m.Text(verdict.UnitOf(name))+" |") {
			t.Errorf("docs/verdict.md: the margin of %s is %s: %s", name, m.Text(verdict.UnitOf(name)), rows[name])
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("docs/verdict.md defines the metric %s, which there is not", name)
	}
	rulings := tableOf(text, "## Rulings")
	for _, r := range verdict.Rulings() {
		if rulings[string(r)] == "" {
			t.Errorf("docs/verdict.md does not define %s", r)
		}
	}
	payers := tableOf(text, "### Payers")
	for _, p := range verdict.Payers() {
		if payers[string(p)] == "" {
			t.Errorf("docs/verdict.md does not define the payer %s", p)
		}
	}
	for _, k := range verdict.FindingKinds() {
		if !strings.Contains(tableOf(text, "### A finding")["kind"], "`"+string(k)+"`") {
			t.Errorf("docs/verdict.md does not define the kind %s", k)
		}
	}
}

type jsonField struct {
	name               string
	optional, nullable bool
}

// jsonFields lists the keys encoding/json gives a struct, embedded ones included,
// and checks that every struct among them has a section.
func jsonFields(t *testing.T, typ reflect.Type) []jsonField {
	var all []jsonField
	for f := range typ.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous {
			all = append(all, jsonFields(t, f.Type)...)
			continue
		}
		if name == "" {
			t.Errorf("%v.%s has no name in JSON", typ, f.Name)
		}
		if inner := element(f.Type); inner.Kind() == reflect.Struct && sections[inner] == "" && !isElsewhere(inner) {
			t.Errorf("%v.%s: docs/verdict.md has no section for %v", typ, f.Name, inner)
		}
		optional := options == "omitempty"
		number := f.Type == reflect.TypeFor[number]() || f.Type == reflect.TypeFor[*number]()
		all = append(all, jsonField{name, optional, number || f.Type.Kind() == reflect.Pointer && !optional})
	}
	return all
}

func isElsewhere(typ reflect.Type) bool {
	for _, known := range elsewhere {
		if known == typ {
			return true
		}
	}
	return false
}

// element is what a pointer points to, and what a slice or a map holds.
func element(typ reflect.Type) reflect.Type {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
		typ = typ.Elem()
	}
	return typ
}

var documentRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|(.*)$")

// tableOf reads the rows between a heading and the next.
func tableOf(document, heading string) map[string]string {
	_, section, _ := strings.Cut(document, "\n"+heading+"\n")
	if end := strings.Index(section, "\n#"); end >= 0 {
		section = section[:end]
	}
	rows := map[string]string{}
	for _, m := range documentRow.FindAllStringSubmatch(section, -1) {
		rows[m[1]] = m[2]
	}
	return rows
}
