package memfdclone

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/opencontainers/runc/libcontainer/exeseal"
	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/testenv"
)

var benchSizes = []int64{8 << 20, 16 << 20, 64 << 20}

// BenchmarkMake copies by each strategy. x-of-limit is the median of the copies' times, each over what the machine took at least
// just after it: see limit. What copies nothing has none.
func BenchmarkMake(b *testing.B) {
	for _, s := range Strategies() {
		for _, size := range benchSizes {
			b.Run(fmt.Sprintf("%s/%dMiB", s, size>>20), func(b *testing.B) { benchMake(b, s, size) })
		}
	}
}

func benchMake(b *testing.B, s Strategy, size int64) {
	needs(b, s, size)
	src := binary(b, size)
	o := Options{Strategy: s, Dir: b.TempDir()}
	var ratios []float64
	b.SetBytes(size)
	for b.Loop() {
		c, err := Make(src, o)
		if err != nil {
			b.Fatal(err)
		}
		c.File.Close()
		if c.Bytes > 0 {
			b.StopTimer()
			ratios = append(ratios, c.Took.Seconds()/limit(b, size).Seconds())
			b.StartTimer()
		}
	}
	if ratios != nil {
		b.ReportMetric(median(ratios), "x-of-limit")
	}
}

// needs has what the strategy needs on the machine, or skips.
func needs(t testing.TB, s Strategy, size int64) {
	t.Helper()
	switch s {
	case MemfdTHP:
		withTHP(t)
	case MemfdHugetlb:
		withPool(t, int(size>>20))
	case Overlayfs, Bind:
		testenv.Require(t, testenv.Root)
	}
}

// BenchmarkAgainstExeseal copies by a strategy and as libcontainer does for the same protection, in turn, so that a
// machine whose speed drifts changes neither more than the other. x-exeseal is the median of their ratios: below 1, the strategy is
// the faster. The strategies of huge pages are compared with exeseal's memfd.
func BenchmarkAgainstExeseal(b *testing.B) {
	for _, s := range []Strategy{Memfd, MemfdCopy, MemfdMmap, MemfdTHP, MemfdHugetlb, Tmpfile} {
		for _, size := range benchSizes {
			b.Run(fmt.Sprintf("%s/%dMiB", s, size>>20), func(b *testing.B) { benchAgainst(b, s, size) })
		}
	}
	b.Run("overlayfs", benchOverlayAgainst)
}

func benchAgainst(b *testing.B, s Strategy, size int64) {
	needs(b, s, size)
	src, dir := binary(b, size), b.TempDir()
	alternate := func() {
		inTurn(b, func() (*os.File, error) { return fileMade(src, Options{Strategy: s, Dir: dir}) }, func() (*os.File, error) {
			if _, err := src.Seek(0, io.SeekStart); err != nil {
				return nil, err
			}
			return exeseal.CloneBinary(src, size, "bench", dir)
		})
	}
	if s != Tmpfile {
		alternate()
		return
	}
	// exeseal makes one only where no memfd can be had.
	refusing(b, unix.EPERM, []call{{nr: unix.SYS_MEMFD_CREATE}}, alternate)
}

func fileMade(src *os.File, o Options) (*os.File, error) {
	c, err := Make(src, o)
	if err != nil {
		return nil, err
	}
	return c.File, nil
}

// benchOverlayAgainst copies this test binary, as exeseal makes an overlay of nothing else; a file's size does not matter to one.
func benchOverlayAgainst(b *testing.B) {
	testenv.Require(b, testenv.Root)
	// Opened once: libcontainer too has it opened for its check of whether it is sealed already, before it has it copied.
	src, dir := self(b), b.TempDir()
	ours := func() (*os.File, error) { return fileMade(src, Options{Strategy: Overlayfs, Dir: dir}) }
	inTurn(b, ours, func() (*os.File, error) {
		f, err := exeseal.CloneSelfExe(dir)
		if err == nil && exeseal.IsCloned(f) {
			f.Close()
			return nil, errors.New("exeseal made a memfd, as no overlay could be had")
		}
		return f, err
	})
}

// inTurn times two ways to make a file, each first every other time. Closing the file is not timed.
func inTurn(b *testing.B, ours, theirs func() (*os.File, error)) {
	var ratios, took []float64
	for i := 0; b.Loop(); i++ {
		var a, e float64
		if i%2 == 0 {
			a, e = timed(b, ours), timed(b, theirs)
		} else {
			e, a = timed(b, theirs), timed(b, ours)
		}
		ratios, took = append(ratios, a/e), append(took, a)
	}
	b.ReportMetric(median(ratios), "x-exeseal")
	b.ReportMetric(median(took), "ns/copy")
	b.ReportMetric(0, "ns/op") // both together: of no interest
}

func timed(b *testing.B, file func() (*os.File, error)) float64 {
	began := time.Now()
	f, err := file()
	took := time.Since(began)
	if err != nil {
		b.Fatal(err)
	}
	f.Close()
	return float64(took.Nanoseconds())
}

func median(of []float64) float64 {
	slices.Sort(of)
	return (of[len(of)/2] + of[(len(of)-1)/2]) / 2
}

// binary is a file of random bytes on the disk that temporary files are on, in the page cache.
func binary(t testing.TB, size int64) *os.File {
	t.Helper()
	content := make([]byte, size)
	seed := rand.NewChaCha8([32]byte{1})
	_, _ = seed.Read(content) // never fails
	return fileOf(t, content)
}

// fileOf is a file with this content in a directory of its own, open for reading alone.
func fileOf(t testing.TB, content []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "binary")
	if err := os.WriteFile(path, content, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// limit is what the machine takes at least to have size bytes once more in small pages of a memfd: to get the pages, by the
// cheapest call there is, and to copy from memory to memory. Only larger pages can be quicker.
func limit(t testing.TB, size int64) time.Duration {
	return memcpyTime(t, size) + pageTime(t, size, fallocated)
}

// memcpyTime is for memory in huge pages where there are any, as the kernel's own mapping of all memory is: under emulation
// small pages make it several times slower.
func memcpyTime(t testing.TB, size int64) time.Duration {
	from, to := prepared(t, size), prepared(t, size)
	began := time.Now()
	copy(to, from)
	took := time.Since(began)
	if err := errors.Join(unix.Munmap(from), unix.Munmap(to)); err != nil {
		t.Fatal(err)
	}
	return took
}

// prepared memory has its pages already.
func prepared(t testing.TB, size int64) []byte {
	t.Helper()
	m, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.Madvise(m, unix.MADV_HUGEPAGE) // a kernel without has small pages only
	touch(m)
	return m
}

// pageTime is how long a memfd takes to get its pages by one of three ways.
func pageTime(t testing.TB, size int64, get func(fd int, size int64) (time.Duration, error)) time.Duration {
	t.Helper()
	fd, err := newMemfd("pages", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer closeFD(fd)
	took, err := get(fd, size)
	if err != nil {
		t.Fatal(err)
	}
	return took
}

// fallocated pages are not even cleared.
func fallocated(fd int, size int64) (time.Duration, error) {
	began := time.Now()
	err := fallocate(fd, size)
	return time.Since(began), err
}

// faulted pages are touched one by one.
func faulted(fd int, size int64) (took time.Duration, err error) {
	err = throughMapping(fd, size, 0, func(m []byte) error {
		took = touch(m)
		return nil
	})
	return took, err
}

// anonymous memory, for comparison: the memfd stays empty.
func anonymous(_ int, size int64) (time.Duration, error) {
	m, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return 0, err
	}
	took := touch(m)
	return took, unix.Munmap(m)
}

func touch(m []byte) time.Duration {
	began := time.Now()
	for i := 0; i < len(m); i += os.Getpagesize() {
		m[i] = 1
	}
	return time.Since(began)
}

// BenchmarkMachine is what limit is made of, and what page faults take.
func BenchmarkMachine(b *testing.B) {
	for _, size := range benchSizes {
		for _, m := range []struct {
			name    string
			measure func() time.Duration
		}{
			{"memcpy", func() time.Duration { return memcpyTime(b, size) }},
			{"fallocate", func() time.Duration { return pageTime(b, size, fallocated) }},
			{"faults-shmem", func() time.Duration { return pageTime(b, size, faulted) }},
			{"faults-anonymous", func() time.Duration { return pageTime(b, size, anonymous) }},
		} {
			b.Run(fmt.Sprintf("%s/%dMiB", m.name, size>>20), func(b *testing.B) { benchMeasured(b, size, m.measure) })
		}
	}
}

func benchMeasured(b *testing.B, size int64, measure func() time.Duration) {
	var total time.Duration
	for range b.N {
		total += measure()
	}
	perOp := total / time.Duration(b.N)
	b.ReportMetric(float64(perOp.Nanoseconds()), "ns/op")
	b.ReportMetric(float64(size)/1e6/perOp.Seconds(), "MB/s")
	b.ReportMetric(float64(perOp.Nanoseconds())/float64(size)*float64(os.Getpagesize()), "ns/page")
}
