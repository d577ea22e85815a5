package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/initbench/initbench/internal/verdict"
)

// The formats of --format.
const (
	Table    = "table"
	JSON     = "json"
	JUnit    = "junit"
	Markdown = "markdown"
	Benchfmt = "benchfmt"
	SVG      = "svg" // a picture of the matrices; an error where there is none
)

// Formats lists every format, the default first.
func Formats() []string { return []string{Table, JSON, JUnit, Markdown, Benchfmt, SVG} }

// CheckFormat says in one line what is wrong with a format's name, before a run is
// made whose result could not be written.
func CheckFormat(format string) error {
	if !slices.Contains(Formats(), format) {
		return fmt.Errorf("format %q is not one of %s", format, strings.Join(Formats(), ", "))
	}
	return nil
}

// Write draws a verdict.
func Write(w io.Writer, format string, v verdict.Verdict, opts Options) error {
	if format == SVG {
		return writePicture(w, verdictPicture(v))
	}
	return write(w, format, opts, v, verdictTable, verdictJSON, verdictJUnit, verdictMarkdown, verdictBenchfmt)
}

// WriteSummary draws a run that was not judged.
func WriteSummary(w io.Writer, format string, s verdict.Summary, opts Options) error {
	if format == SVG {
		return writePicture(w, summaryPicture(s))
	}
	return write(w, format, opts, s, summaryTable, summaryJSON, summaryJUnit, summaryMarkdown, summaryBenchfmt)
}

func write[T any](w io.Writer, format string, opts Options, what T,
	table func(T, Options) string, json, junit func(T) ([]byte, error), markdown func(T) string, benchfmt func(io.Writer, T) error,
) error {
	var text []byte
	var err error
	switch format {
	case Table:
		text = []byte(table(what, opts))
	case JSON:
		text, err = json(what)
	case JUnit:
		text, err = junit(what)
	case Markdown:
		text = []byte(markdown(what))
	case Benchfmt:
		return benchfmt(w, what)
	default:
		return CheckFormat(format)
	}
	if err != nil {
		return fmt.Errorf("report: %s: %w", format, err)
	}
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}
