// Package results is the record of a run and the only package that knows its
// disk format: a directory with run.json (what was asked, written once),
// records.jsonl (what was measured, one line a trial, appended as it ends) and, where
// trials were observed, timelines.jsonl (what happened in each, read on demand).
//
// It is fed by internal/runner, or by the lines a guest sends. It refuses to
// rewrite a line, to guess at a half-written one, and to read a schema newer
// than its own. It computes nothing: raw integers go in and come out.
package results
