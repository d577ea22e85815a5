package network

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
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

// Catches an address that stays for ever since its file is empty: host-local was killed between it made the file and wrote to it. It is taken for
// nobody's who has an address, nor while host-local could still be about to write.
func TestLeaksOfNobody(t *testing.T) {
	base := t.TempDir()
	n := &Network{Name: "ib01234567", config: Config{Base: base}}
	dir := addressesDir(base, n.Name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"10.88.0.2": "", "10.88.0.3": "c10\r\neth0", "10.88.0.4": "", "last_reserved_ip.0": "", storeLock: ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := n.LeaksOf(Attachment{Container: "c2", Addresses: []netip.Prefix{netip.MustParsePrefix("10.88.0.4/24")}}); err != nil || len(got) > 0 {
		t.Errorf("a container that has its address: %v, %v", got, err)
	}
	store, err := os.Open(filepath.Join(dir, storeLock))
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(store.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	type answer struct {
		leaks []Leak
		err   error
	}
	asked := make(chan answer, 1)
	go func() {
		leaks, err := n.LeaksOf(Attachment{Container: "c1"})
		asked <- answer{leaks, err}
	}()
	for opened(t, store.Name()) < 2 && len(asked) == 0 { // it has found empty files, and asks for the lock
		runtime.Gosched()
	}
	if err := os.WriteFile(filepath.Join(dir, "10.88.0.4"), []byte("c2\r\neth0"), 0o600); err != nil {
		t.Error(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	told := <-asked
	got, err := told.leaks, told.err
	want := []Leak{{AddressLease, "10.88.0.2", n.Name, ""}}
	if err != nil || !slices.Equal(got, want) || got[0].String() != "address-lease 10.88.0.2, which names no container" {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	if err := Free(base, got); err != nil {
		t.Error(err)
	}
	if left, err := n.LeaksOf(Attachment{Container: "c1"}); err != nil || len(left) > 0 {
		t.Errorf("after it was freed: %v, %v", left, err)
	}
}

// opened is how many descriptors of this process are of a file.
func opened(t *testing.T, path string) (n int) {
	t.Helper()
	all, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range all {
		if of, err := os.Readlink(fd); err == nil && of == path {
			n++
		}
	}
	return n
}

// Catches a file that cannot be read and is taken for nobody's.
func TestLeaksOfUnreadable(t *testing.T) {
	base := t.TempDir()
	if err := os.MkdirAll(filepath.Join(addressesDir(base, "ib01234567"), "10.88.0.2"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := LeaksOf(base, "c1"); !errors.Is(err, unix.EISDIR) {
		t.Errorf("an address that is a directory: %v, %v", got, err)
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
