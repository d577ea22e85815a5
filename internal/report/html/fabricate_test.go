package html

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	nethtml "golang.org/x/net/html"

	"github.com/initbench/initbench/internal/testenv"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// The stored runs that pages are made of: the gate has searches, ladders and findings.
const (
	gateRun    = "../testdata/gate"
	summaryRun = "../testdata/run"
	recorded   = "../../../docs/runs/"
)

func load(t *testing.T, dir string) *results.Run {
	t.Helper()
	run, err := results.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// input judges or summarises a stored run.
func input(t *testing.T, dir string) Input {
	t.Helper()
	run := load(t, dir)
	in := Input{Run: run}
	if run.Header.Gate {
		v, err := verdict.Judge(verdict.Stored(run), verdict.Options{})
		if err != nil {
			t.Fatal(err)
		}
		in.Verdict = &v
		return in
	}
	s, err := verdict.Summarize(verdict.Stored(run), verdict.Options{})
	if err != nil {
		t.Fatal(err)
	}
	in.Summary = &s
	return in
}

// watched is a copy of the stored gate that has timelines too: the recorded ones of runc 1.1.15, for each observed trial.
func watched(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"run.json", "records.jsonl"} {
		text, err := os.ReadFile(filepath.Join(gateRun, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), text)
	}
	var lines []byte
	for one, err := range load(t, recorded+"trace-runc-1.1.15").Timelines() {
		if err != nil {
			t.Fatal(err)
		}
		for r, err := range load(t, gateRun).Records() {
			if err != nil {
				t.Fatal(err)
			}
			if !r.Observe || r.Warmup {
				continue
			}
			moved := one.Timeline
			moved.Events = slices.Clone(moved.Events)
			for i := range moved.Events {
				moved.Events[i].NS += r.StartNS + 1e6 - one.Timeline.Events[0].NS
			}
			line, err := results.EncodeTimeline(r.Index, moved)
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, line...)
		}
		break
	}
	write(t, filepath.Join(dir, "timelines.jsonl"), lines)
	return dir
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

func drawn(t *testing.T, in Input) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, in); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// pages are one of each kind.
func pages(t *testing.T) map[string]Input {
	t.Helper()
	inconclusive := verdict.Verdict{Ruling: verdict.Inconclusive, Reasons: []string{"too few trials"}, Confidence: 0.95}
	return map[string]Input{
		"gate": input(t, watched(t)), "run": input(t, summaryRun), "upgrade": input(t, recorded+"runc-1.1.14-to-1.1.15"),
		"order-matrix": input(t, recorded+"order-matrix"), "free-order": input(t, recorded+"free-order"), "joins": input(t, recorded+"join-latency"),
		"trace": input(t, recorded+"trace-runc-1.1.15"), "nothing": {Verdict: &inconclusive}, "empty": {Summary: &verdict.Summary{ID: "x"}},
	}
}

// element is a node of the page with its attributes.
type element struct {
	*nethtml.Node
	attributes map[string]string
}

// elements parses a page as a browser does.
func elements(t *testing.T, page []byte) (all []element) {
	t.Helper()
	root, err := nethtml.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type != nethtml.ElementNode {
			continue
		}
		e := element{n, map[string]string{}}
		for _, a := range n.Attr {
			e.attributes[a.Key] = a.Val
		}
		all = append(all, e)
	}
	return all
}

// text is all that an element says.
func (e element) text() string {
	var b strings.Builder
	for n := range e.Descendants() {
		if n.Type == nethtml.TextNode {
			b.WriteString(n.Data)
		}
	}
	return b.String()
}
