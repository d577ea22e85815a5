package memfdclone

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// here runs a test of each strategy, with what it needs for a copy of size bytes.
func here(t *testing.T, size int64, test func(t *testing.T, s Strategy)) {
	t.Helper()
	for _, s := range Strategies() {
		t.Run(string(s), func(t *testing.T) {
			needs(t, s, size)
			test(t, s)
		})
	}
}

// mustMake closes the copy with the test.
func mustMake(t *testing.T, src *os.File, o Options) *Clone {
	t.Helper()
	c, err := Make(src, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.File.Close() })
	return c
}

func mustVerify(t *testing.T, c *Clone, src *os.File) {
	t.Helper()
	var want error
	if c.Strategy == None {
		want = ErrUnprotected
	}
	if err := c.Verify(src); !errors.Is(err, want) {
		t.Errorf("Verify: %v, want %v", err, want)
	}
}

// Catches a strategy that cannot be made, one whose report is wrong, and one that moves its caller's file offset.
func TestSmokeMake(t *testing.T) {
	const size = 3<<20 + 4567
	here(t, size, func(t *testing.T, s Strategy) {
		src := binary(t, size)
		if _, err := src.Seek(77, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		c := mustMake(t, src, Options{Strategy: s, Dir: t.TempDir(), Name: "copy"})
		mustVerify(t, c, src)
		copied := int64(size)
		if slices.Contains([]Strategy{Overlayfs, Bind, None}, s) {
			copied = 0
		}
		if c.Strategy != s || c.FellBack != nil || c.Bytes != copied || c.Took <= 0 {
			t.Errorf("%+v, want %d bytes copied by %s in some time", c, copied, s)
		}
		if at, err := src.Seek(0, io.SeekCurrent); at != 77 || err != nil {
			t.Errorf("the binary's offset is %d (%v), want 77 as before", at, err)
		}
		if sealed, memfd := Sealed(c.File), strings.HasPrefix(string(s), "memfd"); sealed != memfd {
			t.Errorf("Sealed: %v, want %v", sealed, memfd)
		}
	})
}

// Catches a copy that is right but not executable: written to by a descriptor still open (ETXTBSY), of a wrong mode,
// with pages that cannot be mapped; and hugetlb's, if it could be executed after all.
func TestCopyRuns(t *testing.T) {
	here(t, selfSize(t), func(t *testing.T, s Strategy) {
		c := mustMake(t, self(t), Options{Strategy: s, Dir: t.TempDir()})
		out, err := roleOf(c.File, "said").Output()
		if s.Executable() != nil {
			if err == nil {
				t.Errorf("it ran and said %q, want it not to be executable", out)
			}
			return
		}
		if err != nil || !strings.HasPrefix(string(out), "said ") {
			t.Errorf("%v, said %q", err, out)
		}
	})
}

func self(t testing.TB) *os.File {
	t.Helper()
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func selfSize(t testing.TB) int64 {
	t.Helper()
	info, err := self(t).Stat()
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// roleOf executes a copy of the test binary by its descriptor.
func roleOf(f *os.File, role string) *exec.Cmd {
	cmd := exec.Command(procFD(3))
	cmd.ExtraFiles = []*os.File{f}
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	return cmd
}

// Catches a protection that the move of CVE-2019-5736 gets past: a process in the container keeps /proc/PID/exe of init, waits
// until nobody executes the file, and opens it for writing. And a test of that move that could not see it succeed.
func TestOverwriteThroughProc(t *testing.T) {
	here(t, selfSize(t), func(t *testing.T, s Strategy) {
		if s.Executable() != nil {
			needsNothing(t, s)
			return
		}
		path := copyOfSelf(t)
		before := sum(t, path)
		overwriteThroughProc(t, path, s)
		if untouched, protected := sum(t, path) == before, s != None; untouched != protected {
			t.Errorf("the binary is untouched: %v, want %v", untouched, protected)
		}
	})
}

// needsNothing states that nothing started from a copy means nothing for an attacker to open.
func needsNothing(t *testing.T, s Strategy) {
	t.Helper()
	if against, not := s.Protects(); against == "" || !strings.Contains(not, "executed") {
		t.Errorf("%s does not say that nothing is executed from it: %q", s, not)
	}
}

func copyOfSelf(t *testing.T) string {
	t.Helper()
	content, err := io.ReadAll(self(t))
	if err != nil {
		t.Fatal(err)
	}
	return fileOf(t, content).Name()
}

func sum(t *testing.T, path string) [sha256.Size]byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(content)
}

func overwriteThroughProc(t *testing.T, path string, s Strategy) {
	t.Helper()
	src, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	c := mustMake(t, src, Options{Strategy: s, Dir: t.TempDir()})
	cmd := roleOf(c.File, "victim")
	exe := exeOfRunning(t, cmd)
	defer exe.Close()
	for _, flags := range []int{os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC} {
		f, err := os.OpenFile(procFD(int(exe.Fd())), flags, 0)
		if err != nil {
			continue
		}
		_, _ = f.WriteString("#!/bin/evil\n") // whether it got there is seen in the file
		f.Close()
	}
}

// exeOfRunning runs cmd and returns, when it has ended, what /proc/PID/exe was.
func exeOfRunning(t *testing.T, cmd *exec.Cmd) *os.File {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Errorf("the victim said nothing: %v", err)
	}
	exe, openErr := os.Open(filepath.Join("/proc", itoa(cmd.Process.Pid), "exe"))
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if openErr != nil {
		t.Fatal(openErr)
	}
	return exe
}

// Catches contents and lengths that a strategy's arithmetic gets wrong: around pages, blocks and huge pages.
func TestCopyIsIdentical(t *testing.T) {
	here(t, 3<<20, func(t *testing.T, s Strategy) {
		rapid.Check(t, func(r *rapid.T) {
			near := rapid.SampledFrom([]int{1, 4096, 64 << 10, block, 1 << 20, 2 << 20}).Draw(r, "near")
			size := max(1, near+rapid.IntRange(-5000, 5000).Draw(r, "off"))
			pattern := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(r, "pattern")
			src := fileOf(t, bytes.Repeat(pattern, size/len(pattern)+1)[:size])
			defer src.Close()
			c, err := Make(src, Options{Strategy: s})
			if err != nil {
				r.Fatal(err)
			}
			defer c.File.Close()
			mustVerify(t, c, src)
		})
	})
}

// Catches a fallback that nobody asked for, one that is not told of, and one taken though the first choice can be had.
func TestFallback(t *testing.T) {
	src := binary(t, 100_000)
	forbidden := []call{{nr: unix.SYS_MEMFD_CREATE}}
	for _, tt := range []struct {
		fallback []Strategy
		want     Strategy
		fellBack []string
		err      string
	}{
		{fallback: nil, err: "memfd: memfd_create: operation not permitted"},
		{fallback: []Strategy{MemfdCopy}, err: "memfd: memfd_create: operation not permitted; memfd-copy: memfd_create: operation not permitted"},
		{fallback: []Strategy{MemfdCopy, Tmpfile, None}, want: Tmpfile, fellBack: []string{
			"memfd: memfd_create: operation not permitted", "memfd-copy: memfd_create: operation not permitted"}},
	} {
		c, err := makeRefused(t, unix.EPERM, forbidden, src, Options{Strategy: Memfd, Fallback: tt.fallback})
		if tt.err != "" {
			wantError(t, err, "copy "+src.Name()+": "+tt.err)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		mustVerify(t, c, src)
		if r := c.Report(); c.Strategy != tt.want || !slices.Equal(r.FellBack, tt.fellBack) || r.Strategy != tt.want ||
			r.Bytes != 100_000 || r.TookNS != int64(c.Took) {
			t.Errorf("%+v, want %s because of %q", r, tt.want, tt.fellBack)
		}
	}
	c := mustMake(t, src, Options{Strategy: Memfd, Fallback: []Strategy{Tmpfile}})
	if c.Strategy != Memfd || c.FellBack != nil {
		t.Errorf("%+v, want memfd, as nothing forbade it", c)
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

// Catches a source that cannot be copied and is, or that gives an error that does not say so.
func TestUnfitSources(t *testing.T) {
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	closed := binary(t, 10)
	closed.Close()
	for src, want := range map[*os.File]string{
		dir:              "not a regular file",
		fileOf(t, nil):   "the file is empty",
		closed:           "fstat: bad file descriptor",
		writeOnly(t, 10): "memfd: sendfile: bad file descriptor",
	} {
		_, err := Make(src, Options{Strategy: Memfd})
		wantError(t, err, "copy "+src.Name()+": "+want)
	}
	src := binary(t, 10)
	_, err = Make(src, Options{Strategy: "xerox"})
	wantError(t, err, "copy "+src.Name()+`: strategy "xerox" is not one`)
}

func writeOnly(t *testing.T, size int64) *os.File {
	t.Helper()
	f, err := os.OpenFile(binary(t, size).Name(), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// Catches a copy of half an old binary and half a new one, or one that is cut short.
func TestSourceChanges(t *testing.T) {
	f := binary(t, 300_000)
	src, err := newSource(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := src.unchanged(); err != nil {
		t.Error(err)
	}
	if err := os.Truncate(f.Name(), 299_999); err != nil {
		t.Fatal(err)
	}
	wantError(t, src.unchanged(), "the file changed while it was copied (300000 bytes before, 299999 after)")
	for _, s := range []Strategy{Memfd, MemfdCopy, MemfdMmap, Tmpfile} {
		_, _, err := makers[s](src, Options{})
		if err == nil || !strings.Contains(err.Error(), "the file ends after 299999 of its 300000 bytes") {
			t.Errorf("%s: error %v, want that the file ends early", s, err)
		}
	}
}
