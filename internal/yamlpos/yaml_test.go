package yamlpos

import (
	"bytes"
	"strings"
	"testing"
)

var thing = Dialect{Name: "thing", Empty: "write one"}

// Catches a value that loses its place, its quotes or its neighbours on the way.
func TestParse(t *testing.T) {
	n, err := Parse("f", []byte("a: 010\nb:\n  - x\n  - \"7\"\nc: {d: true}\ne:\n"), thing)
	if err != nil {
		t.Fatal(err)
	}
	if len(n.Keys) != 4 || !n.Has("e") || n.Has("x") {
		t.Fatalf("%+v", n)
	}
	for i, want := range []Node{
		{Kind: Number, Pos: Position{"f", 1, 4}, Text: "010"}, {Kind: Sequence, Pos: Position{"f", 3, 3}},
		{Kind: Mapping, Pos: Position{"f", 5, 4}}, {Kind: Null, Pos: Position{"f", 6, 1}},
	} {
		if got := n.Keys[i].Value; got.Kind != want.Kind || got.Pos != want.Pos || got.Text != want.Text {
			t.Errorf("%s is %+v, want %+v", n.Keys[i].Name, got, want)
		}
	}
	items := n.Keys[1].Value.Items
	if len(items) != 2 || items[1].Kind != Text || !items[1].Quoted || items[0].Quoted {
		t.Errorf("items %+v", items)
	}
}

// Catches what is read although nobody needs it, and tabs that JSON is refused for.
func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":             "f:1:1: the file is empty: write one",
		"a: &x 1":      "f:1:4: an anchor (&) is not read here",
		"a: 1\na: 2":   "f:2:1: key \"a\" a second time: keep one (the first is on line 1)",
		"a: 1\n---\nb": "a second YAML document: write one thing a file",
		"\ta: 1":       "f:1:1: a tab: write spaces",
		"[[[[[[[[[":    "more than 8 levels: a thing needs three",
		"a: \x00":      "the unprintable character U+0000",
		"{":            "not YAML (",
	} {
		if _, err := Parse("f", []byte(text), thing); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	n, err := Parse("f", []byte("{\n\t\"a\": 1\n}"), Dialect{Name: "thing", JSON: true})
	if err != nil || len(n.Keys) != 1 || n.Keys[0].Value.Text != "1" {
		t.Errorf("JSON with tabs: %+v, %v", n, err)
	}
}

// Catches an error that hints at a word and leaves out which others there are, or the reverse.
func TestNotOneOf(t *testing.T) {
	for got, want := range map[string]string{"sise": ": did you mean size? else write one of base, size", "colour": " is not one of base, size"} {
		if text := NotOneOf(got, []string{"base", "size"}); text != want {
			t.Errorf("%s: %q, want %q", got, text, want)
		}
	}
}

// Catches a hint at what nobody meant, and a slip of the hand that gets none.
func TestDidYouMean(t *testing.T) {
	for got, want := range map[string]string{"sise": "did you mean size? else ", "bsae": "did you mean base? else ", "colour": "", "s": "", strings.Repeat("size", 1<<16): ""} {
		if hint := DidYouMean(got, []string{"base", "size"}); hint != want {
			t.Errorf("%.20q: %q, want %q", got, hint, want)
		}
	}
}

// Catches a file that crashes or hangs the reader, or is refused in several lines or at a place that is not in it.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"a: 1\nb: [x, {c: d}]", "{\"a\": null}", "a:\n- b\n", "|\n x", "&a *a", "\t", "[[[[", "%YAML", "a: 'b", "--- a\n--- b", "? a\n: b"} {
		f.Add([]byte(text), true)
		f.Add([]byte(text), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, json bool) {
		if len(data) > 4<<10 {
			return // the parser is quadratic: whoever calls it bounds a file
		}
		_, err := Parse("f", data, Dialect{Name: "thing", Empty: "write one", JSON: json})
		if err == nil {
			return
		}
		if err.Wrong == "" || err.Right == "" || strings.ContainsAny(err.Error(), "\n\r\x00\x1b") {
			t.Fatalf("%q", err.Error())
		}
		if lines := bytes.Count(data, []byte("\n")) + 1; err.Pos.Line < 1 || err.Pos.Line > lines {
			t.Fatalf("%s is outside of %d lines", err, lines)
		}
	})
}
