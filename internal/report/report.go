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

	OpenMetrics = "openmetrics"
)

// Formats lists every format, the default first.
func Formats() []string { return []string{Table, JSON, JUnit, Markdown, Benchfmt, OpenMetrics, SVG} }

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
	return formats[verdict.Verdict]{
		table: verdictTable, json: verdictJSON, junit: verdictJUnit, markdown: verdictMarkdown,
		benchfmt: verdictBenchfmt, openMetrics: verdictOpenMetrics, picture: verdictPicture,
	}.write(w, format, v, opts)
}

// WriteSummary draws a run that was not judged.
func WriteSummary(w io.Writer, format string, s verdict.Summary, opts Options) error {
	return formats[verdict.Summary]{
		table: summaryTable, json: summaryJSON, junit: summaryJUnit, markdown: summaryMarkdown,
		benchfmt: summaryBenchfmt, openMetrics: summaryOpenMetrics, picture: summaryPicture,
	}.write(w, format, s, opts)
}

// formats draw one value, each in its way.
type formats[T any] struct {
	table                 func(T, Options) string
	json, junit           func(T) ([]byte, error)
	markdown              func(T) string
	benchfmt, openMetrics func(io.Writer, T) error
	picture               func(T) picture
}

func (f formats[T]) write(w io.Writer, format string, what T, opts Options) error {
	if err := CheckFormat(format); err != nil {
		return err
	}
	switch format {
	case Benchfmt:
		return f.benchfmt(w, what)
	case OpenMetrics:
		return f.openMetrics(w, what)
	case SVG:
		return writePicture(w, f.picture(what))
	}
	text, err := f.text(format, what, opts)
	if err != nil {
		return fmt.Errorf("report: %s: %w", format, err)
	}
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

func (f formats[T]) text(format string, what T, opts Options) ([]byte, error) {
	switch format {
	case Table:
		return []byte(f.table(what, opts)), nil
	case JSON:
		return f.json(what)
	case JUnit:
		return f.junit(what)
	}
	return []byte(f.markdown(what)), nil
}
