package network

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Catches an address that is put down to nobody, or to a part of what host-local wrote.
func TestLeaksOf(t *testing.T) {
	base := t.TempDir()
	dir := addressesDir(base, "ib01234567")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"10.88.0.2": "c1\r\neth0", "10.88.0.3": "c10\r\neth0", "fd0d:ce5::2": "c1\r\neth0", "10.88.0.4": "", "last_reserved_ip.0": "10.88.0.4", "lock": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := LeaksOf(base, "c1")
	want := []Leak{{AddressLease, "10.88.0.2", "ib01234567", "c1"}, {AddressLease, "fd0d:ce5::2", "ib01234567", "c1"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if err := Free(base, got); err != nil {
		t.Error(err)
	}
	if left, err := addressLeases(base); err != nil || len(left) != 2 {
		t.Errorf("after c1 was freed: %v, %v; want the two others", left, err)
	}
	if err := Free(base, []Leak{{AddressLease, "../lock", "ib01234567", "c1"}, {Kind: Bridge, Name: "ib01234567"}}); err == nil {
		t.Error("a name that is no address, and a bridge, were freed")
	}
}

// Catches a file of host-local's, or of whoever writes where it does, that makes up a container.
func FuzzParseHolder(f *testing.F) {
	for _, text := range []string{"c1\r\neth0", "c1\n", "", "\r\n", "../x\r\neth0", "c1\r\n\r\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if got := parseHolder(data); got != "" && (!containerPattern.MatchString(got) || string(data[:len(got)]) != got) {
			t.Fatalf("%q has %q", data, got)
		}
	})
}
