package main

import (
	"testing"

	"github.com/initbench/initbench/internal/policy"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// Catches a --margin that the gate is judged by and whoever compares its records later is not, and a default that is not kept.
func TestMarginsAreStored(t *testing.T) {
	j := judging{margins: []string{scenarios.StartLatency + "=50%"}}
	text, err := j.stored(policy.Default())
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Stored("run", text)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Margins[scenarios.StartLatency].Fraction; got != 0.5 {
		t.Errorf("stored margin %v, want 0.5", got)
	}
	if got := policy.Default().Margins[scenarios.StartLatency].Fraction; got == 0.5 {
		t.Error("the default policy was changed")
	}
	if !otherPolicies(results.Header{}, results.Header{Policy: text}) || otherPolicies(results.Header{}, results.Header{Policy: policy.Render(policy.Default())}) {
		t.Error("a run without a policy has the default one")
	}
}
