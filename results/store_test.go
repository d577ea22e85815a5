package results_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

const (
	goodHeader = `{"schema":1,"id":"x","spec":{"scenarios":[` + goodScenario + `],"runtimes":[{"name":"a","ref":"a"}]}}`
	// goodScenario is open to more keys behind it.
	goodScenario = `{"name":"s","drivers":["cgroupfs"],"trials":1,"containers":1,"timeout_ns":1000000000,"judge":["start.latency"]}`
	goodTrial    = `{"kind":"trial","schema":1,"trial":0,"driver":"cgroupfs","outcome":"started"}`
)

// store writes a run's directory by hand.
func store(t *testing.T, header, records string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"run.json": header, "records.jsonl": records} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Catches a reader that trusts what somebody else wrote, or that does not say which line to look at.
func TestLoadRefuses(t *testing.T) {
	long := `{"kind":"trial","output":"` + strings.Repeat("x", 1<<20) + `"}`
	tests := map[string]struct{ header, records, want string }{
		"a newer run":         {`{"schema":2}`, "", "run.json: schema 2: this initbench reads schema 1 to 1"},
		"a run of no schema":  {`{}`, "", "run.json: schema 0: this initbench reads"},
		"a plan of billions":  {hugeHeader(), "", "run.json: its stored plan: scenario wide: 9 strategies x 1024 sizes x 1024 limits make 9437184 cells: a run holds at most 100000"},
		"a plan of nothing":   {`{"schema":1,"id":"x","spec":{}}`, "", "run.json: its stored plan: no scenario to run"},
		"a torn header":       {`{"schema":1,`, "", "run.json: unexpected EOF"},
		"a newer trial":       {goodHeader, `{"kind":"trial","schema":2}` + "\n", "records.jsonl:1: schema 2: this initbench reads schema 1 to 1"},
		"a trial twice":       {goodHeader, goodTrial + "\n" + goodTrial + "\n", "records.jsonl:2: trial 0 is recorded twice"},
		"an over-long line":   {goodHeader, goodTrial + "\n" + long + "\n", "records.jsonl:2: the line is longer than 1048576 bytes"},
		"a torn line between": {goodHeader, goodTrial[:40] + "\n" + goodTrial + "\n", "records.jsonl:1: not a record: invalid character"},
		"two lines run into one": {goodHeader, goodTrial[:40] + goodTrial + "\n",
			"records.jsonl:1: not a record: invalid character"},
		"an unknown kind": {goodHeader, `{"kind":"summary","schema":1}` + "\n", `records.jsonl:1: kind "summary" is neither environment nor trial`},
		"an unknown outcome": {goodHeader, strings.Replace(goodTrial, "started", "ok", 1) + "\n",
			`records.jsonl:1: trial 0: outcome "ok" is not one of ["started" "init-oom-killed" "payload-oom-killed" "failed" "timed-out"]`},
		"an unknown driver":      {goodHeader, strings.Replace(goodTrial, "cgroupfs", "nspawn", 1) + "\n", `driver "nspawn" is not one of cgroupfs, systemd`},
		"a negative trial":       {goodHeader, strings.Replace(goodTrial, `"trial":0`, `"trial":-1`, 1) + "\n", "trial -1: trials are numbered from 0"},
		"a string for a number":  {goodHeader, strings.Replace(goodTrial, `"trial":0`, `"trial":"0"`, 1) + "\n", "records.jsonl:1: trial: json: cannot unmarshal string"},
		"an environment's error": {goodHeader, `{"kind":"environment","schema":1,"cpus":"two"}` + "\n", "records.jsonl:1: environment: json: cannot unmarshal string"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := store(t, tt.header, tt.records)
			_, err := results.Load(dir)
			if err == nil || !isInputError(err) || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), dir) {
				t.Errorf("got %v\nwant an InputError at %s with %q", err, dir, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
		})
	}
}

// hugeHeader is of a small file whose plan has more cells than can be walked.
func hugeHeader() string {
	var sizes, headroom []string
	for i := range scenarios.MaxLimits {
		sizes, headroom = append(sizes, strconv.Itoa(8<<20+i)), append(headroom, strconv.Itoa(i))
	}
	return `{"schema":1,"id":"x","spec":{"scenarios":[{"name":"wide","drivers":["cgroupfs"],"trials":1,"containers":1,"timeout_ns":1000000000,"judge":["start.latency"],
		"strategies":["memfd","memfd-copy","memfd-mmap","memfd-thp","memfd-hugetlb","tmpfile","overlayfs","bind","none"],
		"sizes":[` + strings.Join(sizes, ",") + `],"headroom":{"bytes":[` + strings.Join(headroom, ",") + `]}}],"runtimes":[{"name":"a","ref":"builtin"}]}}`
}

// Catches a rule that came later and shuts out runs that were stored before it.
func TestLoadStoredRuns(t *testing.T) {
	for _, pattern := range []string{"testdata/schema-1*", "../docs/runs/*"} {
		dirs, err := filepath.Glob(pattern)
		if err != nil || len(dirs) == 0 {
			t.Fatalf("%s: %q, %v", pattern, dirs, err)
		}
		for _, dir := range dirs {
			if _, err := results.Load(dir); err != nil {
				t.Error(err)
			}
		}
	}
}

// Catches a directory that is no run and is read as an empty one.
func TestLoadNeedsARun(t *testing.T) {
	for name, dir := range map[string]string{"empty": t.TempDir(), "absent": filepath.Join(t.TempDir(), "absent"), "a file": "store_test.go"} {
		if _, err := results.Load(dir); err == nil || !isInputError(err) {
			t.Errorf("%s: %v, want an InputError", name, err)
		}
	}
}

// Catches a run that has not begun and counts as damaged.
func TestLoadARunWithoutTrials(t *testing.T) {
	dir := store(t, goodHeader, "")
	if err := os.Remove(filepath.Join(dir, "records.jsonl")); err != nil {
		t.Fatal(err)
	}
	run, err := results.Load(dir)
	if err != nil || run.Done.Len() > 0 || run.Torn != nil {
		t.Fatalf("%+v, %v; want a run with nothing done", run, err)
	}
	if all := records(t, run); len(all) > 0 {
		t.Errorf("%d records out of nothing", len(all))
	}
}

// Catches a half line that is counted as a trial, or not reported, or reported in the wrong place.
func TestLoadReportsHalfLine(t *testing.T) {
	run, err := results.Load("testdata/schema-1-torn")
	if err != nil {
		t.Fatal(err)
	}
	whole := int64(len(read(t, "testdata/schema-1/records.jsonl")))
	if want := (results.Torn{Line: 5, Offset: whole, Bytes: 700}); run.Torn == nil || *run.Torn != want {
		t.Fatalf("torn: %+v, want %+v", run.Torn, want)
	}
	if got, want := run.Torn.String(), "records.jsonl:5: half a line (700 bytes): its trial counts as not made"; got != want {
		t.Errorf("says %q, want %q", got, want)
	}
}

// Catches a whole last line without its newline that counts as made: the
// write of the newline is what says that a line is whole.
func TestLoadDistrustsALineWithoutItsEnd(t *testing.T) {
	run, err := results.Load(store(t, goodHeader, goodTrial))
	if err != nil || run.Torn == nil || run.Done.Len() != 0 {
		t.Errorf("%+v, %v; want nothing done and a torn line", run, err)
	}
}

// Catches a resumed run whose first line is glued to the half one, or that loses a finished trial.
func TestResumeCutsHalfLine(t *testing.T) {
	dir := store(t, read(t, "testdata/schema-1-torn/run.json"), read(t, "testdata/schema-1-torn/records.jsonl"))
	run, err := results.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := results.Resume(run)
	if err != nil {
		t.Fatal(err)
	}
	missing := records1[0]
	missing.Index = 1
	if err := s.Append(missing); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	finished, err := results.Load(dir)
	if err != nil || finished.Torn != nil || finished.Done.Len() != 4 {
		t.Fatalf("%+v, %v; want 4 trials and no half line", finished, err)
	}
	if whole := read(t, "testdata/schema-1/records.jsonl"); !strings.HasPrefix(read(t, filepath.Join(dir, "records.jsonl")), whole) {
		t.Error("the lines recorded before are not what they were")
	}
}

// Catches a run that begins in a directory where something is, and mixes with it.
func TestCreateRefusesAUsedDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if err := create(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	before := read(t, filepath.Join(dir, "run.json"))
	_, err := results.Create(dir, results.Header{Schema: 1})
	if !isInputError(err) || !strings.Contains(err.Error(), "--resume") {
		t.Errorf("got %v, want an InputError that says how to go on", err)
	}
	if after := read(t, filepath.Join(dir, "run.json")); after != before {
		t.Errorf("the header became %s", after)
	}
}

// Catches a line that no reader would understand.
func TestAppendTakesOnlyLines(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	s := create(t, dir)
	if err := s.Append(results.Header{}); err == nil {
		t.Error("a header was appended")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if text := read(t, filepath.Join(dir, "records.jsonl")); text != "" {
		t.Errorf("the file holds %q", text)
	}
}

// Catches a stream that goes on after its reader has had enough.
func TestRecordsStopsWhenTold(t *testing.T) {
	run, err := results.Load("testdata/schema-1")
	if err != nil {
		t.Fatal(err)
	}
	for r, err := range run.Records() {
		if err != nil || r.Index != 0 {
			t.Errorf("trial %d, %v; want the first", r.Index, err)
		}
		break
	}
}

// Catches a damaged file that ends a stream as if it were complete.
func TestRecordsTellsOfDamage(t *testing.T) {
	dir := store(t, goodHeader, goodTrial+"\n")
	run, err := results.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "records.jsonl"), []byte(goodTrial+"\nrot\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var last error
	n := 0
	for _, err := range run.Records() {
		n, last = n+1, err
	}
	if n != 2 || !isInputError(last) {
		t.Errorf("%d yields, the last with %v; want a record and an InputError", n, last)
	}
}

// Catches a directory that cannot be made and is taken for a broken machine, or is not named.
func TestCreateRefusesWhereNoDirectoryCanBe(t *testing.T) {
	_, err := results.Create("/dev/null/run", results.Header{})
	var input *results.InputError
	if !errors.As(err, &input) || input.Path != "/dev/null/run" || !strings.Contains(err.Error(), "name another") {
		t.Errorf("got %v, want an InputError that names the directory", err)
	}
}
