package ociruntime

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/initbench/initbench/internal/freestanding"
	"github.com/initbench/initbench/internal/testenv"
)

func payloadOnDisk(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "payload")
	if err := WritePayload(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// Catches a payload that needs a loader, has an executable stack, or has grown:
// its pages are charged to the container.
func TestPayloadIsSmallAndStatic(t *testing.T) {
	bin, err := PayloadBinary()
	if err != nil {
		t.Fatal(err)
	}
	if len(bin) >= 16<<10 {
		t.Errorf("the payload has %d bytes", len(bin))
	}
	f, err := elf.NewFile(bytes.NewReader(bin))
	if err != nil {
		t.Fatal(err)
	}
	if f.Machine != elf.EM_X86_64 || f.Type != elf.ET_EXEC {
		t.Errorf("the payload is %v %v", f.Machine, f.Type)
	}
	for _, p := range f.Progs {
		switch {
		case p.Type == elf.PT_INTERP, p.Type == elf.PT_DYNAMIC:
			t.Errorf("the payload has a %v", p.Type)
		case p.Flags&elf.PF_W != 0 && p.Flags&elf.PF_X != 0, p.Type == elf.PT_GNU_STACK && p.Flags&elf.PF_X != 0:
			t.Errorf("%v is %v", p.Type, p.Flags)
		}
	}
}

// payloadSource is what the payload is built from, carried by the test binary: a
// guest has no source tree.
//
//go:embed payload/payload.c payload/payload_linux_amd64.from
var payloadSource embed.FS

func readSource(t *testing.T, name string) []byte {
	t.Helper()
	data, err := payloadSource.ReadFile("payload/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// payloadOrigin takes apart payload_linux_amd64.from.
func payloadOrigin(data []byte) map[string]string {
	origin := map[string]string{}
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		origin[key] = value
	}
	return origin
}

func hexSum(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Catches, on any machine and without a compiler, a source edited without go
// generate, and a binary that was not built from it.
func TestPayloadMatchesItsSource(t *testing.T) {
	origin := payloadOrigin(readSource(t, "payload_linux_amd64.from"))
	if got := hexSum(readSource(t, "payload.c"), freestanding.Script); got != origin["source"] {
		t.Errorf("payload.c and build.sh have SHA-256 %s, the binary was built from %s: run go generate", got, origin["source"])
	}
	if got := hexSum(payloadELF); got != origin["binary"] {
		t.Errorf("the binary has SHA-256 %s, built was %s: run go generate", got, origin["binary"])
	}
}

// Catches a binary that does not come out of its source. Byte for byte where the
// tools are those that made it; with others, the build must still behave.
func TestPayloadRebuilds(t *testing.T) {
	testenv.Require(t, testenv.Compiler)
	out := filepath.Join(t.TempDir(), "payload")
	if msg, err := exec.Command("sh", "../freestanding/build.sh", "payload/payload", out).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	built, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	from, err := os.ReadFile(out + ".from")
	if err != nil {
		t.Fatal(err)
	}
	then, now := payloadOrigin(readSource(t, "payload_linux_amd64.from")), payloadOrigin(from)
	if same := then["cc"] == now["cc"] && then["ld"] == now["ld"]; same && !bytes.Equal(built, payloadELF) {
		t.Errorf("%s builds %s, committed is %s: run go generate", now["cc"], now["binary"], then["binary"])
	}
	for _, c := range payloadCases(t.TempDir()) {
		c.check(t, out)
	}
}

// payloadCase is one run of the payload that ends by itself.
type payloadCase struct {
	args []string
	code int
	// says is all of stdout, with NS for the time.
	says string
}

func payloadCases(dir string) []payloadCase {
	stamp := "initbench-stamp n0 NS\n"
	long := strings.Repeat("f", 64)
	return []payloadCase{
		{[]string{"n0"}, 0, stamp},
		{[]string{long}, 0, "initbench-stamp " + long + " NS\n"},
		{[]string{"n0", "exit", "0"}, 0, stamp},
		{[]string{"n0", "exit", "99"}, 99, stamp},
		{[]string{"n0", "anon", "1", "exit", "7"}, 7, stamp},
		{[]string{"n0", "shmem", "4097", "anon", "1048576"}, 0, stamp},
		{[]string{"n0", "file", filepath.Join(dir, "new"), "65537"}, 0, stamp},
		{[]string{"n0", "enumerate", "0", "8", "eager"}, 0, stamp},
		{[]string{"n0", "enumerate", "10", "4096", "eager", "exit", "5"}, 5, stamp},
		{[]string{"n0", "enumerate", "16", "81", "eager"}, 0, stamp}, // in several arenas, which it does not fill
		{[]string{"n0", "enumerate", "64", "80", "lazy", "enumerate", "0", "8", "lazy", "exit", "6"}, 6, stamp},
		{[]string{"n0", "enumerate", "65", "80", "lazy"}, 100, stamp},
		{[]string{"n0", "enumerate", "4", "7", "lazy"}, 100, stamp},
		{[]string{"n0", "enumerate", "4", "4097", "lazy"}, 100, stamp},
		{[]string{"n0", "enumerate", "4", "80", "later"}, 100, stamp},
		{[]string{"n0", "enumerate", "4", "80"}, 100, stamp},
		{[]string{"n0", "enumerate", "4"}, 100, stamp},
		{[]string{"n0", "hold", "exit", "3"}, 3, stamp + HeldLine}, // stdin is at its end
		{nil, 100, ""},
		{[]string{""}, 100, ""},
		{[]string{long + "f"}, 100, ""},
		{[]string{"n0", "dance"}, 100, stamp},
		{[]string{"n0", "anon"}, 100, stamp},
		{[]string{"n0", "anon", ""}, 100, stamp},
		{[]string{"n0", "anon", "1k"}, 100, stamp},
		{[]string{"n0", "anon", "-1"}, 100, stamp},
		{[]string{"n0", "anon", "18446744073709551617"}, 100, stamp},
		{[]string{"n0", "exit"}, 100, stamp},
		{[]string{"n0", "exit", "100"}, 100, stamp},
		{[]string{"n0", "file"}, 100, stamp},
		{[]string{"n0", "file", filepath.Join(dir, "x")}, 100, stamp},
		{[]string{"n0", "anon", "4611686018427387904"}, 103, stamp},
		{[]string{"n0", "shmem", "4611686018427387904"}, 104, stamp},
		{[]string{"n0", "file", filepath.Join(dir, "no", "dir"), "1"}, 105, stamp},
		{[]string{"n0", "file", filepath.Join(dir, "new"), "1"}, 105, stamp}, // made above, and not to be overwritten
	}
}

// check runs the payload and takes its stamp to be between two readings of the same clock.
func (c payloadCase) check(t *testing.T, path string) {
	t.Helper()
	before := monotonicNow(t)
	out, err := exec.Command(path, c.args...).Output()
	after := monotonicNow(t)
	if code := exitCode(t, err); code != c.code {
		t.Errorf("%q: exit code %d, want %d", c.args, code, c.code)
	}
	says := string(out)
	if len(c.args) > 0 && c.says != "" {
		ns, err := ScanStamp(bufio.NewReader(bytes.NewReader(out)), c.args[0])
		if err != nil || ns < before || ns > after {
			t.Errorf("%q: stamp %d, %v; want one between %d and %d", c.args, ns, err, before, after)
		}
		says = strings.Replace(says, " "+strconv.FormatInt(ns, 10)+"\n", " NS\n", 1)
	}
	if says != c.says {
		t.Errorf("%q: says %q, want %q", c.args, says, c.says)
	}
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	exit, isExit := err.(*exec.ExitError)
	if !isExit {
		t.Fatal(err)
	}
	return exit.ExitCode()
}

// Catches a payload that does something else than its arguments say, or exits as if it had.
func TestPayloadDoesAsTold(t *testing.T) {
	path := payloadOnDisk(t)
	dir := t.TempDir()
	for _, c := range payloadCases(dir) {
		c.check(t, path)
	}
	data, err := os.ReadFile(filepath.Join(dir, "new"))
	if err != nil || len(data) != 65537 || bytes.ContainsFunc(data, func(r rune) bool { return r != 0 }) {
		t.Errorf("the file holds %d bytes, %v; want 65537 zeros", len(data), err)
	}
}

// Catches a stamp that was not written passing for one that was.
func TestPayloadStampFails(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = full.Close() }() // nothing was written
	cmd := exec.Command(payloadOnDisk(t), "n0")
	cmd.Stdout = full
	if code := exitCode(t, cmd.Run()); code != 102 {
		t.Errorf("exit code %d, want 102", code)
	}
}

// Catches a hold that takes a broken stdin for the end of the trial.
func TestPayloadHoldFails(t *testing.T) {
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }() // nothing was written
	cmd := exec.Command(payloadOnDisk(t), "n0", "hold")
	cmd.Stdin = dir // read(2) says EISDIR
	if code := exitCode(t, cmd.Run()); code != 108 {
		t.Errorf("exit code %d, want 108", code)
	}
}

// Catches memory that is mapped and never touched, or that is of another kind, an enumeration whose
// memory is not that of its records, or grows with the subnets when it is lazy, and a payload that does not hold, or does not stop holding.
func TestPayloadTouchesAndHolds(t *testing.T) {
	const size, slack = 8 << 20, 64 << 10
	path := payloadOnDisk(t)
	for _, c := range []struct {
		payload     Payload
		anon, shmem int64
	}{
		{Payload{}, 0, 0},
		{Payload{AnonBytes: size}, size, 0},
		{Payload{ShmemBytes: size}, 0, size},
		{Payload{AnonBytes: size, ShmemBytes: size, ExitCode: 9}, size, size},
		{Payload{Enumerate: Enumeration{17, 64, Eager}}, size, 0},
		{Payload{Enumerate: Enumeration{4, 64, Lazy}}, 0, 0},
		{Payload{Enumerate: Enumeration{64, 64, Lazy}}, 0, 0}, // as flat as with 2^4
	} {
		c.payload.Nonce, c.payload.Hold = NewNonce(), true
		held := startHeld(t, path, c.payload)
		anon, shmem := held.resident(t, "Pss_Anon"), held.resident(t, "Pss_Shmem")
		if anon < c.anon || anon > c.anon+slack || shmem < c.shmem || shmem > c.shmem+slack {
			t.Errorf("%+v: %d bytes anonymous and %d shmem; want %d and %d", c.payload, anon, shmem, c.anon, c.shmem)
		}
		if code := held.release(t); code != c.payload.ExitCode {
			t.Errorf("%+v: exit code %d", c.payload, code)
		}
	}
}

// heldPayload is a payload that said it holds.
type heldPayload struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
}

func startHeld(t *testing.T, path string, p Payload) heldPayload {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, p.Args()...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(stdout)
	if _, err := ScanStamp(out, p.Nonce); err != nil {
		t.Fatal(err)
	}
	if err := WaitHeld(out); err != nil {
		t.Fatal(err)
	}
	return heldPayload{cmd: cmd, stdin: stdin}
}

// resident reads a kB line of /proc/PID/smaps_rollup, in bytes. It walks the page
// tables; the counters in /proc/PID/status run up to 64 pages behind before Linux 6.2.
func (h heldPayload) resident(t *testing.T, key string) int64 {
	t.Helper()
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", h.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(rollup)) {
		var kb int64
		if n, err := fmt.Sscanf(line, key+": %d kB", &kb); n == 1 && err == nil {
			return kb << 10
		}
	}
	t.Fatalf("no %s in %s", key, rollup)
	return 0
}

// release writes something first, which is no reason to stop holding.
func (h heldPayload) release(t *testing.T) int {
	t.Helper()
	if _, err := io.WriteString(h.stdin, "not yet\n"); err != nil {
		t.Error(err)
	}
	if err := h.stdin.Close(); err != nil {
		t.Error(err)
	}
	return exitCode(t, h.cmd.Wait())
}

// Catches a failure of the payload that is reported as a code it was told to
// exit with: payload.c and payload.go must agree on all of them.
func TestPayloadFailureNamesAll(t *testing.T) {
	_, rest, _ := strings.Cut(string(readSource(t, "payload.c")), "FAIL_USAGE = 100,")
	list, _, _ := strings.Cut(rest, "}")
	last := 100 + strings.Count(list, "FAIL_")
	for code := range 256 {
		what, failed := PayloadFailure(code)
		if want := code >= 100 && code <= last; failed != want || (what != "") != want {
			t.Errorf("PayloadFailure(%d) = %q, %v; payload.c has 100 to %d", code, what, failed, last)
		}
	}
}
