// Package phrase has the words that all formats of a report share: what a figure is called, how a count of
// starts reads, whose clone it was, which steps of two starts stand on one line.
//
// It is fed by internal/verdict through internal/report and internal/report/html, so that two formats can never tell the same
// number in two ways. It lays nothing out, and refuses to make a word of what is missing: "not measured" or "-" stands there.
package phrase
