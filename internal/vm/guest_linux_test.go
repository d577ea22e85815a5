package vm

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bootFake boots this test binary in the part of QEMU.
func bootFake(t *testing.T, mode string, limit time.Duration) (*Guest, error) {
	t.Helper()
	return bootFakeLogged(t, mode, limit, nil)
}

func bootFakeLogged(t *testing.T, mode string, limit time.Duration, log io.Writer) (*Guest, error) {
	t.Helper()
	return bootFakeBy(t, boot, mode, Options{Accel: TCG, BootTimeout: limit, CacheDir: t.TempDir(), Agent: staticBinary(t), Log: log})
}

func bootFakeBy(t *testing.T, boot func(context.Context, Options, QEMU, Image) (*Guest, error), mode string, o Options) (*Guest, error) {
	t.Helper()
	t.Setenv(fakeQEMU, mode)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if o, err = o.withDefaults(); err != nil {
		t.Fatal(err)
	}
	g, err := boot(t.Context(), o, QEMU{Path: self, Version: "7.2.0"}, Image{Dir: t.TempDir(), Hash: "h", Suite: Bookworm})
	if err == nil {
		t.Cleanup(g.Close)
	}
	return g, err
}

// A guest that came up answers, says what it is, and ends with Close.
func TestGuestUp(t *testing.T) {
	g, err := bootFake(t, "agent", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	want := Facts{Accelerator: TCG, Clock: Wall, QEMU: "7.2.0", Suite: Bookworm, Kernel: "6.1.0-fake", MemoryMiB: defaultMemoryMiB, CPUs: g.Facts().CPUs, Image: "h"}
	if g.Facts() != want {
		t.Errorf("facts %+v, want %+v", g.Facts(), want)
	}
	if code, _, _ := output(t, g.channel, sh("exit 5")); code != 5 {
		t.Errorf("code %d, want 5", code)
	}
	if g.Death() != nil {
		t.Errorf("dead while it lives: %v", g.Death())
	}
	g.Close()
	<-g.Died()
}

// Each way in which a boot fails must be told at once and with its reason: waiting
// for the deadline on a kernel that has oopsed is what makes people give up.
func TestBootThatFails(t *testing.T) {
	for mode, want := range map[string][]string{
		"oops":     {"its kernel said", "Oops: 0000", "RIP: 0010:text_poke"},
		"abort":    {"QEMU ended (exit status 1)", "failed to set MSR 0x10a"},
		"off":      {"powered off"},
		"stranger": {"unexpected greeting", "of old"},
	} {
		_, err := bootFake(t, mode, time.Hour)
		if err == nil {
			t.Errorf("%s: it booted", mode)
			continue
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: no %q in: %v", mode, w, err)
			}
		}
	}
}

// What is noted of a refusal of kvm, with every boot, is one short clause.
func TestRefusalIsShort(t *testing.T) {
	_, err := bootFake(t, "abort", time.Hour)
	if got := shortly(err); got != "QEMU ended (exit status 1)" {
		t.Errorf("%q of %v", got, err)
	}
}

// Catches a refusal of kvm that is told again with every boot although nothing was tried, and one that is not told when it is found.
func TestRefusalIsNotedOnce(t *testing.T) {
	dir := t.TempDir()
	device, cache := filepath.Join(dir, "kvm"), filepath.Join(dir, "cache")
	auto := func(ctx context.Context, o Options, q QEMU, img Image) (*Guest, error) {
		return startBy(ctx, device, o, q, img)
	}
	for _, c := range []struct {
		before func() error
		why    string
		noted  bool
	}{
		{func() error { return nil }, "there is no " + device, true},
		{func() error {
			kvmMemo{path: kvmMemoPath(filepath.Join(cache, "guest"), "h"), BootID: bootID(), QEMU: "7.2.0", Image: "h"}.remember("it aborted")
			return os.WriteFile(device, nil, 0o600)
		}, "it aborted", false},
	} {
		if err := errors.Join(os.MkdirAll(filepath.Join(cache, "guest"), 0o755), c.before()); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		g, err := bootFakeBy(t, auto, "agent", Options{BootTimeout: time.Minute, CacheDir: cache, Agent: staticBinary(t), Log: &log})
		if err != nil {
			t.Fatal(err)
		}
		g.Close()
		if f := g.Facts(); f.Accelerator != TCG || f.WhyNotKVM != c.why || strings.Contains(log.String(), "emulating, since "+c.why) != c.noted {
			t.Errorf("%s: %+v, noted %q", c.why, f, &log)
		}
	}
}

// A guest whose boot was not clean is no quiet place to measure in: that must be said.
func TestDegradedGuestIsNoted(t *testing.T) {
	for mode, want := range map[string]bool{"agent": false, "degraded": true} {
		var log bytes.Buffer
		g, err := bootFakeLogged(t, mode, time.Minute, &log)
		if err != nil {
			t.Fatal(err)
		}
		g.Close()
		if noted := strings.Contains(log.String(), "guest: its systemd is degraded"); noted != want {
			t.Errorf("%s: noted %v in %q", mode, noted, &log)
		}
	}
}

// A guest that hangs in its firmware ends with the deadline, and what it printed
// last is the only clue.
func TestBootThatHangs(t *testing.T) {
	_, err := bootFake(t, "mute", time.Second)
	var death *DeathError
	if !errors.As(err, &death) || !strings.Contains(err.Error(), "no answer within 1s") {
		t.Errorf("%v; want a death by deadline", err)
	}
}

// Ctrl-C during the boot is an interruption, not a failure of the guest.
func TestBootInterrupted(t *testing.T) {
	t.Setenv(fakeQEMU, "mute")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := Options{Accel: TCG, Agent: staticBinary(t)}.filled()
	_, err = boot(ctx, o, QEMU{Path: self}, Image{Dir: t.TempDir()})
	var death *DeathError
	if !errors.Is(err, context.Canceled) || errors.As(err, &death) {
		t.Errorf("%v; want only that it was cancelled", err)
	}
}

// endless is a command that lives as long as its guest. A real one takes all with
// it; of a fake one only the pipes go.
func endless(t *testing.T) Cmd {
	t.Helper()
	in, feed := io.Pipe()
	t.Cleanup(func() { _ = feed.Close() }) // of a pipe in memory
	cmd := sh("echo up; exec cat")
	cmd.Stdin = in
	return cmd
}

// A guest that dies under a command must not pass for the command's failure.
func TestGuestDiesUnderACommand(t *testing.T) {
	g, err := bootFake(t, "agent", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	cmd := endless(t)
	cmd.Stdout = &watcher{want: "up", seen: func() {
		if err := g.qemu.cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
	}}
	_, err = g.Run(t.Context(), cmd)
	var death *DeathError
	if !errors.As(err, &death) || !strings.Contains(err.Error(), "signal: killed") {
		t.Errorf("run: %v; want a death by kill", err)
	}
	if _, err := g.Run(t.Context(), sh("true")); !errors.As(err, &death) {
		t.Errorf("run afterwards: %v; want the death again", err)
	}
	if err := g.Push(t.Context(), os.Args[0], "/x", 0o755); !errors.As(err, &death) {
		t.Errorf("push afterwards: %v; want the death again", err)
	}
}

// hold serves a fake guest from a directory until the test ends.
func hold(t *testing.T, dir string) (g *Guest, stop func() error) {
	t.Helper()
	g, err := bootFake(t, "agent", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- g.Hold(ctx, dir, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatalf("hold: %v", err)
	}
	return g, func() error { cancel(); return <-ended }
}

// An attached guest is used like one's own, by many at once, and the directory is
// clean afterwards.
func TestHoldAndAttach(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "held")
	g, stop := hold(t, dir)
	a, err := Attach(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if a.Facts() != g.Facts() {
		t.Errorf("facts %+v, want %+v", a.Facts(), g.Facts())
	}
	cmd := sh("cat; exit 6")
	cmd.Stdin = bytes.NewReader(bytes.Repeat([]byte("x"), 1<<20))
	if code, stdout, _ := output(t, a.channel, cmd); code != 6 || len(stdout) != 1<<20 {
		t.Errorf("code %d, %d bytes; want 6, %d", code, len(stdout), 1<<20)
	}
	var usage *UsageError
	for _, err := range []error{g.Hold(t.Context(), dir, func() {}), CheckHold(t.Context(), dir)} {
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), "holds another guest") {
			t.Errorf("a second hold: %v; want a usage error", err)
		}
	}
	if err := stop(); err != nil {
		t.Errorf("hold ended with %v", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("left in the directory: %v, %v", left, err)
	}
	var env *EnvError
	if _, err := Attach(t.Context(), dir); !errors.As(err, &env) || !strings.Contains(env.Remedy, "--hold") {
		t.Errorf("attach to nothing: %v; want the remedy", err)
	}
}

// Where no guest can be held must be known before one is booted for it, and a
// directory that is something else must not get files of a guest between its own.
func TestCheckHold(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	for _, good := range []string{dir, other, filepath.Join(other, "deeper")} {
		if err := CheckHold(t.Context(), good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for bad, want := range map[string]string{dir: `has "other"`, other: "not a directory", strings.Repeat("/long", 30): "too long"} {
		var usage *UsageError
		if err := CheckHold(t.Context(), bad); !errors.As(err, &usage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want a usage error with %q", bad, err, want)
		}
	}
}

// Those attached learn that the guest died, and why, instead of a broken pipe.
func TestHeldGuestDies(t *testing.T) {
	dir := t.TempDir()
	g, stop := hold(t, dir)
	a, err := Attach(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	cmd := endless(t)
	cmd.Stdout = &watcher{want: "up", seen: func() { g.qemu.kill() }}
	_, err = a.Run(t.Context(), cmd)
	var death *DeathError
	if !errors.As(err, &death) || !strings.Contains(err.Error(), "QEMU ended (signal: killed)") {
		t.Errorf("run: %v; want the death", err)
	}
	if err := stop(); !errors.As(err, &death) {
		t.Errorf("hold ended with %v; want the death", err)
	}
}

// A holder that was killed leaves its socket: that is no guest, and no obstacle
// for the next one.
func TestHoldAfterAKilledHolder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{holdSocket, holdFacts, holdDeath} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Attach(t.Context(), dir); err == nil {
		t.Error("attached to a dead socket")
	}
	_, stop := hold(t, dir)
	if _, err := Attach(t.Context(), dir); err != nil {
		t.Errorf("attach: %v", err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// kill -9 of initbench leaves no chance to clean up: QEMU must end all the same.
func TestQEMUEndsWithItsHolder(t *testing.T) {
	life := filepath.Join(t.TempDir(), "life")
	if err := syscall.Mkfifo(life, 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	holder := exec.Command(self)
	holder.Env = append(os.Environ(), fakeHolder+"="+staticBinary(t), fakeQEMU+"=alive", fakeLife+"="+life)
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.Open(life)
	if err != nil {
		t.Fatal(err)
	}
	up := make([]byte, 2)
	if _, err := io.ReadFull(pipe, up); err != nil {
		t.Fatal(err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // by the kill
	// Ends when the last that has the pipe open is gone; a survivor hangs the test.
	if rest, err := io.ReadAll(pipe); err != nil || len(rest) != 0 {
		t.Errorf("%q, %v", rest, err)
	}
}
