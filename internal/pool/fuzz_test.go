package pool

import (
	"errors"
	"strings"
	"testing"
	"unicode"
)

// Catches input that crashes or hangs the reader, a refusal that is not one line with a place in what
// was read, and a pool that is not what it prints.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		incident, `{"base":"fd0d:0ce5::/48","size":64}`, "- base: 10.0.0.0/8\n  size: 24\n- {base: fd0d::/48, size: 64}",
		`{"default-address-pools":[{"base":"172.17.0.0/16","size":16}]}`, "base: |\n  10.0.0.0/8\nsize: 0x10", "[[[[", "&a *a", "{base: ,}", "- \t", "base:\r\nsize",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		pools, err := ParseChecked("f", data)
		if err == nil {
			for _, p := range pools {
				again, err := ParseChecked("again", []byte(p.String()))
				if err != nil || again[0] != p {
					t.Fatalf("%s is read back as %v, %v", p, again, err)
				}
			}
			return
		}
		var e *Error
		if !errors.As(err, &e) || e.Wrong == "" || e.Right == "" || !strings.HasPrefix(err.Error(), "f:") {
			t.Fatalf("half an answer: %q", err)
		}
		if strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("not one line: %q", err)
		}
		if lines := strings.Split(string(data), "\n"); e.Pos.Line > len(lines) || e.Pos.Line > 0 && e.Pos.Column > len(lines[e.Pos.Line-1])+1 {
			t.Fatalf("outside the file: %v", err)
		}
	})
}

// Catches a base and a size that crash the arithmetic, or a number of subnets that At does not have.
func FuzzNew(f *testing.F) {
	f.Add("fd0d:0ce5::/48", 80)
	f.Add("::/0", 128)
	f.Add("0.0.0.0/0", 32)
	f.Add("::ffff:1.2.3.4/96", 1<<31)
	f.Add("10.0.0.0/8", -1)
	f.Fuzz(func(t *testing.T, base string, size int) {
		p, err := New(base, size)
		if err != nil {
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Fatalf("not one line: %q", err)
			}
			return
		}
		if last := p.At(p.Last()); !p.Base().Contains(last.Addr()) || p.Subnets().Sign() != 1 {
			t.Fatalf("%v has %v subnets, the last is %v", p, p.Subnets(), last)
		}
	})
}
