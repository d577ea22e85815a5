package memfdclone

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runc/libcontainer/exeseal"
	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/testenv"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role))
	}
	if err := warmExeseal(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// An emulated CPU, as the guest's, copies slowly. The command line overrides it.
	if err := flag.Set("rapid.checks", "40"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	testenv.Main(m)
}

// warmExeseal has exeseal, which benchmarks compare with, open the handle of /proc that it keeps from its first temporary
// file on, before descriptors are counted.
func warmExeseal() error {
	var err error
	filter := refused(unix.EPERM, []call{{nr: unix.SYS_MEMFD_CREATE}}, func() {
		var f *os.File
		if f, err = exeseal.CloneBinary(strings.NewReader("x"), 1, "warm", os.TempDir()); err == nil {
			err = f.Close()
		}
	})
	return errors.Join(filter, err)
}

// roleVariable has the test binary be something else than tests, when one of its copies is executed.
const roleVariable = "INITBENCH_TEST_ROLE"

// play is what a copy of the test binary does: say which file it is executed from, then wait for its stdin's end.
func play(role string) int {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		exe = err.Error()
	}
	fmt.Println(role, exe)
	_, _ = io.Copy(io.Discard, os.Stdin) // its end is all that matters
	return 0
}

// mayChange needs a machine that the tests may change settings of, as the guest is, this one among them.
func mayChange(t testing.TB, file string) {
	t.Helper()
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd, testenv.File(file))
}

// machineSetting changes a setting of the machine's, and sets it back when the test ends.
func machineSetting(t testing.TB, file, value string) {
	t.Helper()
	mayChange(t, file)
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before := strings.TrimSpace(string(old))
	if _, chosen, found := strings.Cut(before, "["); found {
		before, _, _ = strings.Cut(chosen, "]")
	}
	set := func(v string) {
		if err := os.WriteFile(file, []byte(v), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	set(value)
	t.Cleanup(func() { set(before) })
}

// withTHP lets shared memory have transparent huge pages where it asks for them.
func withTHP(t testing.TB) { t.Helper(); machineSetting(t, thpSysfs+"shmem_enabled", "advise") }

// withPool reserves n huge pages.
func withPool(t testing.TB, n int) {
	t.Helper()
	const file = "/proc/sys/vm/nr_hugepages"
	mayChange(t, file)
	// A machine that has been busy for long has its free memory in small pieces.
	for _, tidy := range [][2]string{{"/proc/sys/vm/drop_caches", "3"}, {"/proc/sys/vm/compact_memory", "1"}} {
		if err := os.WriteFile(tidy[0], []byte(tidy[1]), 0); err != nil {
			t.Fatal(err)
		}
	}
	machineSetting(t, file, strconv.Itoa(n))
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(b)); got != strconv.Itoa(n) {
		t.Fatalf("the kernel found %s of %d huge pages", got, n)
	}
}

// meminfo is a figure of the machine's.
func meminfo(t *testing.T, name string) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); f[0] == name+":" {
			n, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s in /proc/meminfo", name)
	return 0
}
