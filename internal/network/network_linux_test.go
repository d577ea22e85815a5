package network

import (
	"bufio"
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/freestanding"
	"github.com/initbench/initbench/internal/journal"
	"github.com/initbench/initbench/internal/pool"
	"github.com/initbench/initbench/internal/testenv"
)

// harness is the variable that has this binary make a network below a directory and attach containers until it is killed.
const harness = "INITBENCH_TEST_NETWORK_HARNESS"

func TestMain(m *testing.M) {
	if base := os.Getenv(harness); base != "" {
		fmt.Fprintln(os.Stderr, attachForEver(base))
		os.Exit(1)
	}
	testenv.Main(m)
}

func attachForEver(base string) error {
	j, err := journal.Open(base, "run")
	if err != nil {
		return err
	}
	c, err := config(base, func(name string) error { return j.Intend(journal.Entry{Scope: "run", Kind: Kind, Name: name}) })
	if err != nil {
		return err
	}
	fmt.Println("intends")
	n, err := Make(c)
	for i := 0; err == nil; i++ {
		fmt.Println("attaches", i)
		_, err = n.Attach(context.Background(), fmt.Sprintf("c%d", i))
	}
	return err
}

func now() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err)
	}
	return t.Nano()
}

// config has an IPv4 pool beside that of the incident, as it should have been.
func config(base string, intend func(string) error) (Config, error) {
	pools, err := pool.ParseChecked("pools", []byte(`[{"base":"10.88.0.0/16","size":24},{"base":"fd0d:0ce5::/48","size":64}]`))
	return Config{Base: base, Pools: pools, Intend: intend, Now: now}, err
}

// guest ends a test that would make bridges on somebody's own machine.
func guest(t *testing.T) {
	t.Helper()
	testenv.Require(t, testenv.Root, testenv.Systemd, testenv.CgroupV2, testenv.File(filepath.Join(DefaultPlugins, "bridge")), testenv.Command("ip"))
}

func makeNetwork(t *testing.T, base string) *Network {
	t.Helper()
	c, err := config(base, func(string) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	n, err := Make(c)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// remains asks others than the package under test: ip, and the directories.
func remains(t *testing.T, base string) []string {
	t.Helper()
	left := regexp.MustCompile(`(ib[0-9a-f]{8}|veth[0-9a-f]+)\b`).FindAllString(output(t, "ip", "-o", "link"), -1)
	for _, pattern := range []string{filepath.Join(netnsDir, "ib*"), filepath.Join(base, "net", "*"), filepath.Join(base, "pools", "*-*", "*")} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, files...)
	}
	return left
}

func nothingRemains(t *testing.T, base string) {
	t.Helper()
	if left := remains(t, base); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if leaks, err := Leaks(base); err != nil || len(leaks) > 0 {
		t.Errorf("Leaks: %v, %v", leaks, err)
	}
}

// forwarding is what a gateway would have changed on the machine.
func forwarding(t *testing.T) string {
	t.Helper()
	v4, err4 := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
	v6, err6 := os.ReadFile("/proc/sys/net/ipv6/conf/all/forwarding")
	if err := errors.Join(err4, err6); err != nil {
		t.Fatal(err)
	}
	return string(v4) + string(v6)
}

// Catches two containers with one address, addresses outside of the pool's subnet or that are not in the container, steps without
// time or memory, and anything that a run leaves when it ends as it should. Fifty at once are the runner's test.
func TestContainers(t *testing.T) {
	guest(t)
	const containers = 4
	base, before := t.TempDir(), forwarding(t)
	n := makeNetwork(t, base)
	seen := map[netip.Addr]string{}
	for i := range containers {
		c := fmt.Sprintf("c%d", i)
		a, err := n.Attach(t.Context(), c)
		if err != nil {
			t.Fatal(errors.Join(err, n.Remove()))
		}
		if len(a.Addresses) != 2 || !a.Addresses[0].Addr().Is4() || !a.Addresses[1].Addr().Is6() {
			t.Errorf("%s has %v, want an address of each pool", c, a.Addresses)
		}
		for k, p := range a.Addresses {
			if other := seen[p.Addr()]; other != "" || !n.Subnets[k].Contains(p.Addr()) {
				t.Errorf("%s has %v, as has %q; the subnet is %v", c, p, other, n.Subnets[k])
			}
			seen[p.Addr()] = c
		}
		if i == 0 {
			inside := output(t, "ip", "-n", filepath.Base(a.NetNS), "-o", "addr")
			for _, want := range []string{a.Addresses[0].String(), a.Addresses[1].String(), "127.0.0.1/8"} {
				if !strings.Contains(inside, want) {
					t.Errorf("%s has no %s:\n%s", c, want, inside)
				}
			}
			checkSteps(t, a.Steps, MakeNetNS, AddLoopback, AddBridge)
		}
	}
	if len(seen) != 2*containers {
		t.Errorf("%d addresses, want %d", len(seen), 2*containers)
	}
	t.Logf("%d containers: %d addresses in %v", containers, len(seen), n.Subnets)
	for i := range containers {
		steps, err := n.Detach(t.Context(), fmt.Sprintf("c%d", i))
		if err != nil {
			t.Error(err)
		}
		if i == 0 {
			checkSteps(t, steps, DelBridge, DelLoopback, RemoveNetNS)
		}
	}
	if leaks, err := addressLeases(base); err != nil || len(leaks) > 0 {
		t.Errorf("after all were detached host-local has %v, %v", leaks, err)
	}
	if err := n.Remove(); err != nil {
		t.Error(err)
	}
	nothingRemains(t, base)
	if after := forwarding(t); after != before {
		t.Errorf("forwarding was %q, is %q", before, after)
	}
}

func checkSteps(t *testing.T, steps []Step, want ...StepName) {
	t.Helper()
	var names []StepName
	last := int64(1)
	for _, s := range steps {
		names = append(names, s.Name)
		if s.StartNS < last || s.EndNS < s.StartNS {
			t.Errorf("%+v begins before the one before it ended, at %d", s, last)
		}
		last = s.EndNS
		// A program of Go has some MiB; were KiB taken for bytes it would have as many KiB.
		plugin := s.Name != MakeNetNS && s.Name != RemoveNetNS
		if peak := s.MaxRSSBytes; plugin != (peak > 1<<20) || peak > 1<<30 {
			t.Errorf("%+v has a peak of %d bytes", s, peak)
		}
		t.Logf("%+v", s)
	}
	if !slices.Equal(names, want) {
		t.Errorf("steps are %v, want %v", names, want)
	}
}

// Catches an address that is freed by an event which does not come: the container is stopped, its namespace is gone, or was never
// there, and only later it is deleted; twice.
func TestStopThenDelete(t *testing.T) {
	guest(t)
	base := t.TempDir()
	n := makeNetwork(t, base)
	for name, stop := range map[string]func(netns string) error{
		"stopped":      func(string) error { return nil },
		"netns-gone":   removeNetNS,
		"file-remains": func(path string) error { return unix.Unmount(path, unix.MNT_DETACH) },
	} {
		a, err := n.Attach(t.Context(), name)
		if err != nil {
			t.Fatal(errors.Join(err, n.Remove()))
		}
		process := exec.CommandContext(t.Context(), "nsenter", "--net="+a.NetNS, "cat")
		in, err := process.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		if err := in.Close(); err != nil { // it ends
			t.Error(err)
		}
		if err := process.Wait(); err != nil {
			t.Error(err)
		}
		if err := stop(a.NetNS); err != nil {
			t.Error(err)
		}
		if leaks, err := addressLeases(base); err != nil || len(leaks) != 2 {
			t.Errorf("%s: host-local has %v, %v; want what the stopped container had", name, leaks, err)
		}
		for range 2 {
			if _, err := n.Detach(t.Context(), name); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if leaks, err := addressLeases(base); err != nil || len(leaks) > 0 {
			t.Errorf("%s: host-local has %v, %v", name, leaks, err)
		}
	}
	if _, err := n.Detach(t.Context(), "never"); err != nil {
		t.Error(err)
	}
	if err := n.Remove(); err != nil {
		t.Error(err)
	}
	nothingRemains(t, base)
}

// Catches anything that a killed harness leaves for ever, or that its journal does not name; also
// where it is killed while a plugin works, and while a process of the container lives on.
func TestKilledIsCleaned(t *testing.T) {
	guest(t)
	for lines := 1; lines <= 5; lines++ {
		base := t.TempDir()
		killAfter(t, base, lines)
		leaks, err := Leaks(base)
		if err != nil {
			t.Fatal(err)
		}
		found, err := journal.Find(base)
		if err != nil || len(found) != 1 {
			t.Fatalf("journals: %v, %v", found, err)
		}
		for _, l := range leaks {
			if !slices.ContainsFunc(found[0].Entries, func(e journal.Entry) bool { return e.Kind == Kind && e.Name == l.Network }) {
				t.Errorf("after %d lines: %v of %s is not in the journal: %v", lines, l, l.Network, found[0].Entries)
			}
		}
		if lines > 2 && len(leaks) == 0 {
			t.Errorf("after %d lines there is nothing to clean", lines)
		}
		cleaned, err := Clean(t.Context(), base)
		if err != nil {
			t.Error(err)
		}
		t.Logf("killed after %d lines: %d things cleaned", lines, len(cleaned))
		nothingRemains(t, base)
		if again, err := Clean(t.Context(), base); err != nil || len(again) > 0 {
			t.Errorf("a second Clean: %v, %v", again, err)
		}
	}
}

func killAfter(t *testing.T, base string, lines int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), harness+"="+base)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	for range lines {
		if !said.Scan() {
			t.Fatalf("the harness ended: %v", cmd.Wait())
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // it was killed
}

// Catches a network that is made before it is named, and one whose plugins are not there that is made all the same.
func TestMakeRefuses(t *testing.T) {
	base := t.TempDir()
	c, err := config(base, func(string) error { return errors.New("the journal is full") })
	if err != nil {
		t.Fatal(err)
	}
	c.Plugins = t.TempDir()
	if _, err := Make(c); err == nil || !strings.Contains(err.Error(), "[bridge host-local loopback]") {
		t.Errorf("without plugins: %v", err)
	}
	for _, name := range Plugins {
		if err := os.WriteFile(filepath.Join(c.Plugins, name), []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Make(c); err == nil || !strings.Contains(err.Error(), "the journal is full") {
		t.Errorf("without a journal: %v", err)
	}
	if left, err := os.ReadDir(base); err != nil || len(left) > 0 {
		t.Errorf("made %v, %v", left, err)
	}
}

// Catches a clean that removes while a plugin still makes, one that waits for ever for a plugin that hangs, and one that says it had the lock.
func TestLockWithin(t *testing.T) {
	path := filepath.Join(t.TempDir(), lockFile)
	if lock, err := lockWithin(t.Context(), path); lock.file != nil || lock.held || err != nil {
		t.Errorf("without a lock: %v, %v", lock, err)
	}
	dead, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(dead.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	plugin := exec.Command("cat") // has the descriptor, and with it the lock
	plugin.ExtraFiles = []*os.File{dead}
	in, err := plugin.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := plugin.Start(); err != nil {
		t.Fatal(err)
	}
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	other, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(other.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
		t.Errorf("the plugin does not have the lock: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	lock, err := lockWithin(ctx, path)
	if lock.file == nil || lock.held || err != nil {
		t.Errorf("a plugin that hangs: %v, %v", lock, err)
	}
	if err := errors.Join(lock.close(), in.Close(), plugin.Wait(), other.Close()); err != nil {
		t.Error(err)
	}
	if lock, err = lockWithin(t.Context(), path); !lock.held || err != nil {
		t.Errorf("a plugin that ended: %v, %v", lock, err)
	}
	if err := lock.close(); err != nil {
		t.Error(err)
	}
}

// launchSource is what the launcher is built from, carried by the test binary: a guest has no source tree.
//
//go:embed launch/launch.c launch/launch_linux_amd64.from
var launchSource embed.FS

// Catches a source that was edited without go generate, and a launcher that was not built from it.
func TestLauncherMatchesItsSource(t *testing.T) {
	source, err := launchSource.ReadFile("launch/launch.c")
	if err != nil {
		t.Fatal(err)
	}
	from, err := launchSource.ReadFile("launch/launch_linux_amd64.from")
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("source %x\nbinary %x\n", sha256.Sum256(append(source, freestanding.Script...)), sha256.Sum256(launcher))
	if !strings.HasPrefix(string(from), want) {
		t.Errorf("built was\n%snow is\n%srun go generate", from, want)
	}
}

// Catches a launcher that loses a plugin's output, environment or exit code, and a peak that is the harness's own: this process
// has more memory than the plugin ever has.
func TestLauncher(t *testing.T) {
	dir := t.TempDir()
	lock, err := os.Create(filepath.Join(dir, lockFile))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }() // nothing was written
	path := filepath.Join(dir, "launch")
	if err := writeLauncher(path); err != nil {
		t.Fatal(err)
	}
	ballast := make([]byte, 64<<20)
	for i := 0; i < len(ballast); i += 4096 {
		ballast[i] = 1
	}
	script := filepath.Join(dir, "fake")
	if err := os.WriteFile(script, []byte("#!/bin/sh\ncat; echo $CNI_COMMAND; exit $CODE\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for code, fails := range map[string]bool{"0": false, "7": true} {
		r := &runner{now: now, launcher: path, lock: lock}
		out, err := r.ExecPlugin(t.Context(), script, []byte("in "), []string{"PATH=/bin:/usr/bin", "CNI_COMMAND=ADD", "CODE=" + code})
		if fails != (err != nil) || !fails && string(out) != "in ADD\n" || fails && !strings.Contains(err.Error(), "exit status 7") {
			t.Errorf("exit %s: said %q, %v", code, out, err)
		}
		if s := r.steps[0]; s.Name != "add-fake" || s.MaxRSSBytes < 100<<10 || s.MaxRSSBytes >= int64(len(ballast)) || s.AtMostBytes != 0 {
			t.Errorf("step %+v", s)
		}
	}
	r := &runner{now: now, lock: lock}
	if _, err := r.ExecPlugin(t.Context(), script, nil, []string{"PATH=/bin:/usr/bin", "CODE=0"}); err != nil || r.steps[0].MaxRSSBytes != 0 || r.steps[0].AtMostBytes < int64(len(ballast)) {
		t.Errorf("without the launcher: %v, %+v", err, r.steps)
	}
	runtime.KeepAlive(ballast)
}

// Catches a plugin's child that outlives it, and could take an address when nobody looks for one any more: the plugin hangs and is
// killed, or is killed by others. The child has what a real plugin's has: the network's lock, and the plugin's own output.
func TestPluginEndsWhole(t *testing.T) {
	for name, script := range map[string]string{
		"timeout": "cat $HANG & echo >$UP; wait\n",
		"killed":  "cat $HANG & echo >$UP; kill -9 $$\n",
	} {
		for _, launched := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s,launcher=%v", name, launched), func(t *testing.T) { endsWhole(t, name, script, launched) })
		}
	}
}

func endsWhole(t *testing.T, name, script string, launched bool) {
	dir := t.TempDir()
	path, hang, up := filepath.Join(dir, "plugin"), fifo(t, dir, "hang"), fifo(t, dir, "up")
	r := &runner{now: now, lock: hasLock(t, dir)}
	if launched {
		r.launcher = filepath.Join(dir, "launch")
		if err := writeLauncher(r.launcher); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if name == "timeout" {
		go func() {
			_, _ = up.Read(make([]byte, 1)) // one byte, or the test ends in error below
			cancel()
		}()
	}
	_, err := r.ExecPlugin(ctx, path, nil, []string{"PATH=/bin:/usr/bin", "HANG=" + hang.Name(), "UP=" + up.Name()})
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		t.Errorf("a plugin that was killed: %v", err)
	}
	if err := r.lock.Close(); err != nil {
		t.Error(err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	lock, err := lockWithin(ctx, r.lock.Name())
	if err = errors.Join(err, lock.close()); !lock.held || err != nil {
		t.Errorf("the plugin's child lives: its lock is held, %v", err)
	}
}

// fifo opens one for both ways, so that nobody who opens it waits for another, and who reads waits until the test ends.
func fifo(t *testing.T, dir, name string) *os.File {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() }) // whoever reads has its end then
	return f
}

func hasLock(t *testing.T, dir string) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, lockFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return f
}

// Catches output of a plugin that crashes the harness, and a failure that does not say which plugin it was.
func FuzzPluginError(f *testing.F) {
	f.Add([]byte(`{"cniVersion":"1.0.0","code":7,"msg":"no IP addresses available","details":"in range"}`))
	f.Add([]byte(`{"msg":1}`))
	f.Add([]byte(``))
	f.Fuzz(func(t *testing.T, stdout []byte) {
		if err := pluginError("bridge", stdout, nil, errors.New("exit status 1")); err == nil || !strings.HasPrefix(err.Error(), "bridge: ") {
			t.Fatalf("%q: %v", stdout, err)
		}
	})
}
