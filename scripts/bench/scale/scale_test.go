package scale

import (
	"path/filepath"
	"testing"

	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
)

// Catches made-up runs that are none, that do not merge, or of which a verdict has nothing to judge.
func TestMadeUpRunsAreRealOnes(t *testing.T) {
	dirs, err := Write(t.TempDir(), Gate, 2, 1500)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "merged")
	if _, err := results.Merge(t.Context(), dirs, out, results.MergeOptions{ID: "merged", Differ: func(a, b results.Environment) string { return "" }}); err != nil {
		t.Fatal(err)
	}
	run, err := results.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	v, err := verdict.Judge(verdict.Stored(run), verdict.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if run.Done.Len() < 2000 || len(v.Metrics) < 16 || v.Ruling != verdict.Regressed || v.Trials.Recorded != v.Trials.Planned {
		t.Errorf("%d trials, %d rows, %s, %+v", run.Done.Len(), len(v.Metrics), v.Ruling, v.Trials)
	}
}
