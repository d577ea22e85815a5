package lease

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/initbench/initbench/internal/pool"
)

// leaser is the variable that has this binary lease as many subnets of a pool as the smaller one has, and say its own peak in memory: DIR BASE SIZE.
const leaser = "INITBENCH_TEST_LEASE_PEAK"

// peakOfLeasing leases and returns the largest resident set that this process ever had, in bytes.
func peakOfLeasing(args []string) (int64, error) {
	size, err := strconv.Atoi(args[2])
	if err != nil {
		return 0, err
	}
	p, err := pool.New(args[1], size)
	if err != nil {
		return 0, err
	}
	a, err := Open(args[0], p)
	if err != nil {
		return 0, err
	}
	for range 1 << 4 {
		if _, err := a.Next("o"); err != nil {
			return 0, err
		}
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	return hwm(string(status))
}

var hwmLine = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

func hwm(status string) (int64, error) {
	m := hwmLine.FindStringSubmatch(status)
	if m == nil {
		return 0, fmt.Errorf("no VmHWM in %q", status)
	}
	kib, err := strconv.ParseInt(m[1], 10, 64)
	return kib << 10, err
}

// BenchmarkPeak holds the peak of a whole process (VmHWM) that leases subnets of a pool of 2^64 to that of one with a pool of 2^4, and fails
// where the smallest peaks of each are a MiB apart: what else the kernel has resident varies by some pages from one process to the next.
func BenchmarkPeak(b *testing.B) {
	least := map[int]int64{}
	for _, bits := range []int{4, 64} {
		b.Run(fmt.Sprintf("subnets=2^%d", bits), func(b *testing.B) {
			for b.Loop() {
				peak := peakOf(b, bits)
				if least[bits] == 0 || peak < least[bits] {
					least[bits] = peak
				}
			}
			b.ReportMetric(float64(least[bits]), "VmHWM-B")
		})
	}
	if len(least) < 2 {
		return // -bench asked for one of them alone
	}
	if apart := least[64] - least[4]; apart > 1<<20 || apart < -1<<20 {
		b.Errorf("peak memory is %d bytes with 2^4 subnets and %d with 2^64", least[4], least[64])
	}
}

func peakOf(b *testing.B, bits int) int64 {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), leaser+"="+strings.Join([]string{b.TempDir(), "fd00::/16", strconv.Itoa(16 + bits)}, " "))
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	peak, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return peak
}
