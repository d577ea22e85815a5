package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// What one row of a cell costs at its last look, of 100 blocks; a cell has some twenty.
func BenchmarkALookAtARow(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 0))
	base, cand := abba(r, 100), abba(r, 100)
	for b.Loop() {
		WithinBlocks(base, cand, 0.98)
		RepeatedP(BlockedP(base, cand), gateLooks, 100)
	}
}

func BenchmarkSignedRankOfAHundredBlocks(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 0))
	diffs := blockDiffs(abba(r, 100), abba(r, 100), math.Log)
	for b.Loop() {
		SignedRank(diffs, 0.98)
	}
}

func BenchmarkBlockedPOfAHundredBlocks(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 0))
	base, cand := abba(r, 100), abba(r, 100)
	for b.Loop() {
		BlockedP(base, cand)
	}
}
