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
	f.Fuzz(func(t *testing.T, line []byte) {
		env, rec, err := results.DecodeLine(line)
		switch {
		case err != nil:
			if env != nil || rec != nil {
				t.Fatal("an error, and a value beside it")
			}
			if strings.Contains(err.Error(), "\n") {
				t.Fatalf("an error of several lines: %q", err)
			}
		case (env == nil) == (rec == nil):
			t.Fatal("neither an environment nor a trial, or both")
		case env != nil:
			again, _, err := results.DecodeLine(mustMarshal(t, env))
			if diff := cmp.Diff(env, again); err != nil || diff != "" {
				t.Fatalf("written again: %v\n%s", err, diff)
			}
		default:
			_, again, err := results.DecodeLine(mustMarshal(t, rec))
			if diff := cmp.Diff(rec, again); err != nil || diff != "" {
				t.Fatalf("written again: %v\n%s", err, diff)
			}
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
