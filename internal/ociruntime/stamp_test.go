package ociruntime

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// Catches a stamp that is missed behind a runtime's output, or taken from something that is none.
func TestScanStamp(t *testing.T) {
	const nonce = "00c0ffee"
	stamp := "initbench-stamp " + nonce + " 123456789\n"
	for name, c := range map[string]struct {
		in   string
		want int64 // -1: none
	}{
		"alone":                     {stamp, 123456789},
		"after lines":               {"warning\n\n" + stamp, 123456789},
		"after half a line":         {"warning: " + stamp, 123456789},
		"after a megabyte":          {strings.Repeat("x", 1<<20) + stamp, 123456789},
		"across two reads":          {strings.Repeat("x", 4096-20) + stamp, 123456789},
		"after a wrong nonce":       {"initbench-stamp deadbeef 1\n" + stamp, 123456789},
		"after half of itself":      {"initbench-stamp " + nonce + " 1" + stamp, 123456789},
		"wrong nonce":               {"initbench-stamp deadbeef 1\n", -1},
		"nonce is only a beginning": {"initbench-stamp " + nonce + "0 1\n", -1},
		"no newline":                {strings.TrimSuffix(stamp, "\n"), -1},
		"no number":                 {"initbench-stamp " + nonce + " \n", -1},
		"sign":                      {"initbench-stamp " + nonce + " +1\n", -1},
		"negative":                  {"initbench-stamp " + nonce + " -1\n", -1},
		"too large":                 {"initbench-stamp " + nonce + " 9223372036854775808\n", -1},
		"words behind":              {"initbench-stamp " + nonce + " 1 2\n", -1},
		"nothing":                   {"", -1},
	} {
		ns, err := ScanStamp(bufio.NewReader(strings.NewReader(c.in)), nonce)
		if c.want < 0 && !errors.Is(err, ErrNoStamp) {
			t.Errorf("%s: ScanStamp = %d, %v; want ErrNoStamp", name, ns, err)
		}
		if c.want >= 0 && (err != nil || ns != c.want) {
			t.Errorf("%s: ScanStamp = %d, %v; want %d", name, ns, err, c.want)
		}
	}
}

// Catches a scan that swallows what the payload says after its stamp, and a read
// error that passes for a container that never started.
func TestScanStampLeavesTheRest(t *testing.T) {
	r := bufio.NewReader(strings.NewReader("initbench-stamp n 7\n" + HeldLine + "rest"))
	if ns, err := ScanStamp(r, "n"); ns != 7 || err != nil {
		t.Fatalf("ScanStamp = %d, %v", ns, err)
	}
	if err := WaitHeld(r); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(r); string(rest) != "rest" || err != nil {
		t.Errorf("left over: %q, %v", rest, err)
	}
	broken := iotest.ErrReader(io.ErrClosedPipe)
	if _, err := ScanStamp(bufio.NewReader(broken), "n"); !errors.Is(err, io.ErrClosedPipe) || errors.Is(err, ErrNoStamp) {
		t.Errorf("ScanStamp of a broken pipe: %v", err)
	}
}

// Catches anything but the payload's own line taken for a payload that holds.
func TestWaitHeldRefuses(t *testing.T) {
	for _, in := range []string{"", "initbench-hel", "initbench-gone\n", "xinitbench-held\n"} {
		if err := WaitHeld(bufio.NewReader(strings.NewReader(in))); err == nil {
			t.Errorf("WaitHeld(%q) accepts it", in)
		}
	}
}

// Catches a panic, or a stamp that depends on how the output was cut into reads.
func FuzzScanStamp(f *testing.F) {
	f.Add([]byte("initbench-stamp n 7\n"), 5)
	f.Add([]byte("warning initbench-stamp n 1initbench-stamp n 7\n"), 17)
	f.Add([]byte(strings.Repeat("initbench-stamp ", 40)+"n 7\n"), 16)
	f.Fuzz(func(t *testing.T, out []byte, cut int) {
		whole, wholeErr := ScanStamp(bufio.NewReader(strings.NewReader(string(out))), "n")
		cut = max(0, min(cut, len(out)))
		parts := io.MultiReader(strings.NewReader(string(out[:cut])), iotest.OneByteReader(strings.NewReader(string(out[cut:]))))
		split, splitErr := ScanStamp(bufio.NewReaderSize(parts, 16), "n")
		if whole != split || (wholeErr == nil) != (splitErr == nil) {
			t.Fatalf("whole: %d, %v; in parts: %d, %v", whole, wholeErr, split, splitErr)
		}
		if wholeErr == nil && whole < 0 {
			t.Fatalf("stamp %d before the clock began", whole)
		}
	})
}
