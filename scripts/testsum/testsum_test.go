package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// events is what go test -json prints, with the fields that are read.
const events = `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestGood"}
{"Action":"output","Package":"p","Test":"TestGood","Output":"=== RUN   TestGood\n"}
{"Action":"output","Package":"p","Test":"TestGood","Output":"chatter\n"}
{"Action":"pass","Package":"p","Test":"TestGood"}
{"Action":"output","Package":"p","Test":"TestBad","Output":"=== RUN   TestBad\n"}
{"Action":"output","Package":"p","Test":"TestBad","Output":"    p_test.go:7: two and two\n"}
{"Action":"output","Package":"p","Test":"TestBad","Output":"--- FAIL: TestBad (0.00s)\n"}
{"Action":"fail","Package":"p","Test":"TestBad"}
{"Action":"output","Package":"p","Output":"FAIL\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
{"Action":"output","Package":"q","Test":"TestDies","Output":"about to die\n"}
{"Action":"output","Package":"q","Output":"panic: died\n"}
{"Action":"fail","Package":"q"}
{"Action":"skip","Package":"r","Test":"TestRoot"}
{"Action":"output","Package":"r","Output":"PASS\n"}
{"Action":"output","Package":"r","Output":"ok  \tr\t0.2s\n"}
{"Action":"pass","Package":"r"}
{"Action":"skip","Package":"s"}
go: a word of its own
`

// Catches a filter that hides why a test failed, or buries it under what passed.
func TestFilterShowsWhatGoTestShows(t *testing.T) {
	want := `    p_test.go:7: two and two
--- FAIL: TestBad (0.00s)
FAIL
FAIL	p	0.1s
panic: died
about to die
ok  	r	0.2s
go: a word of its own
`
	var out bytes.Buffer
	if err := newFilter(&out, func(event) {}).read(strings.NewReader(events)); err != nil {
		t.Fatal(err)
	}
	if out.String() != want {
		t.Errorf("got:\n%swant:\n%s", &out, want)
	}
}

// Catches a dead test binary that counts as nothing, a failed package that
// counts beside its failed test, and a package without tests that counts as a skip.
func TestFilterHandsOnEnds(t *testing.T) {
	want := "pass p TestGood, fail p TestBad, fail q , skip r TestRoot"
	var got []string
	f := newFilter(new(bytes.Buffer), func(e event) { got = append(got, e.Action+" "+e.Package+" "+e.Test) })
	if err := f.read(strings.NewReader(events)); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(got, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// lanes runs the given events as lanes, one a run, and returns the report and its exit code.
func lanes(t *testing.T, how string, texts ...string) (string, int) {
	t.Helper()
	dir := t.TempDir()
	results := filepath.Join(dir, "results")
	for _, text := range texts {
		lane := filepath.Join(dir, "lane")
		if err := os.WriteFile(lane, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		if code := run([]string{"run", results, "cat", lane}, new(bytes.Buffer), &stderr); code != 0 {
			t.Fatalf("exit code %d: %s", code, &stderr)
		}
	}
	var out bytes.Buffer
	code := run(append([]string{"report"}, append(strings.Fields(how), results)...), &out, &out)
	return out.String(), code
}

const (
	skip = `{"Action":"skip","Package":"p","Test":"TestRoot"}` + "\n"
	pass = `{"Action":"pass","Package":"p","Test":"TestRoot"}` + "\n"
	fail = `{"Action":"fail","Package":"p","Test":"TestRoot"}` + "\n"

	other = `{"Action":"pass","Package":"p","Test":"TestOther"}` + "\n"
)

// Catches a skip that hides a test from all lanes, a skip that counts although
// another lane passed, and a failure that another lane's success covers up.
func TestReportJudgesOverLanes(t *testing.T) {
	tests := map[string]struct {
		how   string
		lanes []string
		code  int
		want  string
	}{
		"skipped, then passed":   {"", []string{skip, pass}, 0, "1 passed, 0 failed, 0 skipped\n"},
		"passed, then skipped":   {"", []string{pass, skip}, 0, "1 passed, 0 failed, 0 skipped\n"},
		"skipped everywhere":     {"", []string{skip, skip}, 1, "skip: p TestRoot\n0 passed, 0 failed, 1 skipped in every lane"},
		"skipped in a lone lane": {"--partial", []string{skip, other}, 0, "1 passed, 0 failed, 1 skipped\n"},
		"failed, then passed":    {"", []string{fail, pass}, 1, "fail: p TestRoot\n0 passed, 1 failed, 0 skipped\n"},
		"nothing":                {"", []string{""}, 1, "no test ran"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, code := lanes(t, tt.how, tt.lanes...)
			if code != tt.code || !strings.Contains(out, tt.want) {
				t.Errorf("exit code %d and:\n%swant %d and %q", code, out, tt.code, tt.want)
			}
		})
	}
}

// Catches a go test that fails without an event (a bad flag) and counts as a success.
func TestRunKeepsExitStatus(t *testing.T) {
	results := filepath.Join(t.TempDir(), "results")
	for _, argv := range [][]string{{"false"}, {"/no/such/command"}} {
		var out bytes.Buffer
		if code := run(append([]string{"run", results}, argv...), &out, &out); code != 1 {
			t.Errorf("%v: exit code %d, want 1", argv, code)
		}
	}
}
