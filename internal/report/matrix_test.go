package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

const mib = int64(1 << 20)

// builds is the order-matrix of the catalogue with fewer ways to copy.
func builds() scenarios.Scenario {
	return scenarios.Scenario{
		Name: "order-matrix", Drivers: cgroupjoin.Drivers(), Orders: sequence.Orders(), Observe: true, Trials: 3, Warmup: 1, Containers: 1, Timeout: 30e9,
		Limits: []int64{12 * mib, 16 * mib, 20 * mib}, Place: cgroupjoin.OnContainer, Judge: []string{scenarios.OOMRate},
		Clones:     memfdclone.Wheres(),
		Strategies: []memfdclone.Strategy{memfdclone.Memfd, memfdclone.Tmpfile, memfdclone.Overlayfs, memfdclone.None},
		Sizes:      []int64{1 * mib, 8 * mib, 16 * mib}, Headroom: &scenarios.Headroom{None: true, Bytes: []int64{-mib, 8 * mib}},
		Places: []cgroupjoin.Place{cgroupjoin.OnContainer, cgroupjoin.OnAncestor},
	}
}

// matrixRun is a run of the built-in runtime and of runc 1.1.15, whole or as a budget ended it.
func matrixRun(t *testing.T, whole bool) verdict.Run {
	t.Helper()
	spec := scenarios.Spec{
		Scenarios: []scenarios.Scenario{builds()}, Seed: 3, BuiltinBytes: 6 * mib,
		Runtimes: []scenarios.Runtime{{Name: "builtin", Ref: "builtin"}, {Name: "runc-1.1.15", Ref: "runc@v1.1.15"}},
	}
	return inMemory(t, spec, whole, buildRecord)
}

// model makes the record of a cell's n-th trial.
type model func(t scenarios.Trial, n int, r *rand.Rand) results.Record

// inMemory makes the records of a plan after a model, which need not be stored: they are made of integers alone, and what a cell gets
// does not depend on when the plan comes to it. Of a run that is not whole every fourth cell is missing, and
// as many have one trial less.
func inMemory(t *testing.T, spec scenarios.Spec, whole bool, record model) verdict.Run {
	t.Helper()
	if err := spec.Validate(); err != nil {
		t.Fatal(err)
	}
	h := results.Header{Schema: results.Schema, ID: "20241108-matrix", Created: "2024-11-08T10:00:00Z", Initbench: "v0.1.0", Spec: spec}
	if !whole {
		h.Budget = 5 * 60e9
	}
	return verdict.Run{Name: "matrix", Header: h, Environments: []results.Environment{guest()}, Records: func(yield func(results.Record, error) bool) {
		seen := map[string]int{}
		for trial := range spec.Trials() {
			if trial.Warmup {
				continue
			}
			// What no payload here does is left out, as it was before one could.
			cell := strings.Replace(fmt.Sprintf("%s %+v", trial.Arm, trial.Cell()), " Enumerate:}", "}", 1)
			hash := fnv.New64a()
			_, _ = hash.Write([]byte(cell)) // a hash does not fail
			n := seen[cell]
			seen[cell]++
			if part := hash.Sum64() >> 8 % 4; !whole && (part == 0 || part == 1 && n == 2) {
				continue
			}
			if !yield(record(trial, n, rand.New(rand.NewPCG(hash.Sum64(), uint64(n)))), nil) {
				return
			}
		}
	}}
}

// around is x, give or take 3 %.
func around(r *rand.Rand, x int64) *int64 {
	v := x / 1000 * int64(970+r.IntN(61))
	return &v
}

// start is what the model settles of one trial.
type start struct {
	size, toContainer, own int64
	found                  sequence.Finding
	report                 *memfdclone.Report
}

// buildRecord is a world in which arithmetic holds, but for one cell: a container with the overlay dies under a limit that
// leaves it 8 MiB more than its binary.
func buildRecord(t scenarios.Trial, n int, r *rand.Rand) results.Record {
	s := modelled(t, r)
	rec := results.Record{
		Kind: "trial", Schema: results.Schema, Trial: t, Environment: "0123456789ab", Outcome: results.Started, StartNS: int64(t.Index+1) * 1e9,
		Runtime: results.RuntimeID{Name: t.Arm, Ref: t.Arm, Version: "v1", SHA256: fmt.Sprintf("%016x", s.size), Size: s.size, Filesystem: "ext4"},
		Clone:   s.report, Found: &s.found, RuntimePeak: around(r, 9*mib),
		Latency: results.Latency{Created: around(r, 200e6+s.size*3), Started: around(r, 240e6+s.size*3), Exited: around(r, 300e6), Deleted: around(r, 350e6)},
	}
	rec.Latency.StartCalled = rec.Latency.Created
	peak, exec := s.own+s.toContainer, rec.StartNS+*rec.Latency.Started-1e6
	rec.ContainerPeak, rec.Found.ExecNS = &peak, &exec
	if t.Order != sequence.Natural {
		rec.Enforcement = &sequence.Enforcement{Outcome: sequence.OrderImposed, Notifications: 6, Held: 1, HeldNS: 21e6}
		if n == 1 && r.IntN(8) == 0 {
			rec.Enforcement = &sequence.Enforcement{Outcome: sequence.OrderCouldNot, Why: "the deadline of 10 s passed while memfd_create was held"}
		}
	}
	cursed := t.Build.Strategy == memfdclone.Overlayfs && t.Limit == 16*mib && t.Driver == cgroupjoin.Cgroupfs && t.Place == cgroupjoin.OnContainer
	if t.Limit > 0 && (peak > t.Limit || cursed) {
		rec.Outcome, rec.Latency, rec.Found.ExecNS = results.InitOOMKilled, results.Latency{}, nil
		rec.Victim = &results.Victim{Comm: "exe", ShmemBytes: s.toContainer}
	}
	return rec
}

func modelled(t scenarios.Trial, r *rand.Rand) start {
	s := start{size: t.Build.BinaryBytes, own: *around(r, 2600<<10)}
	if t.Arm != "builtin" || s.size == 0 {
		s.size = 10170368
	}
	zero, whole := new(int64), s.size
	switch b := t.Build; {
	case t.Arm != "builtin" || b.Clone == memfdclone.InInit:
		s.toContainer = insideShare(t, r, s.size)
		rest := s.size - s.toContainer
		s.found = sequence.Finding{Order: sequence.FoundOverlapping, Guard: "memfd", CloneBytes: &whole, CloneToContainer: &s.toContainer, CloneToRuntime: &rest}
		switch s.toContainer {
		case 0:
			s.found.Order = sequence.FoundCloneBeforeJoin
		case s.size:
			s.found.Order = sequence.FoundJoinBeforeClone
		}
	case b.Clone == memfdclone.InParent && b.Strategy == memfdclone.Memfd:
		s.found = sequence.Finding{Order: sequence.FoundNoClone, Guard: "memfd in the parent", CloneBytes: &whole, CloneToContainer: zero, CloneToRuntime: &whole}
	default:
		s.found = sequence.Finding{Order: sequence.FoundNoClone, Guard: map[bool]string{true: "overlay", false: "none"}[b.Strategy == memfdclone.Overlayfs]}
	}
	if t.Build.Clone == memfdclone.InParent {
		s.report = &memfdclone.Report{Strategy: t.Build.Strategy, Bytes: s.size, TookNS: *around(r, s.size)}
		if t.Build.Strategy == memfdclone.Overlayfs {
			s.report.Bytes = 0
		}
	}
	return s
}

// insideShare is what a container pays of a copy that init makes: under cgroupfs the join mostly comes first, and splits the
// larger copies; under systemd it never does by itself.
func insideShare(t scenarios.Trial, r *rand.Rand, size int64) int64 {
	switch {
	case t.Order == sequence.JoinBeforeClone, t.Order == sequence.Natural && t.Driver == cgroupjoin.Cgroupfs && size < 12*mib:
		return size
	case t.Order == sequence.Natural && t.Driver == cgroupjoin.Cgroupfs:
		return size / 100 * int64(40+r.IntN(50))
	}
	return 0
}

func matrixSummary(t *testing.T, whole bool) verdict.Summary {
	t.Helper()
	s, err := verdict.Summarize(matrixRun(t, whole), verdict.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func summaryIn(t *testing.T, format string, s verdict.Summary, opts Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteSummary(&b, format, s, opts); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Catches any change of what people and programs read of a matrix.
func TestGoldenMatrix(t *testing.T) {
	whole, short := matrixSummary(t, true), matrixSummary(t, false)
	golden(t, "matrix.table", summaryIn(t, Table, whole, Options{}))
	golden(t, "matrix-short.table", summaryIn(t, Table, short, Options{}))
	golden(t, "matrix-120.table", summaryIn(t, Table, short, Options{Width: 120}))
	golden(t, "matrix.svg", summaryIn(t, SVG, short, Options{}))
	golden(t, "matrix.markdown", summaryIn(t, Markdown, short, Options{}))
}

// svgGroup is a <g> of a picture.
type svgGroup struct {
	Class  string     `xml:"class,attr"`
	Title  string     `xml:"title"`
	Texts  []string   `xml:"text"`
	Groups []svgGroup `xml:"g"`
}

// cellsIn finds the cells of a picture, in the order they are drawn.
func cellsIn(g svgGroup) (all []svgGroup) {
	if strings.HasPrefix(g.Class, "cell pays-") {
		all = append(all, g)
	}
	for _, inner := range g.Groups {
		all = append(all, cellsIn(inner)...)
	}
	return all
}

// Catches a picture that is no XML, that lacks a row, or whose figures are not those of the JSON.
func TestPictureShowsTheFiguresOfTheJSON(t *testing.T) {
	s := matrixSummary(t, true)
	var picture svgGroup
	if err := xml.Unmarshal(summaryIn(t, SVG, s, Options{}), &picture); err != nil {
		t.Fatal(err)
	}
	var document struct{ Matrices []jsonMatrix }
	if err := json.Unmarshal(withoutNull(summaryIn(t, JSON, s, Options{})), &document); err != nil {
		t.Fatal(err)
	}
	cells := map[string]svgGroup{}
	for _, c := range cellsIn(picture) {
		cells[strings.Split(c.Title, "\n")[0]] = c
	}
	rows := document.Matrices[0].Rows
	if len(cells) != len(rows) || len(rows) < 30 {
		t.Errorf("%d cells in the picture, %d rows in the JSON", len(cells), len(rows))
	}
	for i, row := range rows {
		name := strings.Join(matrixKeys(s.Matrices[0], s.Matrices[0].Rows[i]), ", ")
		texts := strings.Join(cells[name].Texts, "\n") + "\n" + cells[name].Title
		want := []string{string(row.Payer), verdict.Nanoseconds.Format(float64(row.Latency.Center)), string(row.Lane)}
		if row.ToContainer.N > 0 && row.ToContainer.Median > 0 {
			want = append(want, verdict.Bytes.Format(float64(row.ToContainer.Median)), verdict.Percent(float64(row.Share)))
		}
		for _, placed := range row.Thresholds {
			want = append(want, verdict.Threshold{Above: orZero(placed.Here.Above), AtMost: orZero(placed.Here.AtMost)}.String())
		}
		for _, c := range row.Limits {
			want = append(want, fmt.Sprintf("%s %d/%d", limit(orZero(c.Limit)), c.Started, c.Started+c.OOMKilled+c.Failed))
		}
		for _, text := range want {
			if !strings.Contains(texts, text) {
				t.Errorf("%s: the picture does not say %q:\n%s", name, text, texts)
			}
		}
	}
}

// withoutNull lets numbers that there are not be read as 0.
func withoutNull(text []byte) []byte { return bytes.ReplaceAll(text, []byte(": null"), []byte(": 0")) }

func orZero(p *int64) int64 {
	if p == nil {
		return 0
	}
	return *p
}

// Catches a picture that needs a network, a script or a font, one mark for two payers, and colours that are all there is.
func TestPictureStandsAlone(t *testing.T) {
	text := string(summaryIn(t, SVG, matrixSummary(t, true), Options{}))
	for _, never := range []string{"<script", "<image", "href=", "@import", "@font-face", "url(http"} {
		if strings.Contains(text, never) {
			t.Errorf("the picture has %s", never)
		}
	}
	if !strings.Contains(text, "prefers-color-scheme: dark") || !strings.Contains(text, `role="img"`) {
		t.Error("the picture has no colours for dark surroundings, or does not say what it is")
	}
	marks := map[string]bool{}
	for _, p := range verdict.Payers() {
		_, after, _ := strings.Cut(text, `<pattern id="`+phrase.PayerClass(p)+`"`)
		pattern, _, found := strings.Cut(after, "</pattern>")
		if !found || marks[pattern] {
			t.Errorf("%s has no pattern of its own", p)
		}
		marks[pattern] = true
		if !strings.Contains(text, ">"+string(p)) && p != verdict.PayerUnknown {
			t.Errorf("no cell says in words that %s pays", p)
		}
	}
}

// Catches a line of a cell that runs into the next one: 0.6 em is the width of a character of the widest common font.
func TestPictureKeepsToItsCells(t *testing.T) {
	for _, m := range append(matrixSummary(t, true).Matrices, cases(t)[verdict.Regressed].Matrices...) {
		for _, r := range m.Rows {
			for _, line := range cellLines(m, r) {
				if n := len([]rune(line)); n > svgCellText {
					t.Errorf("%d characters, room for %d: %s", n, svgCellText, line)
				}
			}
		}
		for _, b := range m.Blanks {
			for _, line := range wrapWords(b.Why, svgNoteText) {
				if len(line) > svgNoteText {
					t.Errorf("%q is longer than %d", line, svgNoteText)
				}
			}
		}
	}
}

// Catches text of a runtime that becomes markup of the picture.
func TestPictureEscapes(t *testing.T) {
	s := matrixSummary(t, false)
	s.Matrices[0].Rows[0].Runtime = `<script>"&`
	s.Warnings = []string{"<b>&amp;"}
	text := summaryIn(t, SVG, s, Options{})
	d := xml.NewDecoder(bytes.NewReader(text))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && (e.Name.Local == "script" || e.Name.Local == "b") {
			t.Errorf("element %s", e.Name.Local)
		}
	}
}

// Catches an empty file where a run has nothing to draw.
func TestNoPictureWithoutAMatrix(t *testing.T) {
	var out bytes.Buffer
	err := WriteSummary(&out, SVG, verdict.Summary{Matrices: []verdict.Matrix{{Scenario: "order-matrix"}}}, Options{})
	if !errors.Is(err, ErrNoMatrix) || out.Len() > 0 {
		t.Errorf("%v, %d bytes written", err, out.Len())
	}
	if err := Write(&out, SVG, verdict.Verdict{}, Options{}); !errors.Is(err, ErrNoMatrix) || out.Len() > 0 {
		t.Errorf("verdict: %v, %d bytes written", err, out.Len())
	}
}

// Catches a matrix wider than the terminal, whose figures the terminal then breaks.
func TestMatrixKeepsToTheWidth(t *testing.T) {
	s := matrixSummary(t, false)
	for _, width := range []int{60, 80, 120, 200, 320} {
		for i, line := range strings.Split(string(summaryIn(t, Table, s, Options{Width: width})), "\n") {
			if n := len([]rune(line)); n > width {
				t.Errorf("width %d: line %d has %d columns: %s", width, i+1, n, line)
			}
		}
	}
}

// Catches a budget that turns a CI server's report red: cells that it left out are no errors.
func TestUnreachedBuildsAreNoErrors(t *testing.T) {
	s := matrixSummary(t, false)
	var report struct {
		Errors int `xml:"errors,attr"`
		Tests  int `xml:"tests,attr"`
	}
	if err := xml.Unmarshal(summaryIn(t, JUnit, s, Options{}), &report); err != nil {
		t.Fatal(err)
	}
	m := s.Matrices[0]
	plain := 0 // of runc, which has no builds, each planned cell is a case
	for _, c := range s.Cells {
		if c.Runtime != "builtin" && c.Trials() == 0 {
			plain++
		}
	}
	if report.Errors != plain || report.Tests != m.Reached+plain || m.Reached >= m.Cells {
		t.Errorf("%d errors in %d cases; %d of %d cells reached, %d of runc not", report.Errors, report.Tests, m.Reached, m.Cells, plain)
	}
}

// Catches joins that the table leaves out or the JSON tells otherwise.
func TestGoldenJoins(t *testing.T) {
	s := joinSummary(t)
	for _, format := range []string{Table, JSON, JUnit, Benchfmt} {
		golden(t, "joins."+format, summaryIn(t, format, s, Options{}))
	}
}

func joinSummary(t *testing.T) verdict.Summary {
	t.Helper()
	sc := scenarios.Scenario{
		Name: "join-latency", Drivers: cgroupjoin.Drivers(), Trials: 4, Warmup: 1, Containers: 1, Timeout: 60e9, Judge: []string{scenarios.JoinLatency},
		Joins: &scenarios.Joins{Mechanisms: cgroupjoin.Mechanisms(), Cgroup: cgroupjoin.Whens(), Siblings: []int{1, 2000}, Threads: []int{1}, Busy: []bool{false, true}},
	}
	spec, err := scenarios.NewSpec([]scenarios.Scenario{sc}, nil, 5)
	if err != nil {
		t.Fatal(err)
	}
	s, err := verdict.Summarize(inMemory(t, spec, true, joinRecord), verdict.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func joinRecord(t scenarios.Trial, n int, r *rand.Rand) results.Record {
	rec := results.Record{Kind: "trial", Schema: results.Schema, Trial: t, Environment: "0123456789ab", Outcome: results.Started}
	rec.JoinNS = around(r, 50_000+int64(t.Join.Siblings)*20)
	if t.Join.Mechanism == cgroupjoin.ByAttach && t.Join.Busy && n == 2 {
		rec.Outcome, rec.JoinNS, rec.Reason = results.Failed, nil, "AttachProcessesToUnit: no such unit"
	}
	return rec
}
