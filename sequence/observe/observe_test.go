package observe

import (
	"os"
	"testing"
)

// Catches a ring size that the kernel would refuse with no more than EINVAL.
func TestRingBytes(t *testing.T) {
	page := os.Getpagesize()
	for n, valid := range map[int]bool{0: true, page: true, 8 * page: true, page / 2: false, page + 1: false, 3 * page: false, -page: false, 1 << 31: false} {
		got, err := Options{RingBytes: n}.ringBytes()
		if (err == nil) != valid {
			t.Errorf("%d bytes: %v, want valid %v", n, err, valid)
		}
		if valid && n != 0 && int(got) != n {
			t.Errorf("%d bytes became %d", n, got)
		}
	}
}
