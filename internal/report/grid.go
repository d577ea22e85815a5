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
}

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

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

// plain draws without borders: what is piped can be cut by column, and what is
// copied from a terminal into an issue stays legible.
func (g *grid) plain() string {
	w := g.writer()
	style := table.StyleDefault
	style.Format.Header = text.FormatDefault
	style.Options = table.Options{SeparateHeader: true}
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	w.SetStyle(style)
	w.SuppressTrailingSpaces()
	return heading(g.title) + w.Render() + "\n"
}

func heading(title string) string {
	if title == "" {
		return ""
	}
	return title + "\n"
}

func (g *grid) markdown() string {
	title := ""
	if g.title != "" {
		title = "**" + g.title + "**\n\n"
	}
	return title + g.writer().RenderMarkdown() + "\n"
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

// wrapped breaks a sentence to the terminal's width. Lines after the first begin
// with indent; a figure and its unit are not parted.
func (o Options) wrapped(first, indent, sentence string) string {
	var b strings.Builder
	column := len(first)
	b.WriteString(first)
	for i, word := range strings.Fields(strings.ReplaceAll(sentence, " %", "\x00%")) {
		n := utf8.RuneCountInString(word)
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
