package idle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/initbench/initbench/internal/freestanding"
	"github.com/initbench/initbench/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func open(t *testing.T) *Program {
	t.Helper()
	p, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// Catches a process with other threads than asked for, one that does something, and one that stays.
func TestHold(t *testing.T) {
	program := open(t)
	for _, threads := range []int{1, 2, 300} {
		p, err := program.Hold(threads)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(p.Cmd.Start(), p.Ready(t.Context())); err != nil {
			t.Fatal(err)
		}
		list, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.Pid()))
		if err != nil || len(list) != threads {
			t.Errorf("%d threads (%v), want %d", len(list), err, threads)
		}
		comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", p.Pid()))
		if err != nil || string(comm) != "initbench-idle\n" {
			t.Errorf("called %q, %v", comm, err)
		}
		for range 2 { // the second time it is over
			if moves, err := p.End(); err != nil || moves != 0 {
				t.Errorf("end: %d moves, %v", moves, err)
			}
		}
		if p.Cmd.ProcessState == nil {
			t.Error("it did not end")
		}
	}
}

// Catches a mover that says it is ready before it was everywhere, or does not count; a plain file stands for a
// cgroup.procs, and what is written to it shows.
func TestMove(t *testing.T) {
	var dirs []string
	for range 3 {
		dir := t.TempDir()
		if err := os.WriteFile(dir+"/cgroup.procs", nil, 0o644); err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, dir)
	}
	p, err := open(t).Move(dirs)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Cmd.Start(), p.Ready(t.Context())); err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		if b, err := os.ReadFile(dir + "/cgroup.procs"); err != nil || len(b) == 0 {
			t.Errorf("ready before it was in %s: %v", dir, err)
		}
	}
	moves, err := p.End()
	if err != nil {
		t.Fatal(err)
	}
	written := int64(0)
	for _, dir := range dirs {
		b, err := os.ReadFile(dir + "/cgroup.procs")
		if err != nil || len(bytes.Trim(b, "0")) > 0 {
			t.Errorf("wrote %q, %v", bytes.Trim(b, "0"), err)
		}
		written += int64(len(b))
	}
	if moves < 3 || moves != written {
		t.Errorf("says it moved %d times, and wrote %d times", moves, written)
	}
}

// Catches a process that cannot do its work and is believed, and what is left of one that was never started.
func TestFails(t *testing.T) {
	program := open(t)
	p, err := program.Move([]string{"/no/such"})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := p.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "could not open a cgroup.procs") {
		t.Errorf("no such cgroup: %v", err)
	}
	for _, n := range []int{0, -1, MaxThreads + 1} {
		if _, err := program.Hold(n); err == nil {
			t.Errorf("%d threads: want an error", n)
		}
	}
	for _, n := range []int{0, MaxFiles + 1} {
		if _, err := program.Move(make([]string, n)); err == nil {
			t.Errorf("%d cgroups: want an error", n)
		}
	}
	if p, err = program.Hold(1); err != nil {
		t.Fatal(err)
	}
	if _, err := p.End(); err != nil { // never started; the descriptors are what TestMain looks for
		t.Error(err)
	}
	if p, err = program.Hold(1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p.Cmd.Path, p.Cmd.Args = "/bin/cat", []string{"cat"} // says nothing
	if err := p.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := p.Ready(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
}

// Catches an exit code of idle.c that nothing names, and a limit that the two disagree on.
func TestSourceAgrees(t *testing.T) {
	source := string(read(t, "idle.c"))
	_, rest, _ := strings.Cut(source, "FAIL_USAGE = 100,")
	list, _, _ := strings.Cut(rest, "}")
	if n := 1 + strings.Count(list, "FAIL_"); n != len(failures) {
		t.Errorf("idle.c has %d failures, %d are named", n, len(failures))
	}
	for code := range len(failures) {
		if failures[100+code] == "" {
			t.Errorf("%d is not named", 100+code)
		}
	}
	if want := fmt.Sprintf("MAX_THREADS = %d, MAX_FILES = %d ", MaxThreads, MaxFiles); !strings.Contains(source, want) {
		t.Errorf("idle.c has not %q", want)
	}
}

// sources is what the program is built from, carried by the test binary: a guest has no source tree.
//
//go:embed program/idle.c program/idle_linux_amd64.from
var sources embed.FS

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := sources.ReadFile("program/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sum(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Catches, without a compiler, a source edited without go generate, and a binary that was not built from it.
func TestProgramMatchesItsSource(t *testing.T) {
	from := string(read(t, "idle_linux_amd64.from"))
	for _, want := range []string{"source " + sum(read(t, "idle.c"), freestanding.Script), "binary " + sum(program)} {
		if !strings.Contains(from, want+"\n") {
			t.Errorf("built from something else than %q: run go generate:\n%s", want, from)
		}
	}
}

// Catches a binary that does not come out of its source. With other tools than made it the bytes may differ,
// and what they do is for the tests above.
func TestProgramRebuilds(t *testing.T) {
	testenv.Require(t, testenv.Compiler)
	out := filepath.Join(t.TempDir(), "idle")
	if said, err := exec.Command("sh", "../../internal/freestanding/build.sh", "program/idle", out).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	from, err := os.ReadFile(out + ".from")
	if err != nil {
		t.Fatal(err)
	}
	built, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if tools(from) == tools(read(t, "idle_linux_amd64.from")) && !bytes.Equal(built, program) {
		t.Errorf("the same tools build another program: run go generate")
	}
}

// tools are the lines of a .from file that name compiler and linker.
func tools(from []byte) string {
	var lines []string
	for line := range strings.Lines(string(from)) {
		if strings.HasPrefix(line, "cc ") || strings.HasPrefix(line, "ld ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}
