package memfdclone

import (
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// unsealed is a memfd with content and some seals.
func unsealed(t *testing.T, content []byte, seals int) *os.File {
	t.Helper()
	fd, err := newMemfd("unsealed", 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "unsealed")
	t.Cleanup(func() { f.Close() })
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		t.Fatal(err)
	}
	return f
}

func contentOf(t *testing.T, f *os.File) []byte {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<30))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Catches a check that passes whatever it is shown.
func TestVerifyRefuses(t *testing.T) {
	src := binary(t, block+1000)
	good := contentOf(t, src)
	bad := append([]byte(nil), good...)
	bad[block+7]++
	for name, tt := range map[string]struct {
		c    Clone
		want string
	}{
		"no seals":         {Clone{File: unsealed(t, good, 0), Strategy: Memfd}, "it is not a sealed memfd"},
		"one seal missing": {Clone{File: unsealed(t, good, seals&^unix.F_SEAL_GROW), Strategy: MemfdTHP}, "it is not a sealed memfd"},
		"a byte differs":   {Clone{File: unsealed(t, bad, seals), Strategy: Memfd}, "it differs from the file within the 1000 bytes after byte 262144"},
		"shorter":          {Clone{File: unsealed(t, good[:9], seals), Strategy: Memfd}, "it ends early, or cannot be read, after byte 0: unexpected EOF"},
		"longer":           {Clone{File: unsealed(t, append(good, 1), seals), Strategy: Memfd}, "it goes on after the file's 263144 bytes"},
		"a named file":     {Clone{File: fileOf(t, good), Strategy: Tmpfile}, "it has a name"},
		"the file itself":  {Clone{File: src, Strategy: Tmpfile}, "it is the file itself"},
		"a writable mount": {Clone{File: fileOf(t, good), Strategy: Overlayfs}, "it can be opened anew through /proc and written to"},
		"none":             {Clone{File: src, Strategy: None}, ErrUnprotected.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, tt.c.Verify(src), string(tt.c.Strategy)+" of "+src.Name()+": "+tt.want)
		})
	}
}

// Catches a truncation that is not tried, and a writable mapping taken for a sealed one.
func TestRefusals(t *testing.T) {
	for some, want := range map[int][2]string{
		0:                  {"it can be opened anew through /proc and written to", "it can be opened anew through /proc and truncated"},
		unix.F_SEAL_SHRINK: {"it can be opened anew through /proc and written to", ""},
		unix.F_SEAL_WRITE:  {"", "it can be opened anew through /proc and truncated"},
		seals:              {"", ""},
	} {
		f := unsealed(t, []byte("content"), some)
		for i, refuses := range []func(int) error{refusesWrite, refusesTruncate} {
			err := refuses(int(f.Fd()))
			if got := text(err); got != want[i] {
				t.Errorf("seals %#x: %q, want %q", some, got, want[i])
			}
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Catches a file on tmpfs, which answers F_GET_SEALS too, taken for a sealed memfd, and a seal more taken for none.
func TestSealed(t *testing.T) {
	shm, err := os.OpenFile("/dev/shm", unix.O_TMPFILE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer shm.Close()
	for want, files := range map[bool][]*os.File{
		false: {shm, binary(t, 10), unsealed(t, nil, seals&^unix.F_SEAL_WRITE), unsealed(t, nil, seals&^unix.F_SEAL_SEAL)},
		true:  {unsealed(t, nil, seals), unsealed(t, nil, seals|unix.F_SEAL_FUTURE_WRITE)},
	} {
		for i, f := range files {
			if got := Sealed(f); got != want {
				t.Errorf("file %d: %v, want %v", i, got, want)
			}
		}
	}
}

// Catches a strategy without a way to make it, or that does not say what it is good for.
func TestEachStrategyIsWhole(t *testing.T) {
	for _, s := range Strategies() {
		against, not := s.Protects()
		if !strings.HasSuffix(against, ".") || !strings.HasSuffix(not, ".") {
			t.Errorf("%s protects against %q, not against %q: want sentences", s, against, not)
		}
		if makers[s] == nil || steps[s] == nil {
			t.Errorf("%s cannot be made, or its failures are not tested", s)
		}
	}
	if len(makers) != len(Strategies()) || len(protections) != len(Strategies()) {
		t.Error("a strategy is made or described that is none")
	}
}
