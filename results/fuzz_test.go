package results_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/initbench/initbench/results"
)

// Catches a line of a guest, or of a file somebody edited, that panics the
// reader, is read as two things at once, or reads differently once it was written again.
func FuzzDecodeLine(f *testing.F) {
	for _, dir := range []string{"schema-1", "schema-1-torn"} {
		run, err := results.Load("testdata/" + dir)
		if err != nil {
			f.Fatal(err)
		}
		for r := range run.Records() {
			f.Add(mustMarshal(f, r))
		}
		f.Add(mustMarshal(f, run.Environments[0]))
	}
	f.Add(mustMarshal(f, session()))
	f.Add(mustMarshal(f, connected()))
	f.Add(mustMarshal(f, lived()))
	timeline, err := results.EncodeTimeline(7, timeline1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(timeline)
	f.Fuzz(func(t *testing.T, text []byte) {
		line, err := results.DecodeLine(text)
		kinds := 0
		for _, is := range []bool{line.Environment != nil, line.Record != nil, line.Timeline != nil} {
			if is {
				kinds++
			}
		}
		if err != nil {
			if kinds != 0 {
				t.Fatal("an error, and a value beside it")
			}
			if strings.Contains(err.Error(), "\n") {
				t.Fatalf("an error of several lines: %q", err)
			}
			return
		}
		if kinds != 1 {
			t.Fatalf("%d things at once", kinds)
		}
		var again results.Line
		switch {
		case line.Environment != nil:
			again, err = results.DecodeLine(mustMarshal(t, line.Environment))
		case line.Record != nil:
			again, err = results.DecodeLine(mustMarshal(t, line.Record))
		default:
			again, err = results.DecodeLine(mustMarshal(t, line.Timeline))
		}
		if diff := cmp.Diff(line, again); err != nil || diff != "" {
			t.Fatalf("written again: %v\n%s", err, diff)
		}
	})
}

func mustMarshal(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
