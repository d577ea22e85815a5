package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/initbench/initbench/internal/report"
	"github.com/initbench/initbench/internal/report/html"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
)

// htmlFormat is a file's only: nobody reads a page on a terminal.
const htmlFormat = "html"

// fileFormats says which format a file is in by how its name ends.
var fileFormats = []struct{ ending, format string }{
	{".html", htmlFormat}, {".json", report.JSON}, {".md", report.Markdown}, {".xml", report.JUnit}, {".txt", report.Table},
	{".prom", report.OpenMetrics}, {".svg", report.SVG},
}

// formatOf is empty for a name that says none.
func formatOf(path string) string {
	for _, f := range fileFormats {
		if f.ending == filepath.Ext(path) {
			return f.format
		}
	}
	return ""
}

// endingsOf lists the endings of these formats, or of all that have one.
func endingsOf(formats []string) string {
	var endings []string
	for _, f := range fileFormats {
		if formats == nil || slices.Contains(formats, f.format) {
			endings = append(endings, f.ending)
		}
	}
	return strings.Join(endings, ", ")
}

// outputs are where an answer goes: to files, each in the format its name says, or else to standard output.
type outputs struct {
	files  []string
	format string
}

func (o *outputs) register(cmd *cobra.Command, formats []string) {
	fl := cmd.Flags()
	fl.StringVar(&o.format, "format", "table", "output format: "+strings.Join(formats, ", "))
	fl.StringArrayVarP(&o.files, "output", "o", nil, "write to this file instead, in the format its name says ("+endingsOf(nil)+"; may be repeated)")
	complete(cmd, "format", formats...)
}

// check refuses what is wrong before anything is read.
func (o *outputs) check(cmd *cobra.Command, formats []string) error {
	if o.format == htmlFormat {
		return usagef("--format html: a page is a file: write -o report.html instead")
	}
	if err := checkWord("--format", o.format, formats...); err != nil {
		return err
	}
	if len(o.files) > 0 && cmd.Flags().Changed("format") {
		return usagef("--format %s and -o %s: the file's name says its format: leave one out", o.format, o.files[0])
	}
	for _, path := range o.files {
		if formatOf(path) == "" {
			return usagef("-o %s: its name does not say a format: let it end in one of %s", path, endingsOf(nil))
		}
	}
	return nil
}

// drawing writes an answer in a format.
type drawing func(w io.Writer, format string) error

// ofVerdict draws a verdict; run is nil where it is of two.
func ofVerdict(v verdict.Verdict, run *results.Run) drawing {
	return func(w io.Writer, format string) error {
		if format == htmlFormat {
			return html.Write(w, html.Input{Verdict: &v, Run: run})
		}
		return report.Write(w, format, v, reportOptions(w))
	}
}

func ofSummary(s verdict.Summary, run *results.Run) drawing {
	return func(w io.Writer, format string) error {
		if format == htmlFormat {
			return html.Write(w, html.Input{Summary: &s, Run: run})
		}
		return report.WriteSummary(w, format, s, reportOptions(w))
	}
}

func ofTraces(traces []report.Trace) drawing {
	return func(w io.Writer, format string) error { return report.WriteTrace(w, format, traces, reportOptions(w)) }
}

// deliver writes an answer to where it goes.
func (o *outputs) deliver(cmd *cobra.Command, draw drawing) error {
	err := o.write(cmd, draw)
	if errors.Is(err, report.ErrNoMatrix) {
		return &usageError{err} // another format would do
	}
	return err
}

func (o *outputs) write(cmd *cobra.Command, draw drawing) error {
	if len(o.files) == 0 {
		return draw(cmd.OutOrStdout(), o.format)
	}
	for _, path := range o.files {
		if err := keep(path, draw); err != nil {
			return err
		}
	}
	return nil
}

// keep writes a file in the format its name says, in the place of one that may be there. It is whole or it is not there.
func keep(path string, draw drawing) error {
	f, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644))
	if err != nil {
		return usagef("write %s: %w", path, plainCause(err)) // no such directory, or none of ours
	}
	defer func() { _ = f.Cleanup() }() // nothing is left to remove once it has its name
	if err := draw(f, formatOf(path)); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("write %s: %w", path, plainCause(err))
	}
	return nil
}

// plainCause leaves out the name that a file has until it is whole, which nobody has asked for.
func plainCause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	var rename *os.LinkError
	if errors.As(err, &rename) {
		return rename.Err
	}
	return err
}

// keepReports puts a gate's verdict and its page beside the records.
func keepReports(dir string, v verdict.Verdict, run *results.Run) error {
	for _, name := range []string{"verdict.json", "report.html"} {
		if err := keep(filepath.Join(dir, name), ofVerdict(v, run)); err != nil {
			return err
		}
	}
	return nil
}

// completeRuns offers directories that hold a run, and those that may lie above one.
func completeRuns(most int) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		words, above := runsBelow(begun)
		if above || len(words) == 0 {
			return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

// runsBelow lists what a path that was begun can go on to: runs, or directories to look on in.
func runsBelow(begun string) (words []string, above bool) {
	found, err := filepath.Glob(escapeGlob(begun) + "*")
	if err != nil {
		return nil, false // only of a pattern that is none
	}
	for _, path := range found {
		switch {
		case isRun(path):
			words = append(words, path)
		case isDir(path) && !strings.HasPrefix(filepath.Base(path), "."):
			words, above = append(words, path+string(filepath.Separator)), true
		}
	}
	return words, above
}

var escapeGlob = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace

func isRun(dir string) bool {
	_, err := results.ReadHeader(dir)
	return err == nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
