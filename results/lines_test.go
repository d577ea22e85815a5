package results_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scripts/bench/scale"
)

// many has more lines than are decoded at once on any machine.
func many(t testing.TB) (lines []string) {
	t.Helper()
	rec := records1[2]
	rec.Output = strings.Repeat("what the runtime printed, ", 100)
	for size := 0; size < (4+3*runtime.GOMAXPROCS(0))*results.BlockSize; size += len(lines[len(lines)-1]) {
		rec.Index = len(lines)
		lines = append(lines, string(mustMarshal(t, rec))+"\n")
	}
	return lines
}

// Catches blocks that are put together in the order they were decoded, lines lost where two blocks meet, and an error that
// comes before the lines before it, or names another line.
func TestLinesOfManyBlocksComeInOrder(t *testing.T) {
	lines := many(t)
	for name, c := range map[string]struct {
		at   int
		line string
		want string
	}{
		"whole":         {len(lines) - 1, lines[len(lines)-1], ""},
		"rot":           {len(lines) / 2, "rot\n", "not a record: invalid character 'r' looking for beginning of value"},
		"rot at first":  {0, "\n", "not a record: unexpected end of JSON input"},
		"too long":      {len(lines) / 3, strings.Repeat("x", results.MaxLine) + "\n", "the line is longer than 1048576 bytes: none that initbench writes is"},
		"without end":   {len(lines) - 1, strings.Repeat("x", results.MaxLine+1), "the line is longer than 1048576 bytes: none that initbench writes is"},
		"twice the one": {len(lines) / 2, lines[3], "trial 3 is recorded twice"},
	} {
		changed := append([]string(nil), lines...)
		changed[c.at] = c.line
		dir := store(t, goodHeader, strings.Join(changed, ""))
		run, err := results.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for r, e := range run.Records() {
			if err = e; err == nil && r.Index != n {
				t.Fatalf("%s: trial %d comes as number %d", name, r.Index, n)
			}
			n++
		}
		switch {
		case c.want == "" && (err != nil || n != len(lines)):
			t.Errorf("%s: %d of %d records, %v", name, n, len(lines), err)
		case c.want == "":
		case n != c.at+1 || err == nil || err.Error() != fmt.Sprintf("%s:%d: %s", filepath.Join(dir, "records.jsonl"), c.at+1, c.want):
			t.Errorf("%s: after %d lines %v; want line %d: %s", name, n-1, err, c.at+1, c.want)
		}
	}
}

// Catches a file that is read on when nobody listens any more: its descriptor would stay open.
func TestStreamEndsWithItsReader(t *testing.T) {
	dir := store(t, goodHeader, strings.Join(many(t), ""))
	run, err := results.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := openFiles(t)
	synctest.Test(t, func(t *testing.T) { // ends with the last goroutine, and fails where one never does
		for range 20 {
			for _, err := range run.Records() {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
			if run.Done.Len() != 1 {
				t.Fatalf("%d trials are noted as done after one", run.Done.Len())
			}
		}
	})
	if after := openFiles(t); after > files {
		t.Errorf("%d open files, %d before", after, files)
	}
}

// openFiles is 0 where the system does not list them.
func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil && runtime.GOOS == "linux" {
		t.Fatal(err)
	}
	return len(all)
}

// Catches an opened run that knows less than a loaded one when it was read, or is read otherwise the second time.
func TestOpenKnowsWhatLoadKnows(t *testing.T) {
	loaded := load(t, "testdata/schema-1-torn")
	run, err := results.Open("testdata/schema-1-torn")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if n := len(records(t, run)); n != 3 {
			t.Errorf("%d records, want 3", n)
		}
		if run.Done.Len() != loaded.Done.Len() || len(run.Environments) != len(loaded.Environments) || run.Torn == nil || *run.Torn != *loaded.Torn {
			t.Errorf("%+v, want %+v", run, loaded)
		}
	}
}

// Catches a set that takes two trials for one, forgets some, or has what was never put in.
func TestTrialSet(t *testing.T) {
	var s results.TrialSet
	all := []int{0, 1, 63, 64, 1023, 1024, 70000, 1<<62 + 1}
	for _, i := range all {
		if s.Has(i) || !s.Add(i) || s.Add(i) || !s.Has(i) {
			t.Errorf("%d is there before it was put in, or not after", i)
		}
	}
	for _, i := range []int{-1, -1024, 2, 62, 65, 1022, 1025, 1 << 62} {
		if s.Has(i) {
			t.Errorf("%d is there", i)
		}
	}
	if s.Len() != len(all) {
		t.Errorf("%d of %d", s.Len(), len(all))
	}
}

// benchmarkRun are two runs that can be merged.
func benchmarkRun(b *testing.B) []string {
	b.Helper()
	dirs, err := scale.Write(b.TempDir(), scale.Gate, 2, 10_000)
	if err != nil {
		b.Fatal(err)
	}
	for _, dir := range dirs {
		info, err := os.Stat(filepath.Join(dir, "records.jsonl"))
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(dirs)) * info.Size())
	}
	b.ReportAllocs()
	return dirs
}

// BenchmarkRead is what one pass over a run's records costs.
func BenchmarkRead(b *testing.B) {
	dirs := benchmarkRun(b)
	n := 0
	for b.Loop() {
		for _, dir := range dirs {
			run, err := results.Load(dir)
			if err != nil {
				b.Fatal(err)
			}
			n += run.Done.Len()
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
}
