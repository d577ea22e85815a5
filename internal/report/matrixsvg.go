package report

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/report/svg"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
)

// ErrNoMatrix is why there is no picture.
var ErrNoMatrix = errors.New("no scenario has several orders or builds with a recorded trial, and only such have a picture")

// picture is what is drawn of a run or a verdict.
type picture struct {
	of          string
	trials      verdict.Trials
	environment results.Environment
	matrices    []verdict.Matrix
	warnings    []string
}

func summaryPicture(s verdict.Summary) picture {
	return picture{"run " + s.ID, s.Trials, s.Environment, s.Matrices, s.Warnings}
}

func verdictPicture(v verdict.Verdict) picture {
	return picture{v.Headline(), v.Trials, v.Environment, v.Matrices, v.Warnings}
}

// Lengths of the picture, in its own unit, which is a pixel where it is shown at its size. A line of text has room for
// as many characters as the widest common sans-serif (Verdana, 0.6 em a character) gets into a column.
const (
	svgMargin   = 24.0
	svgLabels   = 216.0 // width of the rows' labels
	svgColumn   = 184.0
	svgLine     = 16.0
	svgBand     = 12.0 // width of the band that says who pays
	svgBar      = 6.0
	svgHead     = 66.0 // height of the columns' titles
	svgCellText = 26   // characters in a line of a cell
	svgNoteText = 31   // likewise, in the smaller type of a blank
	svgLeast    = 6    // columns that the picture is wide at least, for its legend and notes
)

// writePicture draws all matrices as one picture: a row a build, a column a driver and order, each cell marked by who
// paid for the clone. It stands alone: no script, font or file besides.
func writePicture(w io.Writer, p picture) error {
	p.matrices = slices.DeleteFunc(slices.Clone(p.matrices), func(m verdict.Matrix) bool { return len(m.Rows) == 0 })
	if len(p.matrices) == 0 {
		return fmt.Errorf("report: svg: %w", ErrNoMatrix)
	}
	text, err := xml.MarshalIndent(p.draw(), "", " ")
	if err != nil {
		return fmt.Errorf("report: svg: %w", err)
	}
	if _, err := w.Write(append(append([]byte(xml.Header), text...), '\n')); err != nil {
		return fmt.Errorf("report: svg: %w", err)
	}
	return nil
}

func (p picture) draw() *svg.Node {
	columns := svgLeast
	for _, m := range p.matrices {
		columns = max(columns, len(phrase.Columns(m)))
	}
	width := 2*svgMargin + svgLabels + float64(columns)*svgColumn
	var parts []*svg.Node
	y := svgMargin
	put := func(n *svg.Node, height float64) {
		parts = append(parts, svg.Moved(svgMargin, y).Add(n))
		y += height
	}
	put(p.heading(int((width - 2*svgMargin) / 7)))
	put(legend())
	for _, m := range p.matrices {
		put(matrixGroup(m))
		put(notes(m, int((width-2*svgMargin)/7)))
	}
	put(p.provenance(int((width - 2*svgMargin) / 7)))
	height := y + svgMargin
	root := svg.Element("svg", "xmlns", "http://www.w3.org/2000/svg", "viewBox", "0 0 "+svg.Value(width)+" "+svg.Value(height),
		"width", width, "height", height, "role", "img", "font-family", "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif")
	root.Add(svg.TextNode("title", "initbench: who pays for the clone, "+p.of), svg.TextNode("style", strings.Join(strings.Fields(matrixStyle), " ")), patterns())
	return root.Add(svg.Rectangle(0, 0, width, height, "paper")).Add(parts...)
}

func (p picture) heading(characters int) (*svg.Node, float64) {
	g, height := paragraph([]string{p.of + "; " + counted(p.trials)}, characters)
	return svg.Element("g").Add(
		svg.Label(0, 18, "title", "Who pays for the clone, which limit suffices, and how long a start takes"), svg.Moved(0, 28).Add(g),
	), 32 + height
}

// legend explains the marks by who pays, and the lines of a cell.
func legend() (*svg.Node, float64) {
	g := svg.Element("g")
	x := 0.0
	for _, p := range verdict.Payers() {
		g.Add(band(x, 0, svgBand, 14, p), svg.Label(x+svgBand+6, 12, "small", phrase.Payer(p)))
		x += svgBand + 30 + 6.6*float64(len(phrase.Payer(p)))
	}
	return g.Add(
		svg.Label(0, 36, "small dim", "In a cell: who pays and how much. The limit (memory.max of the container, or of its ancestor where that differs) at which it starts: "+
			"(a, b] was killed at a and started at b; <= b always started, b being the lowest tried."),
		svg.Label(0, 52, "small dim", "The median latency of a start, with its interval where there is one. Cells with a limit that are as arithmetic predicts. "+
			"Bar: the container's part of the copy; beside it, its share of the binary's size."),
	), 74
}

func matrixGroup(m verdict.Matrix) (*svg.Node, float64) {
	columns := phrase.Columns(m)
	g := svg.Element("g").Add(svg.Label(0, 14, "scenario", m.Scenario))
	g.Add(columnTitles(m, columns)...)
	y, height := svgHead, cellHeight(m)
	var done []phrase.Row
	for _, r := range m.Rows {
		row := phrase.RowOf(r)
		if slices.Contains(done, row) {
			continue
		}
		done = append(done, row)
		g.Add(svg.Moved(0, y).Add(rowLabel(r, height)...))
		for i, c := range columns {
			g.Add(svg.Moved(svgLabels+float64(i)*svgColumn, y).Add(matrixCell(m, row, c, height)))
		}
		y += height
	}
	return g, y + 12
}

// columnTitles name the driver above its orders, and the lane of each: latencies of two lanes do not compare.
func columnTitles(m verdict.Matrix, columns []phrase.Column) (all []*svg.Node) {
	for i, c := range columns {
		x := svgLabels + float64(i)*svgColumn
		if i == 0 || columns[i-1].Driver != c.Driver {
			all = append(all, svg.Label(x+2, 26, "column", string(c.Driver)))
		}
		all = append(all, svg.Label(x+2, 43, "order", string(c.Order)), svg.Label(x+2, 58, "small dim", strings.Join(phrase.Lanes(m, c), ", ")+" trials"))
	}
	return all
}

func rowLabel(r verdict.MatrixRow, height float64) []*svg.Node {
	name, how := phrase.RowName(r)
	return []*svg.Node{
		svg.Element("path", "d", "M0 0H"+svg.Value(svgLabels), "class", "rule"),
		svg.Label(0, height/2-2, "build", name), svg.Label(0, height/2+15, "small dim", how),
	}
}

// cellHeight has room for the cell with the most lines.
func cellHeight(m verdict.Matrix) float64 {
	most := 0
	for _, r := range m.Rows {
		most = max(most, len(cellLines(m, r)))
	}
	for _, b := range m.Blanks {
		most = max(most, len(wrapWords(b.Why, svgNoteText)))
	}
	return float64(most)*svgLine + svgBar + 20
}

func matrixCell(m verdict.Matrix, row phrase.Row, column phrase.Column, height float64) *svg.Node {
	for _, r := range m.Rows {
		if phrase.RowOf(r) == row && phrase.ColumnOf(r) == column {
			return filledCell(m, r, height)
		}
	}
	for _, b := range m.Blanks {
		if (phrase.Row{Runtime: b.Runtime, Build: b.Build, Bytes: b.BinaryBytes}) == row && (phrase.Column{Driver: b.Driver, Order: b.Order}) == column {
			return blankCell(b.Why, height)
		}
	}
	return blankCell("not planned", height)
}

func blankCell(why string, height float64) *svg.Node {
	g := svg.Element("g", "class", "cell").Add(svg.Rectangle(1, 1, svgColumn-6, height-4, "blank"))
	for i, line := range wrapWords(why, svgNoteText) {
		g.Add(svg.Label(8, 16+float64(i)*14, "note", line))
	}
	return g
}

func filledCell(m verdict.Matrix, r verdict.MatrixRow, height float64) *svg.Node {
	g := svg.Element("g", "class", "cell "+phrase.PayerClass(r.Payer)).Add(svg.TextNode("title", cellTitle(m, r)))
	g.Add(svg.Rectangle(1, 1, svgColumn-6, height-4, "ground"), band(1, 1, svgBand, height-4, r.Payer))
	for i, line := range cellLines(m, r) {
		class := "line"
		if i == 0 {
			class = "who"
		}
		g.Add(svg.Label(svgBand+8, 17+float64(i)*svgLine, class, line))
	}
	return g.Add(shareBar(r, height)...)
}

// band is the mark of who pays: a colour and a pattern, either of which will do.
func band(x, y, width, height float64, p verdict.Payer) *svg.Node {
	return svg.Element("g", "class", phrase.PayerClass(p)).Add(
		svg.Rectangle(x, y, width, height, "mark"),
		svg.Element("rect", "x", x, "y", y, "width", width, "height", height, "fill", "url(#"+phrase.PayerClass(p)+")"),
	)
}

// shareBar is as long as the copy, the container's part filled. The figure beside it is of the binary's size.
func shareBar(r verdict.MatrixRow, height float64) []*svg.Node {
	if r.Clone.N == 0 || r.Clone.Median == 0 {
		return nil
	}
	x, y, width := svgBand+8, height-svgBar-8, svgColumn-svgBand-66
	return []*svg.Node{
		svg.Rectangle(x, y, width, svgBar, "track"),
		svg.Rectangle(x, y, width*min(1, r.ToContainer.Median/r.Clone.Median), svgBar, "share"),
		svg.Label(x+width+6, y+svgBar+1, "small dim", verdict.Percent(r.ContainerShare())),
	}
}

// cellLines are what a cell says.
func cellLines(m verdict.Matrix, r verdict.MatrixRow) []string {
	lines := append([]string{whoPays(r)}, phrase.Thresholds(m, r)...)
	lines = append(lines, latencyLine(r))
	if text := phrase.AsPredicted(r); text != "-" {
		lines = append(lines, text+" as predicted")
	}
	return lines
}

func whoPays(r verdict.MatrixRow) string {
	amount := ""
	switch {
	case r.Payer == verdict.ContainerPays, r.Payer == verdict.BothPay:
		amount = " " + verdict.Bytes.Format(r.ToContainer.Median)
	case r.Payer == verdict.RuntimePays && r.ToRuntime.N > 0:
		amount = " " + verdict.Bytes.Format(r.ToRuntime.Median)
	}
	return string(r.Payer) + amount
}

func latencyLine(r verdict.MatrixRow) string {
	if !r.Latency.Known() {
		return "no start measured"
	}
	text, at := verdict.Nanoseconds.Format(r.Latency.Center), ""
	if r.ReferenceLimit != 0 {
		at = " at " + limit(r.ReferenceLimit)
	}
	interval := phrase.After(" ", phrase.Spread(verdict.Nanoseconds, r.Latency))
	if utf8.RuneCountInString(text+interval+at) > svgCellText {
		return text + at
	}
	return text + interval + at
}

// cellTitle is all of a cell in words, for a pointer that rests on it and for whoever does not see the picture.
func cellTitle(m verdict.Matrix, r verdict.MatrixRow) string {
	texts := []string{
		strings.Join(matrixKeys(m, r), ", "), phrase.MatrixTrials(r) + " trials, " + string(r.Lane), "pays: " + string(r.Payer),
		"clone charged to the container: " + toContainer(r, " "), "to the runtime: " + rangeText(verdict.Bytes, r.ToRuntime, " "),
	}
	for _, place := range m.Places {
		texts = append(texts, fmt.Sprintf("%s (%s): %s", verdict.StartThreshold, place, thresholdIn(r, place, " ")))
	}
	return strings.Join(append(texts, "start latency: "+matrixLatency(r, " "), "started: "+byLimit(r), "found: "+foundText(r.Found)), "\n")
}

// notes are below a matrix what is below its table, but for cells that are not planned, which stand in their places.
func notes(m verdict.Matrix, characters int) (*svg.Node, float64) {
	var texts []string
	for _, r := range phrase.Remarks(m) {
		if r.Label != phrase.NotPlanned {
			texts = append(texts, r.Label+": "+r.Text)
		}
	}
	return paragraph(texts, characters)
}

func (p picture) provenance(characters int) (*svg.Node, float64) {
	texts := []string{"sizes in IEC units; " + phrase.Machine(p.environment)}
	for _, w := range p.warnings {
		texts = append(texts, "warning: "+w)
	}
	return paragraph(texts, characters)
}

func paragraph(texts []string, characters int) (*svg.Node, float64) {
	g, y := svg.Element("g"), 12.0
	for _, text := range texts {
		for _, line := range wrapWords(text, characters) {
			g.Add(svg.Label(0, y, "small dim", line))
			y += svgLine
		}
		y += 2
	}
	return g, y + 6
}

// patterns has one a payer: hatched, dotted and ruled, for whoever does not see the colours.
func patterns() *svg.Node {
	lines := map[verdict.Payer]string{
		verdict.ContainerPays: svg.Hatches.Rising, verdict.BothPay: svg.Hatches.Crossed, verdict.RuntimePays: svg.Hatches.Level,
		verdict.CallerPays: svg.Hatches.Upright, verdict.PayerUnknown: svg.Hatches.Dashed,
	}
	defs := svg.Element("defs")
	for _, p := range verdict.Payers() {
		defs.Add(svg.Pattern(phrase.PayerClass(p), lines[p], "ink"))
	}
	return defs
}

// matrixStyle has two sets of colours, for light and for dark surroundings. They are told apart by lightness as well as by
// hue; nothing is said by them alone.
const matrixStyle = `
text { font-size: 12px; fill: #1b2127 }
.title { font-size: 18px; font-weight: 600 } .scenario { font-size: 15px; font-weight: 600 } .column { font-size: 14px; font-weight: 600 }
.order, .build, .who { font-weight: 600 } .small, .note { font-size: 11px } .note { font-size: 10.5px } .dim, .note { fill: #59636e }
.paper { fill: #ffffff } .rule { stroke: #c5ccd3; fill: none } .ink { stroke: #ffffff; stroke-width: 1.4; fill: none }
.blank { fill: none; stroke: #c5ccd3; stroke-dasharray: 3 3 } .track { fill: #ffffff; stroke: #8b95a0 }
.pays-container .mark, .share { fill: #b3261e } .pays-both .mark { fill: #a35c00 } .pays-runtime .mark { fill: #1d5fae }
.pays-caller .mark { fill: #0b6e75 } .pays-nobody .mark { fill: #2e7d32 } .pays-not-measured .mark { fill: #7a838c }
.pays-container .ground { fill: #fde9e7 } .pays-both .ground { fill: #fff0db } .pays-runtime .ground { fill: #e6f0fb }
.pays-caller .ground { fill: #e0f4f5 } .pays-nobody .ground { fill: #e7f5e8 } .pays-not-measured .ground { fill: #f0f2f4 }
@media (prefers-color-scheme: dark) {
text { fill: #e8ecf0 } .dim, .note { fill: #a3adb8 } .paper { fill: #14181c } .rule { stroke: #3b444d } .ink { stroke: #14181c }
.blank { stroke: #3b444d } .track { fill: #14181c; stroke: #76808b }
.pays-container .mark, .share { fill: #ff8a80 } .pays-both .mark { fill: #ffb74d } .pays-runtime .mark { fill: #82b8f5 }
.pays-caller .mark { fill: #5fd0d8 } .pays-nobody .mark { fill: #81c784 } .pays-not-measured .mark { fill: #9aa4ae }
.pays-container .ground { fill: #3b1f1d } .pays-both .ground { fill: #3a2a12 } .pays-runtime .ground { fill: #18293d }
.pays-caller .ground { fill: #10302f } .pays-nobody .ground { fill: #17301a } .pays-not-measured .ground { fill: #22282e }
}
`

// splitLines yields the lines of a text that ends with a newline.
func splitLines(text string) iter.Seq[string] {
	return strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n")
}

// wrapWords breaks a sentence into lines of at most n characters, the words longer than that apart.
func wrapWords(sentence string, n int) (lines []string) {
	for line := range splitLines(Options{Width: n}.wrapped("", "", sentence)) {
		lines = append(lines, line)
	}
	return lines
}
