package results_test

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/initbench/initbench/internal/pool"
	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// sections says under which heading of docs/results.md the fields of a type are defined.
var sections = map[reflect.Type]string{
	reflect.TypeFor[results.Header]():      "## run.json",
	reflect.TypeFor[scenarios.Spec]():      "### Spec",
	reflect.TypeFor[scenarios.Scenario]():  "### Scenario",
	reflect.TypeFor[scenarios.Payload]():   "### Payload",
	reflect.TypeFor[scenarios.Runtime]():   "### Runtime",
	reflect.TypeFor[results.Place]():       "### Place",
	reflect.TypeFor[results.Record]():      "## records.jsonl: a trial",
	reflect.TypeFor[results.RuntimeID]():   "### Runtime binary",
	reflect.TypeFor[results.Latency]():     "### Latency",
	reflect.TypeFor[results.Events]():      "### Events",
	reflect.TypeFor[results.Victim]():      "### Victim",
	reflect.TypeFor[results.Environment](): "## records.jsonl: an environment",
	reflect.TypeFor[results.Scale]():       "### Scale",

	reflect.TypeFor[results.Design](): "### Design",
	reflect.TypeFor[results.Part]():   "### Part",

	reflect.TypeFor[scenarios.Headroom](): "### Headroom",
	reflect.TypeFor[scenarios.Search]():   "### Search",
	reflect.TypeFor[scenarios.Joins]():    "### Joins",

	reflect.TypeFor[scenarios.Lives]():   "### Lives",
	reflect.TypeFor[results.Lived]():     "### Lived",
	reflect.TypeFor[results.Life]():      "### Life",
	reflect.TypeFor[results.Leftover]():  "### Leftover",
	reflect.TypeFor[scenarios.Build]():   "### Build",
	reflect.TypeFor[scenarios.Join]():    "### Join",
	reflect.TypeFor[memfdclone.Report](): "### Clone report",

	reflect.TypeFor[scenarios.Network]():     "### Network",
	reflect.TypeFor[pool.Written]():          "### Pool",
	reflect.TypeFor[scenarios.Enumerate]():   "### Enumerate",
	reflect.TypeFor[scenarios.Enumeration](): "### Enumeration",
	reflect.TypeFor[results.Attachment]():    "### Network attachment",
	reflect.TypeFor[results.NetworkStep]():   "### Network step",

	reflect.TypeFor[results.Census]():     "### Census",
	reflect.TypeFor[results.Series]():     "### Series",
	reflect.TypeFor[results.Unread]():     "### Unread",
	reflect.TypeFor[results.Watched]():    "### Watched",
	reflect.TypeFor[results.Inherited]():  "### Inherited",
	reflect.TypeFor[results.Descriptor](): "### Descriptor",

	reflect.TypeFor[sequence.Enforcement]():  "### Enforcement",
	reflect.TypeFor[sequence.Finding]():      "### Finding",
	reflect.TypeFor[sequence.Counters]():     "### Counters",
	reflect.TypeFor[results.TrialTimeline](): "## timelines.jsonl",
	reflect.TypeFor[sequence.Timeline]():     "### Timeline",
	reflect.TypeFor[sequence.Event]():        "### Event",
	reflect.TypeFor[sequence.Charge]():       "### Charge",
}

// Catches a field that is stored and nowhere explained, one that is explained and
// no longer stored, and an omitempty whose absence has no stated meaning.
func TestDocumentDefinesEveryField(t *testing.T) {
	document := read(t, "../docs/results.md")
	for typ, heading := range sections {
		rows := tableOf(document, heading)
		for _, f := range jsonFields(t, typ) {
			meaning, known := rows[f.name]
			delete(rows, f.name)
			switch {
			case !known:
				t.Errorf("docs/results.md: %q does not define %s (%v)", heading, f.name, typ)
			case f.optional && !strings.Contains(meaning, "Absent:") && typ != reflect.TypeFor[results.Latency]():
				t.Errorf("docs/results.md: %q does not say what the absence of %s means", heading, f.name)
			}
		}
		for name := range rows {
			t.Errorf("docs/results.md: %q defines %s, which %v has not got", heading, name, typ)
		}
	}
}

// Catches an outcome without a definition.
func TestDocumentDefinesEveryOutcome(t *testing.T) {
	rows := tableOf(read(t, "../docs/results.md"), "### Outcomes")
	for _, o := range results.Outcomes() {
		if rows[string(o)] == "" {
			t.Errorf("docs/results.md does not define %s", o)
		}
		delete(rows, string(o))
	}
	for name := range rows {
		t.Errorf("docs/results.md defines the outcome %s, which there is not", name)
	}
}

type jsonField struct {
	name     string
	optional bool
}

// jsonFields lists the keys encoding/json gives a struct, embedded ones included,
// and checks that every struct among them has a section.
func jsonFields(t *testing.T, typ reflect.Type) []jsonField {
	var all []jsonField
	for f := range typ.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			all = append(all, jsonFields(t, f.Type)...)
			continue
		case name == "-":
			continue
		case name == "":
			t.Errorf("%v.%s has no name in JSON", typ, f.Name)
		}
		if inner := element(f.Type); inner.Kind() == reflect.Struct && sections[inner] == "" {
			t.Errorf("%v.%s: docs/results.md has no section for %v", typ, f.Name, inner)
		}
		all = append(all, jsonField{name, options == "omitempty" || options == "omitzero"})
	}
	return all
}

// element is what a pointer points to and a slice holds.
func element(typ reflect.Type) reflect.Type {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	return typ
}

var row = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|(.*)$")

// tableOf reads the rows between a heading and the next.
func tableOf(document, heading string) map[string]string {
	_, section, _ := strings.Cut(document, "\n"+heading+"\n")
	if end := strings.Index(section, "\n#"); end >= 0 {
		section = section[:end]
	}
	rows := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(section, -1) {
		rows[m[1]] = m[2]
	}
	return rows
}
