package enforce

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Catches a sleeping process that is taken for one that waits for another's word, and the other way round.
func TestWaits(t *testing.T) {
	waiting := exec.Command("cat")
	in, err := waiting.StdinPipe()
	if err == nil {
		err = waiting.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = in.Close(), waiting.Wait() }() // cat ends with its input
	sleeping := exec.Command("sleep", "1000")
	if err := sleeping.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = sleeping.Process.Kill(), sleeping.Wait() }()
	p := proc(procRoot)
	state := ""
	for seen := false; !seen; { // it takes its time to get there, and nothing tells
		if t.Context().Err() != nil {
			t.Fatal("cat was not seen waiting")
		}
		state, seen = p.waits(waiting.Process.Pid)
	}
	if again, seen := p.waits(waiting.Process.Pid); !seen || again != state {
		t.Errorf("cat, a second time: %v, %q, was %q", seen, again, state)
	}
	if _, seen := p.waits(sleeping.Process.Pid); seen {
		t.Error("sleep waits for somebody")
	}
	if _, seen := p.waits(os.Getpid()); seen {
		t.Error("this process waits while it asks")
	}
	below := p.descendants(os.Getpid())
	for _, pid := range []int{waiting.Process.Pid, sleeping.Process.Pid} {
		if !slices.Contains(below, pid) {
			t.Errorf("descendants %v, want %d among them", below, pid)
		}
	}
}

// Catches a file that passes for a sealed copy: not a memfd, not sealed, sealed in part.
func TestSealed(t *testing.T) {
	memfd := func(seals int) int {
		fd, err := unix.MemfdCreate("t", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
		if err == nil && seals != 0 {
			_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Close(fd) })
		return fd
	}
	f, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // only read from
	const all = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	for name, tt := range map[string]struct {
		fd   int
		want bool
	}{
		"sealed": {memfd(all), true}, "unsealed": {memfd(0), false}, "in part": {memfd(unix.F_SEAL_WRITE), false},
		"file": {int(f.Fd()), false}, "closed": {1 << 20, false},
	} {
		if got := proc(procRoot).sealed(os.Getpid(), uint64(tt.fd)); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Catches a path that is resolved against the wrong directory, or read beyond its end.
func TestDirectory(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := os.Open("/usr")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = elsewhere.Close() }() // only read from
	const cwd = math.MaxUint64 - 99          // AT_FDCWD, sign-extended as libc passes it
	for _, tt := range []struct {
		kind kind
		at   uint64
		name string
		want string
	}{
		{mkdir, 0, "/sys/fs/cgroup/a//b/", "/sys/fs/cgroup/a/b"},
		{mkdir, 0, "x/../y", filepath.Join(wd, "y")},
		{mkdirat, cwd, "y", filepath.Join(wd, "y")},
		{mkdirat, math.MaxUint32 - 99, "y", filepath.Join(wd, "y")},
		{mkdirat, uint64(elsewhere.Fd()), "y", "/usr/y"},
		{mkdirat, uint64(elsewhere.Fd()), "/y", "/y"},
	} {
		b := append([]byte(tt.name), 0)
		c := &call{kind: tt.kind, notification: notification{TID: uint32(os.Getpid())}}
		if tt.kind == mkdirat {
			c.Args[0], c.Args[1] = tt.at, uint64(uintptr(unsafe.Pointer(&b[0])))
		} else {
			c.Args[0] = uint64(uintptr(unsafe.Pointer(&b[0])))
		}
		if got, err := proc(procRoot).directory(c); got != tt.want || err != nil {
			t.Errorf("%+v: %q, %v", tt, got, err)
		}
		runtime.KeepAlive(b)
	}
	if got, err := proc(procRoot).cString(os.Getpid(), 8, 16); err == nil {
		t.Errorf("nothing is mapped at 8, and %q was read", got)
	}
}

// Catches a string that is lost because what follows its page is not mapped.
func TestStringAtTheEndOfAMapping(t *testing.T) {
	size := os.Getpagesize()
	b, err := unix.Mmap(-1, 0, 2*size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(b) }() // the end of the test's
	if err := unix.Mprotect(b[size:], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	copy(b[size-6:], "/a/b\x00")
	at := uint64(uintptr(unsafe.Pointer(&b[size-6])))
	if got, err := proc(procRoot).cString(os.Getpid(), at, unix.PathMax); got != "/a/b" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// Catches a connection to somebody else that is held, and one to systemd that is not.
func TestSocket(t *testing.T) {
	for name, want := range map[string]bool{
		"/run/dbus/system_bus_socket":           true,
		"/var/run/dbus/system_bus_socket":       true,
		"/run/systemd/private":                  true,
		"/var/run/nscd/socket":                  false,
		"/run/dbus/system_bus_socket.elsewhere": false,
	} {
		sa := unix.RawSockaddrUnix{Family: unix.AF_UNIX}
		for i, ch := range []byte(name) {
			sa.Path[i] = int8(ch)
		}
		c := &call{kind: connect, notification: notification{TID: uint32(os.Getpid())}}
		c.Args[1], c.Args[2] = uint64(uintptr(unsafe.Pointer(&sa))), uint64(2+len(name)+1)
		got, err := proc(procRoot).socket(c)
		runtime.KeepAlive(&sa)
		if err != nil || got != name || isBus(got) != want {
			t.Errorf("%q: read %q, %v, is the bus: %v", name, got, err, isBus(got))
		}
	}
}

// Catches a thread's line that is misread: "running" is not call 0, and -1 is no call.
func TestFirstWords(t *testing.T) {
	for line, want := range map[string]int{
		"0 0x3 0x7fb0 0x20000 0x0 0x0 0x0 0x7ffe 0x7fb0\n": 0, "running\n": -1, "-1 0x7ffe 0x7fb0\n": -1, "": -1, "x y": -1,
	} {
		if nr, arg := firstWords(line); nr != want || want == 0 && arg != 3 {
			t.Errorf("%q: %d, %#x", line, nr, arg)
		}
	}
}
