package report

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
)

// readmeRun holds the records behind the output that README.md shows.
const readmeRun = "../../docs/runs/runc-1.1.14-to-1.1.15"

// Catches a README that shows what initbench does not print, or a figure without
// the record it came from.
func TestReadmeShowsRealOutput(t *testing.T) {
	stored, err := results.Load(readmeRun)
	if err != nil {
		t.Fatal(err)
	}
	v, err := verdict.Judge(verdict.Stored(stored), verdict.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Write(&out, Table, v, Options{}); err != nil {
		t.Fatal(err)
	}
	printed := map[string]bool{"": true, "...": true}
	for line := range strings.Lines(out.String()) {
		printed[strings.TrimRight(line, " \n")] = true
	}
	lines := readmeOutput(t)
	if len(lines) < 10 {
		t.Fatalf("README.md shows %d lines of output, want a screen", len(lines))
	}
	for _, line := range lines {
		if !printed[line] {
			t.Errorf("README.md shows a line that compare does not print: %q", line)
		}
	}
}

// readmeOutput is the block that begins with the gate's command line.
func readmeOutput(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(text), "    $ make gate\n")
	if !found {
		t.Fatal("README.md shows no output of make gate")
	}
	var lines []string
	for line := range strings.Lines(block) {
		shown, indented := strings.CutPrefix(line, "    ")
		if !indented && strings.TrimSpace(line) != "" {
			break
		}
		lines = append(lines, strings.TrimRight(shown, " \n"))
	}
	return lines
}
