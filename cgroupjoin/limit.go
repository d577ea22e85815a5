package cgroupjoin

import (
	"fmt"
	"math"
	"os"
)

// NoLimit is what a reading of memory.max gives where the kernel says "max".
const NoLimit int64 = math.MaxInt64

// CheckLimit refuses a memory.max that cannot mean anything: the kernel counts
// pages, so less than one of them is a limit of zero.
func CheckLimit(bytes int64) error {
	if page := int64(os.Getpagesize()); bytes < page {
		return fmt.Errorf("memory limit of %d bytes: the smallest is one page, %d bytes", bytes, page)
	}
	return nil
}

// InForce is the memory.max that the kernel makes of an asked limit: it rounds
// down to whole pages, which differ between machines (64 KiB on some arm64).
func InForce(asked int64) int64 {
	return asked - asked%int64(os.Getpagesize())
}
