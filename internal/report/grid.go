package report

import (
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/initbench/initbench/internal/verdict"
)

// grid is a table before it is drawn, the same for a terminal and for Markdown.
type grid struct {
	title  string
	header []string
	rows   [][]string
	// keys is how many of the first columns say what a row is of; 0 means one.
	keys int
}

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

// measured leaves out the columns in which no row has a value.
func (g *grid) measured() *grid {
	out := &grid{title: g.title, keys: g.keys, rows: make([][]string, len(g.rows))}
	for column, title := range g.header {
		has := column < max(1, g.keys)
		for _, row := range g.rows {
			has = has || row[column] != "-" && row[column] != "not measured"
		}
		if !has {
			continue
		}
		out.header = append(out.header, title)
		for i, row := range g.rows {
			out.rows[i] = append(out.rows[i], row[column])
		}
	}
	return out
}

func (g *grid) writer() table.Writer {
	w := table.NewWriter()
	w.AppendHeader(cells(g.header))
	for _, r := range g.rows {
		w.AppendRow(cells(r))
	}
	return w
}

func cells(texts []string) table.Row {
	row := make(table.Row, len(texts))
	for i, t := range texts {
		row[i] = t
	}
	return row
}

// fit draws the first of several layouts of one table that the terminal is wide
// enough for. Where none is, each row becomes a few lines of its own: a table that
// the terminal breaks is a heap of figures.
func fit(opts Options, layouts ...*grid) string {
	for _, g := range layouts {
		if text := g.table(); opts.Width == 0 || widthOf(text) <= opts.Width {
			return opts.heading(g.title) + text
		}
	}
	return opts.heading(layouts[0].title) + layouts[0].list(opts)
}

// plain draws the table at whatever width it takes.
func (g *grid) plain() string { return Options{}.heading(g.title) + g.table() }

// table draws without borders: what is piped can be cut by column, and what is
// copied from a terminal into an issue stays legible.
func (g *grid) table() string {
	w := g.writer()
	style := table.StyleDefault
	style.Format.Header = text.FormatDefault
	style.Options = table.Options{SeparateHeader: true}
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	w.SetStyle(style)
	w.SuppressTrailingSpaces()
	return w.Render() + "\n"
}

// list draws each row as what it is of and, below it, the figures by the names of their columns.
func (g *grid) list(opts Options) string {
	flat := strings.NewReplacer("\n", " ").Replace
	var b strings.Builder
	for _, row := range g.rows {
		keys := max(1, g.keys)
		b.WriteString(opts.wrapped("", "  ", flat(strings.Join(row[:keys], ", "))))
		var figures []string
		for i, cell := range row[keys:] {
			if cell != "-" {
				figures = append(figures, g.header[keys+i]+" "+flat(cell))
			}
		}
		b.WriteString(opts.wrapped("  ", "  ", strings.Join(figures, "; ")))
	}
	return b.String()
}

// widthOf is the width of the widest line, colours not counted.
func widthOf(drawn string) int {
	widest := 0
	for line := range strings.Lines(drawn) {
		widest = max(widest, text.StringWidthWithoutEscSequences(strings.TrimRight(line, "\n")))
	}
	return widest
}

// tall is the same table with its words below each other where they may be parted.
func (g *grid) tall() *grid {
	part := strings.NewReplacer(" (", "\n(", "not applicable", "not\napplicable", ", worst", ",\nworst", ", join", ",\njoin", ", clone", ",\nclone").Replace
	out := &grid{title: g.title, keys: g.keys}
	for _, title := range g.header {
		out.header = append(out.header, part(title))
	}
	for _, row := range g.rows {
		var cells []string
		for i, cell := range row {
			if i == 0 {
				cell = hyphenated(cell)
			}
			cells = append(cells, part(cell))
		}
		out.rows = append(out.rows, cells)
	}
	return out
}

// hyphenated parts a long name, such as one made of a reference's options, at its hyphens.
func hyphenated(name string) string {
	const long = 22
	if len(name) <= long || strings.Contains(name, " ") {
		return name
	}
	var b strings.Builder
	column := 0
	for i, word := range strings.Split(name, "-") {
		if i > 0 {
			b.WriteByte('-')
			column++
		}
		if column > 0 && column+len(word) > long {
			b.WriteByte('\n')
			column = 0
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

func (o Options) heading(title string) string {
	if title == "" {
		return ""
	}
	return o.wrapped("", "  ", title)
}

// markdown keeps what a runtime or a policy wrote from becoming HTML; the writer does so with what ends a cell.
func (g *grid) markdown() string {
	safe := &grid{header: g.header}
	for _, row := range g.rows {
		var cells []string
		for _, cell := range row {
			cells = append(cells, asCode.ReplaceAllString(strings.ReplaceAll(cell, "<", "&lt;"), "`$0`"))
		}
		safe.add(cells...)
	}
	title := ""
	if g.title != "" {
		title = "**" + g.title + "**\n\n"
	}
	return title + safe.writer().RenderMarkdown() + "\n"
}

// colors of the ANSI terminal, by what a ruling means.
var colors = map[verdict.Ruling]string{
	verdict.Pass:         "32",
	verdict.Improved:     "32",
	verdict.Regressed:    "31;1",
	verdict.Inconclusive: "33",
	verdict.Invalid:      "31;1",
}

func (o Options) ruling(r verdict.Ruling) string {
	if !o.Color {
		return string(r)
	}
	return "\x1b[" + colors[r] + "m" + string(r) + "\x1b[0m"
}

// prose are options for paragraphs, which nobody reads in lines as wide as a table, or in one.
func (o Options) prose() Options {
	const column = 120
	if o.Width == 0 || o.Width > column {
		o.Width = column
	}
	return o
}

// wrapped breaks a sentence to the terminal's width. Lines after the first begin
// with indent; a figure and its unit are not parted.
func (o Options) wrapped(first, indent, sentence string) string {
	var b strings.Builder
	column := len(first)
	b.WriteString(first)
	for i, word := range strings.Fields(strings.ReplaceAll(sentence, " %", "\x00%")) {
		n := utf8.RuneCountInString(text.StripEscape(word))
		switch {
		case i == 0:
		case o.Width > 0 && column+1+n > o.Width:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return strings.ReplaceAll(b.String(), "\x00", " ") + "\n"
}
