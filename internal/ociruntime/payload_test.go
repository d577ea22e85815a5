package ociruntime

import (
	"slices"
	"testing"
)

// Catches arguments that mean something else to payload.c than the fields say.
func TestPayloadArgs(t *testing.T) {
	for _, c := range []struct {
		payload Payload
		want    []string
	}{
		{Payload{Nonce: "n"}, []string{"n"}},
		{Payload{Nonce: "n", AnonBytes: 4096}, []string{"n", "anon", "4096"}},
		{Payload{Nonce: "n", FilePath: "/f", Hold: true}, []string{"n", "file", "/f", "0", "hold"}},
		{Payload{Nonce: "n", AnonBytes: 1, ShmemBytes: 2, FilePath: "/f", FileBytes: 3, Hold: true, ExitCode: 4},
			[]string{"n", "anon", "1", "shmem", "2", "file", "/f", "3", "hold", "exit", "4"}},
		{Payload{Nonce: "n", Enumerate: Enumeration{32, 80, Eager}, Hold: true}, []string{"n", "enumerate", "32", "80", "eager", "hold"}},
		{Payload{Nonce: "n", Enumerate: Enumeration{64, 80, Lazy}}, []string{"n", "enumerate", "64", "80", "lazy"}},
	} {
		if got := c.payload.Args(); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.payload, got, c.want)
		}
	}
}

// Catches nonces that repeat, or that payload.c refuses.
func TestNewNonce(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		n := NewNonce()
		if seen[n] || len(n) != 16 {
			t.Fatalf("nonce %q after %d others", n, len(seen))
		}
		seen[n] = true
	}
}
