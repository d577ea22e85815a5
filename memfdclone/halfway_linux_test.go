package memfdclone

import (
	"errors"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/testenv"
)

func itoa(n int) string { return strconv.Itoa(n) }

// steps has the calls whose failure each strategy must survive, by what its error has to name.
var steps = map[Strategy]map[string]call{
	Memfd: {
		"memfd_create": {nr: unix.SYS_MEMFD_CREATE}, "sendfile": {nr: unix.SYS_SENDFILE},
		"fchmod": {nr: unix.SYS_FCHMOD}, "fcntl F_ADD_SEALS": addSeals,
	},
	MemfdCopy: {
		"memfd_create": {nr: unix.SYS_MEMFD_CREATE}, "read": {nr: unix.SYS_PREAD64}, "write": {nr: unix.SYS_WRITE},
		"fchmod": {nr: unix.SYS_FCHMOD}, "fcntl F_ADD_SEALS": addSeals,
	},
	MemfdMmap: {
		"memfd_create": {nr: unix.SYS_MEMFD_CREATE}, "ftruncate": {nr: unix.SYS_FTRUNCATE}, "mmap": sharedMapping,
		"read": {nr: unix.SYS_PREAD64}, "fcntl F_ADD_SEALS": addSeals,
	},
	MemfdTHP: {
		"memfd_create": {nr: unix.SYS_MEMFD_CREATE}, "ftruncate": {nr: unix.SYS_FTRUNCATE}, "mmap": sharedMapping,
		"madvise MADV_HUGEPAGE": {nr: unix.SYS_MADVISE}, "getrusage": {nr: unix.SYS_GETRUSAGE}, "read": {nr: unix.SYS_PREAD64},
		"fcntl F_ADD_SEALS": addSeals,
	},
	MemfdHugetlb: {
		"memfd_create": {nr: unix.SYS_MEMFD_CREATE}, "fstatfs": {nr: unix.SYS_FSTATFS}, "fallocate": {nr: unix.SYS_FALLOCATE},
		"mmap": sharedMapping, "read": {nr: unix.SYS_PREAD64}, "fcntl F_ADD_SEALS": addSeals,
	},
	Tmpfile: {
		"unnamed file: open": {nr: unix.SYS_OPENAT, arg: 2, mask: unix.O_TMPFILE &^ unix.O_DIRECTORY}, "fstatfs": {nr: unix.SYS_FSTATFS},
		"sendfile": {nr: unix.SYS_SENDFILE}, "open O_PATH": {nr: unix.SYS_OPENAT, arg: 2, mask: unix.O_PATH},
	},
	Overlayfs: {
		"fsopen overlay": {nr: unix.SYS_FSOPEN}, "fsconfig lowerdir": {nr: unix.SYS_FSCONFIG}, "fsmount": {nr: unix.SYS_FSMOUNT},
		"in the overlay": {nr: unix.SYS_OPENAT, arg: 2, mask: unix.O_NOFOLLOW},
	},
	Bind: {"open_tree": {nr: unix.SYS_OPEN_TREE}, "mount_setattr": {nr: unix.SYS_MOUNT_SETATTR}},
	None: {"fcntl F_DUPFD_CLOEXEC": {nr: unix.SYS_FCNTL}},
}

var (
	// F_ADD_SEALS alone of fcntl's commands has both bits, F_GET_SEALS and what os.NewFile asks do not matter here.
	addSeals = call{nr: unix.SYS_FCNTL, arg: 1, mask: 1024}
	// Go's runtime maps nothing shared.
	sharedMapping = call{nr: unix.SYS_MMAP, arg: 3, mask: unix.MAP_SHARED}
)

// Catches a step whose failure goes unnoticed, is told in more than a line or without its name, or leaves a descriptor open.
func TestFailsHalfway(t *testing.T) {
	const size = 2<<20 + 10
	here(t, size, func(t *testing.T, s Strategy) {
		src, dir := binary(t, size), t.TempDir()
		for name, c := range steps[s] {
			for _, errno := range []unix.Errno{unix.EPERM, unix.ENOSPC} {
				opened := testenv.Opened()
				_, err := makeRefused(t, errno, []call{c}, src, Options{Strategy: s, Dir: dir})
				wantNamed(t, err, errno, string(s)+": ", name)
				if left := opened(); len(left) > 0 {
					t.Errorf("%s refused: left open: %q", name, left)
				}
			}
		}
	})
}

func wantNamed(t *testing.T, err error, errno unix.Errno, names ...string) {
	t.Helper()
	if !errors.Is(err, errno) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%q refused: error %v, want %v in one line", names, err, errno)
		return
	}
	for _, name := range names {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("error %q does not say %q", err, name)
		}
	}
}

// withLimit sets a soft limit for the test.
func withLimit(t *testing.T, resource int, soft uint64) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(resource, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: soft, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Setrlimit(resource, &old); err != nil {
			t.Error(err)
		}
	})
}

// Catches a copy that a file size limit cuts short or ends by a signal, and a limit that is applied to what copies nothing.
func TestFileSizeLimit(t *testing.T) {
	here(t, 2<<20, func(t *testing.T, s Strategy) {
		src, dir := binary(t, 2<<20), t.TempDir()
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, unix.SIGXFSZ)
		defer signal.Stop(signals)
		withLimit(t, unix.RLIMIT_FSIZE, 1<<20)
		c, err := Make(src, Options{Strategy: s, Dir: dir})
		if s == Overlayfs || s == Bind || s == None {
			if err != nil {
				t.Fatalf("%v, want a limit on files' sizes not to matter", err)
			}
			c.File.Close()
			return
		}
		wantError(t, err, "copy "+src.Name()+": "+string(s)+": RLIMIT_FSIZE is 1048576 bytes and the copy needs 2097152: file too large")
		if len(signals) > 0 {
			t.Error("SIGXFSZ was raised")
		}
	})
}

// Catches a copy that is within the limit until it is made as long as whole huge pages.
func TestFileSizeLimitWithinHugePage(t *testing.T) {
	for _, s := range []Strategy{MemfdTHP, MemfdHugetlb} {
		needs(t, s, 4<<20)
		src := binary(t, 2<<20+10)
		withLimit(t, unix.RLIMIT_FSIZE, 3<<20)
		_, err := Make(src, Options{Strategy: s})
		wantError(t, err, "copy "+src.Name()+": "+string(s)+": RLIMIT_FSIZE is 3145728 bytes and the copy needs 4194304: file too large")
	}
}

// Catches a kernel that does not apply RLIMIT_FSIZE to memfds: fits would refuse what could be had.
func TestKernelLimitsMemfds(t *testing.T) {
	src, err := newSource(binary(t, 2<<20))
	if err != nil {
		t.Fatal(err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGXFSZ)
	defer signal.Stop(signals)
	fd, err := newMemfd("limited", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer closeFD(fd)
	withLimit(t, unix.RLIMIT_FSIZE, 1<<20)
	if err := sendfile(fd, src); !errors.Is(err, unix.EFBIG) {
		t.Errorf("error %v, want EFBIG", err)
	}
	<-signals // SIGXFSZ, which ends a process that does not expect it
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil || stat.Size != 1<<20 {
		t.Errorf("%d bytes were written (%v), want as many as the limit allows", stat.Size, err)
	}
}

// Catches a copy without a descriptor left that fails unclearly, and a Verify that takes having none left for protection.
func TestDescriptorLimit(t *testing.T) {
	src := binary(t, 10_000)
	c := mustMake(t, src, Options{Strategy: Memfd})
	withLimit(t, unix.RLIMIT_NOFILE, 3)
	_, err := Make(src, Options{Strategy: Memfd})
	wantError(t, err, "copy "+src.Name()+": memfd: memfd_create: too many open files")
	if err := c.Verify(src); !errors.Is(err, unix.EMFILE) {
		t.Errorf("Verify: %v, want EMFILE", err)
	}
	if err := refusesWrite(int(c.File.Fd())); !errors.Is(err, unix.EMFILE) {
		t.Errorf("refusesWrite: %v, want EMFILE", err)
	}
}

// tmpfs mounts one for the test.
func tmpfs(t *testing.T, flags uintptr, options string) string {
	t.Helper()
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd) // a machine of ours
	dir := t.TempDir()
	if err := unix.Mount("initbench", dir, "tmpfs", flags, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err) // such as EBUSY: a file in it is still open
		}
	})
	return dir
}

// Catches a temporary file on a full file system that is used all the same, or left there.
func TestTmpfileFull(t *testing.T) {
	dir := tmpfs(t, 0, "size=1m")
	src := binary(t, 3<<20)
	_, err := Make(src, Options{Strategy: Tmpfile, Dir: dir})
	wantError(t, err, "copy "+src.Name()+": tmpfile: unnamed file in "+dir+": sendfile: no space left on device")
}

// Catches a copy that is made in full before its first use says that it cannot be executed.
func TestTmpfileNoexec(t *testing.T) {
	dir := tmpfs(t, unix.MS_NOEXEC, "")
	src := binary(t, 10_000)
	_, err := Make(src, Options{Strategy: Tmpfile, Dir: dir})
	wantError(t, err, "copy "+src.Name()+": tmpfile: unnamed file in "+dir+": it is mounted noexec")
}

// Catches a directory that is not there, told of without its name.
func TestTmpfileNowhere(t *testing.T) {
	src := binary(t, 10_000)
	_, err := Make(src, Options{Strategy: Tmpfile, Dir: "/nowhere/at all"})
	wantError(t, err, "copy "+src.Name()+": tmpfile: unnamed file: open /nowhere/at all: no such file or directory")
}
