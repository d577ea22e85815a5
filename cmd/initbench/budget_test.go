package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// Catches a budget's end that counts the starts a search may take among the plan's trials, takes a search for a cell that is
// never reached, or says nothing because all the plan's trials are made while a search is open.
func TestBudgetOfARunThatSearches(t *testing.T) {
	sc, err := scenarios.Load("thresholds")
	if err != nil {
		t.Fatal(err)
	}
	spec, err := scenarios.NewSpec([]scenarios.Scenario{sc.AtMost(20)}, []scenarios.Runtime{{Name: "a", Ref: "a"}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s, err := results.Create(dir, results.Header{Schema: results.Schema, ID: "r", Spec: spec})
	if err != nil {
		t.Fatal(err)
	}
	f := fake{kernel: "6.1", startsAt: "8MiB", slower: 1}
	if err := s.Append(f.environment()); err != nil {
		t.Fatal(err)
	}
	for trial := range spec.Trials() {
		rec := recordOf(trial.Index)
		rec.Trial, rec.Environment = trial, f.environment().ID
		if err := s.Append(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	run, err := results.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	var notes bytes.Buffer
	if err := sayWhatIsLeft(&measureFlags{budget: time.Minute}, run, &notes); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(notes.String(), "2 of 2 trials are made, 0 of 0 cells have one, searches are open") {
		t.Errorf("notes %q", notes.String())
	}
}
