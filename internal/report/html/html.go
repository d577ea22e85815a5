package html

import (
	"bufio"
	"crypto/sha256"
	_ "embed" // the page's three parts
	"encoding/base64"
	"fmt"
	"html/template"
	"io"

	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
)

// Input is what a page is of: a verdict, or else a summary. Run adds what only records show; it may be nil.
type Input struct {
	Verdict *verdict.Verdict
	Summary *verdict.Summary
	Run     *results.Run
}

//go:embed page.tmpl
var pageText string

//go:embed style.css
var style string

//go:embed script.js
var script string

var page = template.Must(template.New("page").Parse(pageText))

// Write writes the page.
func Write(w io.Writer, in Input) error {
	if in.Verdict == nil && in.Summary == nil {
		return fmt.Errorf("report: html: neither a verdict nor a summary to show")
	}
	g, err := gather(in)
	if err != nil {
		return fmt.Errorf("report: html: %w", err)
	}
	out := bufio.NewWriter(w)
	if err := page.Execute(out, newView(in, g)); err != nil {
		return fmt.Errorf("report: html: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("report: html: %w", err)
	}
	return nil
}

// contentPolicy lets the page's own style and script be, by their hashes, and nothing else: what a runtime printed
// could not run or load anything even if it got past the escaping.
func contentPolicy() string {
	return fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; img-src data:; base-uri 'none'; form-action 'none'", hash(style), hash(script))
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
