package report

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
)

const readme = "../../README.md"

// example is output that README.md shows: a block that begins with "$" and a command.
type example struct {
	command string // its first words
	// records lie here, and printed draws them as the command does.
	records string
	printed func(t *testing.T, dir string) string
	// excerpt is what of it README.md shows after go test -run Readme -update.
	excerpt func(lines []string) []string
}

var examples = []example{
	{"make gate", "../../docs/runs/runc-1.1.14-to-1.1.15", printedGate, gateExcerpt},
	{"initbench trace", "../../docs/runs/trace-runc-1.1.15", printedTrace, traceExcerpt},
	{"initbench run order-matrix", "../../docs/runs/order-matrix", printedSummary, matrixExcerpt},
}

func printedSummary(t *testing.T, dir string) string {
	return string(summaryIn(t, Table, summaryOf(t, dir), Options{}))
}

func summaryOf(t *testing.T, dir string) verdict.Summary {
	t.Helper()
	s, err := verdict.Summarize(verdict.Stored(stored(t, dir)), verdict.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// matrixExcerpt keeps the rows of one size under one driver, which differ in who copies, how and in what order.
func matrixExcerpt(lines []string) []string {
	out := []string{"..."}
	table := section(lines, "order-matrix: who pays ")
	out = append(out, table[:min(3, len(table))]...)
	for _, line := range table {
		if strings.Contains(line, "  16 MiB  cgroupfs  ") {
			out = append(out, line)
		}
	}
	out = append(out, "...")
	for _, line := range lines {
		if strings.HasPrefix(line, "arithmetic: ") {
			out = append(out, line)
		}
	}
	return out
}

// Catches findings that show what their records do not say, and a picture that is not theirs.
func TestFindingsShowTheirRecords(t *testing.T) {
	text, err := os.ReadFile("../../docs/findings.md")
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile(gateList)
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, block := range outputs(string(text)) {
		name, found := strings.CutPrefix(block.command, "initbench report docs/runs/")
		if strings.HasPrefix(block.command, "scripts/bench/gates.sh ") {
			for _, line := range block.lines {
				if line != "" && !strings.Contains(string(list), line+"\n") {
					t.Errorf("findings.md shows a gate that is not in %s: %q", gateList, line)
				}
			}
			continue
		}
		if strings.HasPrefix(block.command, "go run ./scripts/bench -judge ") {
			continue // its own test compares the whole table
		}
		if !found {
			t.Errorf("findings.md shows output of %q, which no records are behind", block.command)
			continue
		}
		printed := trimmed(printedSummary(t, "../../docs/runs/"+name))
		for _, line := range block.lines {
			if line != "" && line != "..." && !slices.Contains(printed, line) {
				t.Errorf("findings.md shows a line that %s does not print: %q", block.command, line)
			}
		}
		shown += len(block.lines)
	}
	if shown < 10 {
		t.Errorf("findings.md shows %d lines of output, want a screen", shown)
	}
	const picture = "../../docs/runs/order-matrix/matrix.svg"
	drawn := summaryIn(t, SVG, summaryOf(t, "../../docs/runs/order-matrix"), Options{})
	if *update {
		if err := os.WriteFile(picture, drawn, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if stored, err := os.ReadFile(picture); err != nil || !bytes.Equal(stored, drawn) {
		t.Errorf("%s is not what its records give: go test -run Findings -update (%v)", picture, err)
	}
}

func printedGate(t *testing.T, dir string) string {
	v, err := verdict.Judge(verdict.Stored(stored(t, dir)), verdict.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return string(drawn(t, Table, v, Options{}))
}

func printedTrace(t *testing.T, dir string) string {
	run := stored(t, dir)
	var traces []Trace
	for r, err := range run.Records() {
		if err != nil {
			t.Fatal(err)
		}
		timeline, found, err := run.Timeline(r.Index)
		if err != nil {
			t.Fatal(err)
		}
		if found && !r.Warmup {
			traces = append(traces, TraceOf(r, timeline, run.Environments[0]))
		}
	}
	var out bytes.Buffer
	if err := WriteTrace(&out, Table, traces, Options{}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func stored(t *testing.T, dir string) *results.Run {
	t.Helper()
	run, err := results.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// gateExcerpt keeps the first lines, each driver's rows and thresholds, and findings: it leaves out all paragraphs but one, why
// rows were ruled so, the limits that were tried, what was measured and warnings.
func gateExcerpt(lines []string) []string {
	var out []string
	for blank := 0; blank < 2 && len(out) < len(lines); {
		out = append(out, lines[len(out)])
		if out[len(out)-1] == "" {
			blank++
		}
	}
	out = append(out, "...")
	for _, driver := range []string{"cgroupfs", "systemd"} {
		rows := slices.DeleteFunc(section(lines, driver), func(line string) bool { return strings.HasPrefix(line, "  ") })
		out = append(append(out, rows...), "")
		out = append(append(out, section(lines, driver+", thresholds: start.threshold, ")...), "")
	}
	out[len(out)-1] = "..."
	for _, line := range lines {
		if strings.HasPrefix(line, "finding: ") || strings.HasPrefix(line, "verdict: ") {
			out = append(out, line)
		}
	}
	return out
}

// traceExcerpt keeps the steps that matter to the clone, and what follows from them.
func traceExcerpt(lines []string) []string {
	out := []string{"..."}
	for i, line := range lines {
		step, _, _ := strings.Cut(line, "  ")
		kept := []string{"step", "cgroup create", "join", "memfd_create", "clone sealed", "fexecve", "payload exec", "imposing", "cost", "order"}
		switch {
		case slices.Contains(kept, step), strings.HasPrefix(line, "---"), i == len(lines)-1:
			out = append(out, line)
		case out[len(out)-1] != "...":
			out = append(out, "...")
		}
	}
	return out
}

// section is the paragraph whose first line is title, or begins with it where it ends in a space.
func section(lines []string, title string) []string {
	for i, line := range lines {
		begins := i == 0 || lines[i-1] == ""
		if begins && (line == title || strings.HasSuffix(title, " ") && strings.HasPrefix(line, title)) {
			end := i + slices.Index(lines[i:], "")
			return slices.Clone(lines[i:end])
		}
	}
	return nil
}

// Catches a README that shows what initbench does not print, or a figure without
// the record it came from.
func TestReadmeShowsRealOutput(t *testing.T) {
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, block := range outputs(string(text)) {
		i := slices.IndexFunc(examples, func(e example) bool { return strings.HasPrefix(block.command, e.command) })
		if i < 0 {
			t.Errorf("README.md shows output of %q, which no records are behind", block.command)
			continue
		}
		printed := trimmed(examples[i].printed(t, examples[i].records))
		if *update {
			head := "    $ " + block.command + "\n"
			text = []byte(strings.Replace(string(text), head+block.text, head+indented4(examples[i].excerpt(printed)), 1))
			continue
		}
		shown += len(block.lines)
		for _, line := range block.lines {
			if line != "" && line != "..." && !slices.Contains(printed, line) {
				t.Errorf("README.md shows a line that %s does not print: %q", block.command, line)
			}
		}
	}
	if *update {
		if err := os.WriteFile(readme, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if shown < 10 {
		t.Errorf("README.md shows %d lines of output, want a screen", shown)
	}
}

// output is one indented block of README.md that begins with a command.
type output struct {
	command, text string
	lines         []string
}

func outputs(text string) []output {
	var all []output
	for _, after := range strings.Split(text, "\n    $ ")[1:] {
		command, rest, _ := strings.Cut(after, "\n")
		o := output{command: command}
		for line := range strings.Lines(rest) {
			if line != "\n" && !strings.HasPrefix(line, "    ") {
				break
			}
			o.text += line
		}
		o.text = strings.TrimRight(o.text, "\n") + "\n"
		o.lines = trimmed(strings.ReplaceAll("\n"+o.text, "\n    ", "\n"))[1:]
		all = append(all, o)
	}
	return all
}

// trimmed splits into lines without the spaces at their ends.
func trimmed(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return lines
}

func indented4(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(strings.TrimRight("    "+line, " ") + "\n")
	}
	return b.String()
}
