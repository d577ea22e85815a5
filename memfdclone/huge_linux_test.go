package memfdclone

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Catches small pages used where huge ones are off, and a reason that does not say what to do.
func TestTHPAvailable(t *testing.T) {
	for mode, want := range map[string]string{
		"always within_size [advise] never deny force": "",
		"[always] within_size advise never deny force": "",
		"always [within_size] advise never deny force": "",
		"always within_size advise [never] deny force": "shared memory gets no transparent huge pages: DIR/shmem_enabled is never, not advise, within_size or always",
		"always within_size advise never [deny] force": "shared memory gets no transparent huge pages: DIR/shmem_enabled is deny, not advise, within_size or always",
	} {
		dir := t.TempDir() + "/"
		put(t, dir+"shmem_enabled", mode+"\n")
		put(t, dir+"hpage_pmd_size", "2097152\n")
		size, err := thpSize(dir)
		if got := strings.ReplaceAll(text(err), dir, "DIR/"); got != want || err == nil && size != 2<<20 {
			t.Errorf("%s: %d, %q, want %q", mode, size, got, want)
		}
	}
	_, err := thpSize(filepath.Join(t.TempDir(), "none") + "/")
	if err == nil || !strings.HasPrefix(err.Error(), "the kernel has no transparent huge pages: ") {
		t.Errorf("without the files: %v", err)
	}
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Catches a copy by huge pages that is made of small ones: what a copy by sendfile is.
func TestTHPIsHuge(t *testing.T) {
	withTHP(t)
	const size = 9 << 20 // four huge pages and a half
	for _, tt := range []struct {
		strategy Strategy
		want     int64
	}{{MemfdTHP, 4 * 2 << 20}, {Memfd, 0}} {
		before := shmemHuge(t)
		mustMake(t, binary(t, size), Options{Strategy: tt.strategy})
		if got := shmemHuge(t) - before; got < tt.want || got > tt.want+2<<20 {
			t.Errorf("%s: %d bytes more in huge pages, want %d and the last one at most", tt.strategy, got, tt.want)
		}
	}
}

// shmemHuge is how much shared memory the machine has in huge pages.
func shmemHuge(t *testing.T) int64 { t.Helper(); return meminfo(t, "ShmemHugePages") << 10 }

// Catches small pages that a copy passes off as huge ones: here they are what the kernel gives.
func TestTHPNotHad(t *testing.T) {
	withTHP(t)
	if err := unix.Prctl(unix.PR_SET_THP_DISABLE, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Prctl(unix.PR_SET_THP_DISABLE, 0, 0, 0, 0); err != nil {
			t.Error(err)
		}
	})
	wantNoneHuge(t)
}

// Catches pages that are larger than small ones and smaller than huge ones, with few page faults more than huge ones have.
// Kernels without (before 6.10) have nothing to be mistaken about.
func TestSmokeTHPOfOtherSizes(t *testing.T) {
	withTHP(t)
	sizes, err := filepath.Glob(thpSysfs + "hugepages-*kB/shmem_enabled")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range sizes {
		machineSetting(t, file, "never")
	}
	for _, kib := range []string{"64", "1024"} {
		file := thpSysfs + "hugepages-" + kib + "kB/shmem_enabled"
		if len(sizes) > 0 {
			machineSetting(t, file, "always")
			wantNoneHuge(t)
			machineSetting(t, file, "never")
		}
	}
}

// Catches another mapping's figure, and a kernel that gives none taken for one with no huge pages.
func TestHugeMapped(t *testing.T) {
	const smaps = "7f0000000000-7f0000200000 rw-s 00000000 00:01 7 /memfd:a\nRss: 4 kB\nShmemPmdMapped:     2048 kB\nLocked: 0 kB\n" +
		"7f0000400000-7f0000800000 rw-s 00000000 00:01 8 /memfd:b\nRss: 4 kB\nShmemPmdMapped:     4096 kB\nLocked: 0 kB\n"
	for addr, want := range map[uintptr]int64{0x7f0000000000: 2 << 20, 0x7f0000400000: 4 << 20} {
		if got, err := hugeMapped(smaps, addr); err != nil || got != want {
			t.Errorf("%#x: %d, %v; want %d", addr, got, err, want)
		}
	}
	for _, addr := range []uintptr{0x7f0000200000, 0xf0000000000} {
		if got, err := hugeMapped(smaps, addr); err == nil {
			t.Errorf("%#x: %d, want an error", addr, got)
		}
	}
	if got, err := hugeMapped("7f0000000000-7f0000200000 rw-s\nRss: 4 kB\n", 0x7f0000000000); err == nil {
		t.Errorf("without the field: %d, want an error", got)
	}
}

// wantNoneHuge has a copy in huge pages fail for want of them.
func wantNoneHuge(t *testing.T) {
	t.Helper()
	src := binary(t, 8<<20)
	c, err := Make(src, Options{Strategy: MemfdTHP, Fallback: []Strategy{Memfd}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.File.Close()
	if c.Strategy != Memfd || len(c.FellBack) != 1 || c.FellBack[0].Error() != "memfd-thp: 4 of 4 huge pages were not to be had" {
		t.Errorf("%s because of %v, want memfd for want of huge pages", c.Strategy, c.FellBack)
	}
}

// Catches a SIGBUS where the pool is too small, pages that are not given back, and a reason that does not name the pool.
func TestHugetlbPoolTooSmall(t *testing.T) {
	withPool(t, 2)
	src := binary(t, 5<<20)
	_, err := Make(src, Options{Strategy: MemfdHugetlb})
	wantError(t, err, "copy "+src.Name()+": memfd-hugetlb: the pool has not 3 free huge pages of 2048 KiB: fallocate: "+enoughFor(err))
	if free := meminfo(t, "HugePages_Free"); free != 2 {
		t.Errorf("%d of 2 huge pages are free afterwards", free)
	}
	c := mustMake(t, binary(t, 3<<20), Options{Strategy: MemfdHugetlb})
	c.File.Close()
	if free := meminfo(t, "HugePages_Free"); free != 2 {
		t.Errorf("%d of 2 huge pages are free after a copy's end", free)
	}
}

// enoughFor is which of the two errors for it the kernel gave: ENOSPC, or ENOMEM in newer ones.
func enoughFor(err error) string {
	if err != nil && strings.HasSuffix(err.Error(), unix.ENOMEM.Error()) {
		return unix.ENOMEM.Error()
	}
	return unix.ENOSPC.Error()
}
