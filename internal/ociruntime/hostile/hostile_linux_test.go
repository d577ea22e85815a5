package hostile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// misbehaver is one hostile runtime with a place to keep its state.
type misbehaver struct {
	t        *testing.T
	path     string
	dir      string
	pidFile  string
	out, err bytes.Buffer
}

// written writes the runtime and sees to it that whatever escapes it is adopted and ended.
func written(t *testing.T, kind Kind) *misbehaver {
	t.Helper()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path, err := Write(dir, kind)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { endChildren(t) })
	return &misbehaver{t: t, path: path, dir: dir, pidFile: filepath.Join(dir, "pidfile")}
}

// children lists the processes whose parent this is.
func children(t *testing.T) []int {
	t.Helper()
	files, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, f := range files {
		data, err := os.ReadFile(f)
		if errors.Is(err, os.ErrNotExist) {
			continue // the thread has ended
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range strings.Fields(string(data)) {
			pid, err := strconv.Atoi(word)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

// endChildren ends what was adopted until the last one's children have come up as well.
func endChildren(t *testing.T) {
	t.Helper()
	for pids := children(t); len(pids) > 0; pids = children(t) {
		for _, pid := range pids {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if _, err := testenv.Wait(pid); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// command is the runtime's command line for a verb, as package ociruntime writes it.
func (m *misbehaver) command(verb string) *exec.Cmd {
	args := []string{"--root", filepath.Join(m.dir, "state"), "--systemd-cgroup", verb}
	if verb == "create" {
		args = append(args, "--bundle", m.dir, "--pid-file", m.pidFile)
	}
	return exec.Command(m.path, append(args, "trial-0")...)
}

// run runs a verb to its end and returns the exit code. Output goes to files, which end with nobody.
func (m *misbehaver) run(verb string) int {
	m.t.Helper()
	return m.finish(m.command(verb))
}

func (m *misbehaver) finish(cmd *exec.Cmd) int {
	m.t.Helper()
	stdout, stderr := filepath.Join(m.dir, "stdout"), filepath.Join(m.dir, "stderr")
	for path, field := range map[string]*io.Writer{stdout: &cmd.Stdout, stderr: &cmd.Stderr} {
		f, err := os.Create(path)
		if err != nil {
			m.t.Fatal(err)
		}
		defer func() { _ = f.Close() }() // the runtime writes to it, not we
		*field = f
	}
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		m.t.Fatal(err)
	}
	m.out, m.err = m.read(stdout), m.read(stderr)
	return cmd.ProcessState.ExitCode()
}

func (m *misbehaver) read(path string) (buf bytes.Buffer) {
	m.t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		m.t.Fatal(err)
	}
	buf.Write(data)
	return buf
}

func (m *misbehaver) expect(verb string, code int) {
	m.t.Helper()
	if got := m.run(verb); got != code {
		m.t.Errorf("%s: exit code %d, want %d; stderr %.200q", verb, got, code, m.err.String())
	}
}

// Catches a script that fails to parse, or does not answer to what every harmless runtime answers.
func TestEveryKindIsARuntime(t *testing.T) {
	for _, kind := range Kinds() {
		m := written(t, kind)
		if msg, err := exec.Command("sh", "-n", m.path).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", kind, err, msg)
		}
		m.expect("kill", 0)
		m.expect("state", 0)
		if strings.HasPrefix(string(kind), "version-") {
			continue
		}
		if code := m.finish(exec.Command(m.path, "--version")); code != 0 || m.out.String() != "hostile version 1.0.0\n" {
			t.Errorf("%s --version: exit code %d, %q", kind, code, m.out.String())
		}
	}
	if len(Kinds()) != len(behaviour) {
		t.Errorf("%d kinds are listed, %d behave", len(Kinds()), len(behaviour))
	}
	if path, err := Write(t.TempDir(), "kind"); err == nil {
		t.Errorf("an unknown kind is written to %s", path)
	}
}

// Catches a hanging runtime that a SIGTERM ends, so that nobody's SIGKILL is tested.
func TestHangIsDeaf(t *testing.T) {
	for kind, verbs := range map[Kind][]string{Hang: {"create"}, HangStart: {"create", "start"}} {
		m := written(t, kind)
		for _, verb := range verbs[:len(verbs)-1] {
			m.expect(verb, 0)
		}
		cmd := m.command(verbs[len(verbs)-1])
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		awaitIgnored(t, cmd.Process.Pid)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Errorf("%s: ended by itself", kind)
		}
	}
}

// awaitIgnored returns once the process ignores SIGHUP, SIGINT and SIGTERM. That
// it will is the script's first act; the kernel tells nobody when.
func awaitIgnored(t *testing.T, pid int) {
	t.Helper()
	const deaf = 1<<(unix.SIGHUP-1) | 1<<(unix.SIGINT-1) | 1<<(unix.SIGTERM-1)
	for {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, found := strings.Cut(string(data), "SigIgn:\t")
		if !found {
			t.Fatalf("process %d has ended:\n%s", pid, data)
		}
		word, _, _ := strings.Cut(rest, "\n")
		mask, err := strconv.ParseUint(word, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		if mask&deaf == deaf {
			return
		}
	}
}

// Catches an escaped process that is still in the runtime's session, which a signal
// to the group would find, or that keeps no pipe open when it should.
func TestForkAway(t *testing.T) {
	for kind, holds := range map[Kind]bool{ForkAway: false, ForkAwayHolding: true} {
		m := written(t, kind)
		m.expect("create", 0)
		pids := children(t)
		if len(pids) != 1 {
			t.Errorf("%s: left %v", kind, pids)
			continue
		}
		awaitIgnored(t, pids[0])
		if sid, err := unix.Getsid(pids[0]); err != nil || sid != pids[0] {
			t.Errorf("%s: session %d of process %d, %v", kind, sid, pids[0], err)
		}
		link, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/1", pids[0]))
		if err != nil || (link == filepath.Join(m.dir, "stdout")) != holds {
			t.Errorf("%s: its stdout is %s, %v", kind, link, err)
		}
		if _, err := os.Stat(m.pidFile); err == nil {
			t.Errorf("%s: wrote a pid file", kind)
		}
		endChildren(t)
	}
}

// Catches output that is no flood.
func TestFloods(t *testing.T) {
	const flood = 8 << 20
	m := written(t, Flood)
	m.expect("create", 1)
	if m.out.Len() != flood || m.err.Len() != flood || bytes.ContainsRune(m.out.Bytes(), '\n') {
		t.Errorf("create wrote %d and %d bytes", m.out.Len(), m.err.Len())
	}
	m = written(t, VersionFlood)
	if code := m.finish(exec.Command(m.path, "--version")); code != 0 || m.out.Len() != flood {
		t.Errorf("--version: exit code %d, %d bytes", code, m.out.Len())
	}
}

// Catches a lie that is not told: exit codes, messages and pid files are the whole point of these.
func TestLiars(t *testing.T) {
	for kind, want := range map[Kind]struct {
		code    int
		message string
		pidFile string // what it holds; "-" for none
	}{
		Silent:     {0, "", "-"},
		Fail:       {1, "cannot create trial-0", "-"},
		ForeignPID: {0, "", "1"},
		GarbagePID: {0, "", "not a pid\x1b[2J"},
	} {
		m := written(t, kind)
		m.expect("create", want.code)
		if !strings.Contains(m.err.String(), want.message) || m.out.Len() > 0 {
			t.Errorf("%s: said %q and %q", kind, m.out.String(), m.err.String())
		}
		data, err := os.ReadFile(m.pidFile)
		if (want.pidFile == "-") != errors.Is(err, os.ErrNotExist) || (err == nil && string(data) != want.pidFile) {
			t.Errorf("%s: pid file %q, %v", kind, data, err)
		}
		if pids := children(t); len(pids) > 0 {
			t.Errorf("%s: left %v", kind, pids)
		}
	}
	m := written(t, FifoPID)
	m.expect("create", 0)
	if info, err := os.Lstat(m.pidFile); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("fifo-pid: %v, %v", info, err)
	}
	m = written(t, VersionFails)
	if code := m.finish(exec.Command(m.path, "--version")); code != 1 || m.err.Len() == 0 {
		t.Errorf("version-fails: exit code %d, said %q", code, m.err.String())
	}
}

// Catches an init that survives start, or that had gone before it.
func TestStartKillsInit(t *testing.T) {
	for kind, says := range map[Kind]string{KillAtStart: "", FakeStamp: "initbench-stamp 0000000000000000 1\n"} {
		m := written(t, kind)
		stdout, err := os.Create(filepath.Join(m.dir, "init"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = stdout.Close() }() // the runtime writes to it, not we
		create := m.command("create")
		create.Stdout = stdout
		if err := create.Run(); err != nil {
			t.Fatal(err)
		}
		pid := m.read(m.pidFile)
		if pids := children(t); len(pids) != 1 || strconv.Itoa(pids[0]) != pid.String() {
			t.Fatalf("%s: left %v, the pid file holds %s", kind, pids, pid.String())
		}
		m.expect("start", 0)
		if status, err := testenv.Wait(children(t)[0]); err != nil || status.Signal() != unix.SIGKILL {
			t.Errorf("%s: init ended with %v, %v; want SIGKILL", kind, status, err)
		}
		if out := m.read(stdout.Name()); out.String() != says {
			t.Errorf("%s: init's stdout holds %q, want %q", kind, out.String(), says)
		}
	}
}

// Catches a delete that works after all.
func TestDeleteFails(t *testing.T) {
	m := written(t, DeleteFails)
	m.expect("create", 0)
	m.expect("delete", 1)
	if pids := children(t); len(pids) != 1 {
		t.Errorf("left %v, want init", pids)
	}
}
