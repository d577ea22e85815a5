package census

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// opened is a descriptor by the kind and the words that it must be told with.
type opened struct {
	kind Kind
	part string
	open func(dir string) (int, error)
}

func socketOf(domain, kind int) func(string) (int, error) {
	return func(string) (int, error) { return unix.Socket(domain, kind|unix.SOCK_CLOEXEC, 0) }
}

func path(name string, flags int) func(string) (int, error) {
	return func(dir string) (int, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		return unix.Open(name, flags|unix.O_CLOEXEC, 0o600)
	}
}

func allOpened() []opened {
	return []opened{
		{FDFile, "file", path("file", unix.O_CREAT|unix.O_RDWR)},
		{FDFile, "x (deleted)", path("x (deleted)", unix.O_CREAT|unix.O_RDWR)},
		{FDDir, "/", path("/", unix.O_PATH|unix.O_DIRECTORY)},
		{FDDevice, "/dev/null", path("/dev/null", unix.O_RDONLY)},
		{FDDeleted, "gone (deleted)", func(dir string) (int, error) {
			fd, err := path("gone", unix.O_CREAT|unix.O_RDWR)(dir)
			return fd, errors.Join(err, os.Remove(filepath.Join(dir, "gone")))
		}},
		{FDMemfd, "memfd:runc_cloned", func(string) (int, error) { return unix.MemfdCreate("runc_cloned", unix.MFD_CLOEXEC) }},
		{FDNetlink, "netlink", socketOf(unix.AF_NETLINK, unix.SOCK_RAW)},
		{FDUnix, "unix", socketOf(unix.AF_UNIX, unix.SOCK_STREAM)},
		{FDInet, "tcp", socketOf(unix.AF_INET6, unix.SOCK_STREAM)},
		{FDInet, "udp", socketOf(unix.AF_INET, unix.SOCK_DGRAM)},
		{FDNamespace, "net:[", path("/proc/self/ns/net", unix.O_RDONLY)},
		{FDPidfd, "of process ", func(string) (int, error) { return unix.PidfdOpen(os.Getpid(), 0) }},
		{FDEpoll, "eventpoll", func(string) (int, error) { return unix.EpollCreate1(unix.EPOLL_CLOEXEC) }},
		{FDEventfd, "eventfd", func(string) (int, error) { return unix.Eventfd(0, unix.EFD_CLOEXEC) }},
		{FDTimerfd, "timerfd", func(string) (int, error) { return unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC) }},
		{FDSignalfd, "signalfd", func(string) (int, error) { return unix.Signalfd(-1, &unix.Sigset_t{}, unix.SFD_CLOEXEC) }},
		{FDInotify, "inotify", func(string) (int, error) { return unix.InotifyInit1(unix.IN_CLOEXEC) }},
	}
}

// Catches a kind of descriptor that this machine's kernel calls otherwise than the parser thinks, or stat cannot tell.
func TestEachDescriptorHasItsKind(t *testing.T) {
	for _, o := range allOpened() {
		fd, err := o.open(t.TempDir())
		if err != nil {
			t.Fatalf("%s: %v", o.kind, err)
		}
		list, err := Inherited(0)
		if cerr := unix.Close(fd); err != nil || cerr != nil {
			t.Fatal(err, cerr)
		}
		at := slices.IndexFunc(list, func(d Descriptor) bool { return d.FD == fd })
		if at < 0 || list[at].Kind != o.kind || !strings.Contains(list[at].Target, o.part) {
			t.Errorf("descriptor %d is not %s with %q: %v", fd, o.kind, o.part, list)
		}
	}
}

// Catches the standard streams told as inherited, and the listing's own descriptor.
func TestInheritedLeavesOutStreams(t *testing.T) {
	list, err := Inherited(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		if d.FD <= 2 || strings.HasSuffix(d.Target, "/fd") {
			t.Errorf("%v", d)
		}
	}
}

// Catches a descriptor that is closed while it is looked at, and fails the listing: another thread opens and closes all
// the time.
func TestDescriptorsWhileTheyChange(t *testing.T) {
	stop, stopped := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			if err := openAndClose(); err != nil {
				stopped <- err
				return
			}
		}
	}()
	for range 300 {
		if _, err := Inherited(0); err != nil {
			t.Error(err)
			break
		}
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func openAndClose() error {
	var all []int
	for _, o := range []func(string) (int, error){socketOf(unix.AF_NETLINK, unix.SOCK_RAW), path("/dev/null", unix.O_RDONLY), path("/", unix.O_RDONLY)} {
		fd, err := o("")
		if err != nil {
			return err
		}
		all = append(all, fd)
	}
	for _, fd := range all {
		if err := unix.Close(fd); err != nil {
			return err
		}
	}
	return nil
}

// Catches a process that ended taken for one that closed everything, and a name that several have taken for one of them.
func TestFindByName(t *testing.T) {
	one, other := startDaemon(t, 0, 0, 1), startDaemon(t, 0, 0, 2)
	one.request()
	other.request() // both are past their exec
	name := filepath.Base(os.Args[0])
	var ambiguous *AmbiguousError
	if found, err := Find(t.Context(), Watch{Name: "exe"}); !errors.As(err, &ambiguous) || len(ambiguous.Found) < 2 {
		t.Errorf("%v, %v: want two processes called exe (%s)", found, err, name)
	}
	found, err := Find(t.Context(), Watch{Name: "exe", All: true})
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(found)
	for _, d := range []*daemon{one, other} {
		if !slices.ContainsFunc(found, func(w *Watched) bool { return w.PID == d.cmd.Process.Pid }) {
			t.Errorf("process %d is not found: %v", d.cmd.Process.Pid, found)
		}
	}
	if found, err := Find(t.Context(), Watch{Name: "initbench-nobody-is-called-so"}); err == nil {
		t.Errorf("%v", found)
	}
}
