package memfdclone

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/initbench/initbench/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// machineSetting needs a machine that the tests may change settings of, as the guest is, sets one, and sets
// it back when the test ends.
func machineSetting(t testing.TB, file, value string) {
	t.Helper()
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd, testenv.File(file))
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
	machineSetting(t, file, strconv.Itoa(n))
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(b)); got != strconv.Itoa(n) {
		t.Fatalf("the kernel found %s of %d huge pages", got, n)
	}
}
