package attack

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/internal/testenv"
)

// bundle is the image's working directory. In it lies the config.json that the runtime opens when the image has it executed.
const bundle = "/bundle"

// entrypoint is the whole exploit that an image needs: the kernel looks for the interpreter before init has
// let go of the runtime, and so executes the runtime, inside the container.
const entrypoint = "#!/proc/self/exe create\n"

// patience is for answers that never come.
const patience = 2 * time.Minute

// site is where containers of one runtime are made: its files lie on the disk, a copy of the runtime's binary among them.
type site struct {
	t      *testing.T
	dir    string
	root   ociruntime.Rootfs
	cli    ociruntime.CLI // of the copy that is attacked
	source string         // what cli.Binary was copied from, where that is a copy itself
	intact string         // the runtime's own binary, to tidy up with
	mounts []specs.Mount  // that the image has
	user   uint32         // that containers run as
	prefix string         // of container names, and their cgroups' parent
	made   int
}

// newSite makes one below /var/tmp: a runtime may protect itself in another way on tmpfs, as /tmp is of some systems.
func newSite(t *testing.T, binary string, flags []string) *site {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "initbench-attack-")
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, dir: dir, intact: binary, prefix: filepath.Base(dir)}
	t.Cleanup(s.remove)
	if s.root, err = ociruntime.MakeRootfs(filepath.Join(dir, "rootfs")); err != nil {
		t.Fatal(err)
	}
	s.makeImage()
	// runc makes an overlay of the binary's directory and its own state's, of which neither may be in the other.
	s.cli = ociruntime.CLI{Binary: filepath.Join(dir, "bin", "runtime"), StateRoot: filepath.Join(dir, "state"), Options: flags}
	if err := errors.Join(os.Mkdir(filepath.Dir(s.cli.Binary), 0o755), copyFile(binary, s.cli.Binary)); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) remove() {
	err := os.Remove("/sys/fs/cgroup/" + s.prefix)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err := errors.Join(err, os.RemoveAll(s.dir)); err != nil {
		s.t.Error(err)
	}
}

// files are those that no container is to change.
func (s *site) files() []string {
	if s.source == "" {
		return []string{s.cli.Binary}
	}
	return []string{s.cli.Binary, s.source}
}

func (s *site) makeImage() {
	s.t.Helper()
	dir := filepath.Join(s.root.Dir, bundle)
	fifo := filepath.Join(dir, "config.json")
	err := errors.Join(os.Mkdir(dir, 0o755), unix.Mkfifo(fifo, 0o600), os.Chmod(fifo, 0o666), os.Chmod(s.dir, 0o755),
		os.WriteFile(filepath.Join(s.root.Dir, "entrypoint"), []byte(entrypoint), 0o755))
	if err != nil {
		s.t.Fatal(err)
	}
}

// copyFile copies an executable. A child forked while it is open for writing would keep it from being executed.
func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }() // only read
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// container is one that has been created.
type container struct {
	site  *site
	id    string
	pid   int
	stdin *os.File
	raw   *os.File
	out   *bufio.Reader
}

// config writes a new bundle and returns its directory. What is changed of the usual one is what makes
// a container careless.
func (s *site) config(change func(*specs.Spec)) (id, dir string) {
	s.t.Helper()
	s.made++
	id = fmt.Sprintf("%s-%d", s.prefix, s.made)
	dir = filepath.Join(s.dir, id)
	err := os.Mkdir(dir, 0o755)
	if err == nil {
		err = ociruntime.WriteBundle(dir, ociruntime.BundleSpec{Rootfs: s.root, CgroupsPath: "/" + s.prefix + "/" + id, Args: []string{"0"}})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	if err := rewrite(filepath.Join(dir, "config.json"), change); err != nil {
		s.t.Fatal(err)
	}
	return id, dir
}

func rewrite(path string, change func(*specs.Spec)) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var spec specs.Spec
	if err := json.Unmarshal(text, &spec); err != nil {
		return err
	}
	change(&spec)
	if text, err = json.Marshal(&spec); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// capabilities are those of an image's usual container: a user who is not root has none.
func (s *site) capabilities() []string {
	if s.user != 0 {
		return nil
	}
	return ordinary
}

// careless gives the container's root what Docker gives it, or all there is, and a root it can write to.
func (s *site) careless(spec *specs.Spec, capabilities []string) {
	spec.Process.User.UID = s.user
	spec.Root.Readonly = false
	spec.Process.NoNewPrivileges = false
	spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: capabilities, Effective: capabilities, Permitted: capabilities}
}

// in has the container join the PID namespace of another one, as containers of a pod can.
func in(spec *specs.Spec, pod *container) {
	if pod == nil {
		return
	}
	for i := range spec.Linux.Namespaces {
		if spec.Linux.Namespaces[i].Type == specs.PIDNamespace {
			spec.Linux.Namespaces[i].Path = fmt.Sprintf("/proc/%d/ns/pid", pod.pid)
		}
	}
}

// attacker starts the container that attacks.
func (s *site) attacker(capabilities []string, pod *container) *container {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	id, dir := s.config(func(spec *specs.Spec) {
		s.careless(spec, capabilities)
		in(spec, pod)
		spec.Process.Args = []string{"/attacker"}
		spec.Process.Env = []string{roleVariable + "=attacker"}
		spec.Mounts = append(spec.Mounts, specs.Mount{Destination: "/attacker", Type: "bind", Source: self, Options: []string{"bind", "ro"}})
	})
	c := s.create(id, dir)
	s.must(s.cli.Start(id))
	c.checkDescriptors()
	return c
}

// bait starts the container whose image has the runtime executed in it.
func (s *site) bait(pod *container) *container {
	s.t.Helper()
	id, dir := s.config(func(spec *specs.Spec) {
		s.careless(spec, s.capabilities())
		in(spec, pod)
		spec.Process.Args = []string{"/entrypoint"}
		spec.Process.Cwd = bundle
		spec.Mounts = append(spec.Mounts, s.mounts...)
	})
	c := s.create(id, dir)
	s.must(s.cli.Start(id))
	return c
}

func (s *site) create(id, dir string) *container {
	s.t.Helper()
	stdin, write := pipe(s.t)
	read, stdout := pipe(s.t)
	pidFile := filepath.Join(dir, "pid")
	s.t.Cleanup(func() { s.delete(id) })
	if err := run(s.cli.Create(id, dir, pidFile), stdin, stdout); err != nil {
		s.t.Fatal(err)
	}
	if err := errors.Join(stdin.Close(), stdout.Close()); err != nil {
		s.t.Fatal(err)
	}
	pid, err := ociruntime.ReadPIDFile(pidFile)
	if err != nil {
		s.t.Fatal(err)
	}
	c := &container{site: s, id: id, pid: pid, stdin: write, raw: read, out: bufio.NewReader(read)}
	s.t.Cleanup(c.end)
	return c
}

// start is one more container of the harmless kind: what every start after the attack is.
type start struct {
	site             *site
	id, dir, pidFile string
}

func (s *site) prepare() start {
	s.t.Helper()
	id, dir := s.config(func(*specs.Spec) {})
	return start{site: s, id: id, dir: dir, pidFile: filepath.Join(dir, "pid")}
}

// run creates it. A shell executes the runtime, so that not all of this process hangs where that takes long: Go
// starts a process in a system call that does not let go of the processor.
func (n start) run() error {
	argv := n.site.cli.Create(n.id, n.dir, n.pidFile)
	return run(append([]string{"/bin/sh", "-c", `exec "$@"`, "sh"}, argv...), nil, nil)
}

// finish removes what run made, and reaps it.
func (n start) finish(err error) error {
	n.site.t.Helper()
	n.site.delete(n.id)
	if err != nil {
		return err
	}
	pid, err := ociruntime.ReadPIDFile(n.pidFile)
	if err != nil {
		return err
	}
	_, err = testenv.Wait(pid)
	return err
}

func (s *site) later() error {
	s.t.Helper()
	n := s.prepare()
	return n.finish(n.run())
}

// delete removes a container with the runtime's own binary: the copy may not be one any more.
func (s *site) delete(id string) {
	s.t.Helper()
	cli := s.cli
	cli.Binary, cli.Options = s.intact, nil
	if err := run(cli.ForceDelete(id), nil, nil); err != nil {
		s.t.Error(err)
	}
}

func (s *site) must(argv []string) {
	s.t.Helper()
	if err := run(argv, nil, nil); err != nil {
		s.t.Fatal(err)
	}
}

// messages is what the names of files with runtimes' messages begin with.
const messages = "/tmp/initbench-attack-stderr"

// run runs the runtime. Its stderr is a file, because init inherits it.
func run(argv []string, stdin, stdout *os.File) error {
	f, err := os.CreateTemp(filepath.Split(messages))
	if err != nil {
		return err
	}
	defer func() { _, _ = f.Close(), os.Remove(f.Name()) }() // what is in it has been read
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = f
	if stdin != nil {
		cmd.Stdin, cmd.Stdout = stdin, stdout
	}
	if err := cmd.Run(); err != nil {
		said, rerr := os.ReadFile(f.Name())
		return errors.Join(fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, said), rerr)
	}
	return nil
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() }) // closed already, mostly
	return r, w
}

// end kills and reaps init. The first of a PID namespace takes the others along, and waits for them to be reaped: it
// is to be ended last.
func (c *container) end() {
	c.site.t.Helper()
	if err := unix.Kill(c.pid, unix.SIGKILL); err != nil {
		c.site.t.Error(err)
	}
	if _, err := testenv.Wait(c.pid); err != nil {
		c.site.t.Error(err)
	}
}

// tell gives an order without waiting for the answer.
func (c *container) tell(order string) {
	c.site.t.Helper()
	if _, err := fmt.Fprintln(c.stdin, order); err != nil {
		c.site.t.Fatal(err)
	}
}

// answer is the one to the oldest order without.
func (c *container) answer() string {
	c.site.t.Helper()
	if err := c.raw.SetReadDeadline(time.Now().Add(patience)); err != nil {
		c.site.t.Fatal(err)
	}
	line, err := c.out.ReadString('\n')
	if err != nil {
		var status unix.WaitStatus // stays 0 where it has not ended
		_, werr := unix.Wait4(c.pid, &status, unix.WNOHANG, nil)
		c.site.t.Fatalf("no answer from the attacker: %v; it ended with %d by signal %d (%v)", err, status.ExitStatus(), status.Signal(), werr)
	}
	return strings.TrimSpace(line)
}

func (c *container) ask(order string) string {
	c.site.t.Helper()
	c.tell(order)
	return c.answer()
}

// demand is for orders that have to be carried out for the test to be one.
func (c *container) demand(order string) {
	c.site.t.Helper()
	if got := c.ask(order); got != done {
		c.site.t.Fatalf("the attacker cannot %s: %s", order, got)
	}
}
