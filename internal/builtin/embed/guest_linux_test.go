package embed_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/builtin/embed"
	"github.com/initbench/initbench/internal/builtin/embed/protocol"
	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/internal/testenv"
)

// built is an embedder's binary as the guest was given it.
func built(name string) string { return filepath.Join(os.Getenv("INITBENCH_TEST_RUNTIMES"), name) }

// session is an embedder, and a pod and a bundle for its containers.
type session struct {
	t       *testing.T
	e       *embed.Embedder
	state   string
	bundle  string
	root    ociruntime.Rootfs
	cgroups string // as the bundle names the container's
	systemd bool
	pod     string // the container's parent, absolute
	cycles  int
}

var sessions int

func newSession(t *testing.T, binary string, d cgroupjoin.Driver) *session {
	t.Helper()
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd, testenv.File(built(binary)))
	sessions++
	dir := t.TempDir()
	s := &session{t: t, state: filepath.Join(dir, "state"), bundle: filepath.Join(dir, "bundle"), systemd: d == cgroupjoin.Systemd}
	s.makePod(fmt.Sprintf("initbench-embed-%d-%d", os.Getpid(), sessions))
	var err error
	if s.root, err = ociruntime.MakeRootfs(filepath.Join(dir, "rootfs")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.bundle, 0o755); err != nil {
		t.Fatal(err)
	}
	s.payload(ociruntime.Payload{})
	s.e, err = embed.Start(context.Background(), built(binary), embed.Options{StateRoot: s.state, CollectorOff: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.e.Close(); err != nil {
			t.Error(err)
		}
		s.leftNothing()
	})
	return s
}

// makePod makes it, to be removed when the test ends: which fails where anything is left in it.
func (s *session) makePod(name string) {
	if s.systemd {
		slice := strings.ReplaceAll(name, "-", "") + ".slice"
		s.must("systemctl", "start", slice)
		s.t.Cleanup(func() { s.must("systemctl", "stop", slice) })
		s.pod, s.cgroups = filepath.Join("/sys/fs/cgroup", slice), slice+":test:"+name
		return
	}
	s.pod, s.cgroups = filepath.Join("/sys/fs/cgroup", name), "/"+name+"/container"
	if err := os.Mkdir(s.pod, 0o755); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := os.Remove(s.pod); err != nil {
			s.t.Error(err)
		}
	})
}

func (s *session) must(argv ...string) {
	s.t.Helper()
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		s.t.Errorf("%q: %v: %s", argv, err, out)
	}
}

// payload says what the containers from now on run.
func (s *session) payload(p ociruntime.Payload) {
	s.t.Helper()
	p.Nonce = ociruntime.NewNonce()
	err := ociruntime.WriteBundle(s.bundle, ociruntime.BundleSpec{Rootfs: s.root, CgroupsPath: s.cgroups, Args: p.Args()})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) cycle() embed.Result {
	s.t.Helper()
	s.cycles++
	id := fmt.Sprintf("initbench-%d", s.cycles)
	r, err := s.e.Cycle(context.Background(), embed.Container{ID: id, Bundle: s.bundle, Systemd: s.systemd})
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// leftNothing looks where containers would be left.
func (s *session) leftNothing() {
	s.t.Helper()
	if left, err := os.ReadDir(s.state); err != nil && !errors.Is(err, fs.ErrNotExist) || len(left) > 0 {
		s.t.Errorf("state left: %v, %v", left, err)
	}
	children, err := filepath.Glob(filepath.Join(s.pod, "*", "cgroup.procs"))
	if err != nil || len(children) > 0 {
		s.t.Errorf("cgroups left: %v, %v", children, err)
	}
	if s.systemd {
		out, err := exec.Command("systemctl", "list-units", "--all", "--plain", "--no-legend", "test-initbench-embed*").CombinedOutput()
		if err != nil || len(out) > 0 {
			s.t.Errorf("units left: %s, %v", out, err)
		}
	}
}

// descriptors counts the embedder's, by what /proc says they are.
func (s *session) descriptors() (all int, programs int) {
	s.t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", s.e.PID())
	entries, err := os.ReadDir(dir)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		to, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil {
			s.t.Fatal(err) // nothing is asked of it now: none of its descriptors comes or goes
		}
		if to == "anon_inode:bpf-prog" {
			programs++
		}
	}
	return len(entries), programs
}

// programs are the counts before the first of n cycles and after each.
func (s *session) programs(n int) (programs, all []int) {
	s.t.Helper()
	for i := range n + 1 {
		if i > 0 {
			if r := s.cycle(); r != (embed.Result{}) {
				s.t.Fatalf("cycle %d: %+v", i, r)
			}
		}
		every, progs := s.descriptors()
		programs, all = append(programs, progs), append(all, every)
	}
	s.t.Logf("%s, systemd %v: bpf-prog %v of %v", s.e.Libcontainer(), s.systemd, programs, all)
	return programs, all
}

func eachDriver(t *testing.T, test func(*testing.T, cgroupjoin.Driver)) {
	for _, d := range cgroupjoin.Drivers() {
		t.Run(string(d), func(t *testing.T) { test(t, d) })
	}
}

// cycles are enough to tell a count that grows from one that settles.
const cycles = 20

// Catches an embedder that does not show what libcontainer 1.5.1 leaves open: a device program is attached to each container, and the
// descriptors of it are closed by finalizers alone (opencontainers/runc#5403).
func TestProgramsAreLeftOpen(t *testing.T) {
	eachDriver(t, func(t *testing.T, d cgroupjoin.Driver) {
		s := newSession(t, "builtin@v1.5.1", d)
		programs, _ := s.programs(cycles)
		for i := range cycles {
			if programs[i+1] < programs[i]+1 {
				t.Errorf("cycle %d: from %d to %d descriptors of programs: want one more at least", i+1, programs[i], programs[i+1])
			}
		}
		if err := s.e.Collect(context.Background()); err != nil {
			t.Fatal(err)
		}
		if _, left := s.descriptors(); left != programs[0] {
			t.Errorf("%d descriptors of programs after the collector ran, %d before any cycle: they are not what it closes", left, programs[0])
		}
	})
}

// Catches an embedder that leaves open what libcontainer closed: a leak of ours would be found in every version.
func TestNothingIsLeftOpen(t *testing.T) {
	for _, binary := range []string{"builtin@v1.5.2", "builtin"} {
		t.Run(binary, func(t *testing.T) {
			eachDriver(t, func(t *testing.T, d cgroupjoin.Driver) {
				programs, all := newSession(t, binary, d).programs(cycles)
				if slices.Max(programs) != programs[0] {
					t.Errorf("descriptors of programs %v: want as many as before", programs)
				}
				// The first cycle opens what is kept: a connection to systemd, /sys/fs/cgroup.
				if steady := all[1:]; slices.Max(steady) != slices.Min(steady) {
					t.Errorf("descriptors %v: want as many as after the first", all)
				}
			})
		})
	}
}

// Catches a version whose embedder compiles and then makes no container, under either driver, or leaves one. Each generation of the API
// has a version here, and so has whatever else the guest was given.
func TestEveryVersionMakesContainers(t *testing.T) {
	testenv.Require(t, testenv.File(built("builtin@v1.1.15")), testenv.File(built("builtin@v1.2.6")), testenv.File(built("builtin@v1.5.2")))
	binaries, err := filepath.Glob(built("builtin@*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, binary := range binaries {
		name := filepath.Base(binary)
		t.Run(name, func(t *testing.T) {
			eachDriver(t, func(t *testing.T, d cgroupjoin.Driver) {
				s := newSession(t, name, d)
				s.programs(3)
				if "builtin@"+s.e.Libcontainer() != name {
					t.Errorf("it was built with %s", s.e.Libcontainer())
				}
			})
		})
	}
}

// Catches an embedder in which one failed container fails those after it, a payload's status that is not told, and what failed starts leave.
func TestFailedCyclesAreAnswered(t *testing.T) {
	eachDriver(t, func(t *testing.T, d cgroupjoin.Driver) {
		s := newSession(t, "builtin", d)
		s.payload(ociruntime.Payload{ExitCode: 42})
		if r := s.cycle(); r != (embed.Result{Exit: 42}) {
			t.Errorf("%+v, want 42", r)
		}
		broken := filepath.Join(s.bundle, "config.json")
		good, err := os.ReadFile(broken)
		if err != nil {
			t.Fatal(err)
		}
		for step, bad := range map[protocol.Step]string{
			protocol.Bundle: `{"process": null}`,
			protocol.Create: strings.Replace(string(good), s.root.Dir, "/nonexistent/root", 1),
			protocol.Start:  strings.Replace(string(good), ociruntime.PayloadPath, "/nonexistent", 1),
		} {
			if err := os.WriteFile(broken, []byte(bad), 0o644); err != nil {
				t.Fatal(err)
			}
			if r := s.cycle(); r.Failed != step || r.Message == "" || strings.Contains(r.Message, "\n") {
				t.Errorf("%s: %+v", step, r)
			}
			s.leftNothing()
		}
		s.payload(ociruntime.Payload{})
		if r := s.cycle(); r != (embed.Result{}) {
			t.Errorf("after the failed: %+v", r)
		}
	})
}

// Catches a container that outlives the embedder which was told to end in the middle of it.
func TestInterruptedCycleIsRemoved(t *testing.T) {
	eachDriver(t, func(t *testing.T, d cgroupjoin.Driver) {
		s := newSession(t, "builtin", d)
		held := s.hold()
		ctx, cancel := context.WithCancelCause(context.Background())
		why := errors.New("enough")
		running := make(chan error, 1)
		go func() {
			payload, err := os.Open(held) // when the payload opens the other end
			cancel(why)
			if err == nil {
				_, err = io.Copy(io.Discard, payload) // up to its death
			}
			running <- errors.Join(err, payload.Close())
		}()
		if _, err := s.e.Cycle(ctx, embed.Container{ID: "held", Bundle: s.bundle, Systemd: s.systemd}); !errors.Is(err, why) {
			t.Errorf("%v, want what it was interrupted for", err)
			both, err := os.OpenFile(held, os.O_RDWR, 0) // a payload that never ran leaves the reader waiting for ever
			if err == nil {
				err = both.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := <-running; err != nil {
			t.Error(err)
		}
		s.leftNothing()
	})
}

// hold has containers run this test's own binary, which opens the fifo that hold returns for writing, and then waits for ever.
func (s *session) hold() (fifo string) {
	s.t.Helper()
	config := filepath.Join(s.bundle, "config.json")
	fifo = filepath.Join(s.root.Dir, "tmp", "held")
	exe, err := os.Executable()
	if err == nil {
		s.must("cp", exe, filepath.Join(s.root.Dir, "holder"))
		err = unix.Mkfifo(fifo, 0o600)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(config)
	}
	var spec specs.Spec
	if err == nil {
		err = json.Unmarshal(text, &spec)
	}
	if err == nil {
		spec.Process.Args, spec.Process.Env = []string{"/holder"}, []string{roleVariable + "=hold"}
		text, err = json.Marshal(spec)
	}
	if err == nil {
		err = os.WriteFile(config, text, 0o644)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return fifo
}
