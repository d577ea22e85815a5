// Package report draws a verdict or a summary: as a table for people, as JSON,
// JUnit, Markdown, OpenMetrics and the Go benchmark format for programs, and a picture of who pays. Its page is internal/report/html.
//
// It is fed by internal/verdict and writes to whoever asked. It computes nothing:
// every number, ruling and reason it shows is in what it was given, so that two formats can never
// disagree. It refuses to hide a warning, and to colour what is not a terminal.
package report
