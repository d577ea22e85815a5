package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/initbench/initbench/cgroupjoin"
)

// made are trials of each way, two rounds of three, under both drivers.
func made() (map[key][]sample, string) {
	samples, b := map[key][]sample{}, &strings.Builder{}
	for round := range 2 {
		for _, c := range cells([]runtime{{name: "runc-1.2.6"}, {name: "crun"}}) {
			for i, w := range ways {
				s := sample{ns: []float64{float64(1e8 + i), 2e8, float64(3e8 + round)}, perMinute: 60.25}
				samples[key{c, w.name}] = append(samples[key{c, w.name}], s)
				s.print(b, key{c, w.name}.benchName())
			}
		}
	}
	return samples, b.String()
}

// Catches trials that are read as others than were written: rounds that run together, a unit, a dash in a name.
func TestReadTrials(t *testing.T) {
	want, text := made()
	got, runtimes, err := readTrials(strings.NewReader(text), "trials")
	if err != nil || len(runtimes) != 2 {
		t.Fatalf("%+v, %v", runtimes, err)
	}
	near := cmp.Comparer(func(a, b float64) bool { return a-b < 1e-3 && b-a < 1e-3 })
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(key{}, cell{}, runtime{}, sample{}), near); diff != "" {
		t.Error(diff)
	}
	var table bytes.Buffer
	if err := (&bench{samples: got}).table(&table, cells(runtimes)); err != nil || strings.Count(table.String(), "\n") != 1+2*len(cgroupjoin.Drivers())*len(ways) {
		t.Errorf("%v\n%s", err, table.String())
	}
}

// Catches a file that is judged although it was cut short, or is of something else.
func TestReadTrialsRefuses(t *testing.T) {
	_, text := made()
	lines := strings.SplitAfter(text, "\n")
	for what, bad := range map[string]string{
		"nothing":       "",
		"half a round":  strings.Join(lines[:2], ""),
		"half of all":   strings.Join(lines[:len(lines)/2+4], ""),
		"a lost rate":   strings.Join(append(lines[:3:3], lines[4:]...), ""),
		"other figures": "BenchmarkOther/a=b 1 2 ns/op\n",
		"no driver":     strings.Replace(text, "driver=", "d=", 1),
	} {
		if got, _, err := readTrials(strings.NewReader(bad), "trials"); err == nil {
			t.Errorf("%s is read as %d samples", what, len(got))
		}
	}
}

// Catches a table in docs/findings.md that is not what the stored trials come to, and trials by which the harness is no longer cheap.
func TestFindingsTableIsTheTrials(t *testing.T) {
	var table strings.Builder
	if err := judgeFile("../../docs/bench/harness.txt", &table); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/findings.md")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for line := range strings.Lines(table.String()) {
		want.WriteString("    " + strings.TrimRight(line, " \n") + "\n")
	}
	if !strings.Contains(string(page), want.String()) {
		t.Errorf("docs/findings.md lacks\n%s", want.String())
	}
}
