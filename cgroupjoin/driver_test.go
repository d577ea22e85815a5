package cgroupjoin_test

import (
	"fmt"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
)

// Catches a driver that is listed and not understood.
func TestParseDriver(t *testing.T) {
	for _, d := range cgroupjoin.Drivers() {
		if got, err := cgroupjoin.ParseDriver(string(d)); got != d || err != nil {
			t.Errorf("ParseDriver(%q) = %q, %v", d, got, err)
		}
	}
}

func ExampleParseDriver() {
	_, err := cgroupjoin.ParseDriver("docker")
	fmt.Println(err)
	// Output: driver "docker" is not one of cgroupfs, systemd
}
