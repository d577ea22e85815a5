package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/internal/runner"
	"github.com/initbench/initbench/internal/vm"
)

// Catches a fault that is told with two remedies, of which one may be wrong, and one that is told with none.
func TestAFaultHasOneRemedy(t *testing.T) {
	cause := errors.New("gone")
	for _, c := range []struct {
		err            error
		detail, remedy string
	}{
		{&runner.EnvError{Err: &cgroupjoin.RootError{Root: "/cg", Remedy: "boot otherwise"}}, "cgroup v2: /cg is not a cgroup2 mount (a v1 or hybrid layout)", "boot otherwise"},
		{&vm.EnvError{Problem: "no QEMU", Remedy: "apt-get install it", Cause: cause}, "no QEMU: gone", "apt-get install it"},
		{&ociruntime.EnvError{What: "find it", Reason: "not there", Remedy: "make build"}, "find it: not there", "make build"},
		{&vm.EnvError{Problem: "no QEMU", Cause: cause}, "no QEMU: gone", "otherwise"},
		{fmt.Errorf("%w, in the end", &vm.EnvError{Problem: "no QEMU", Remedy: "apt-get install it"}), "no QEMU (apt-get install it), in the end", "otherwise"},
		{cause, "gone", "otherwise"},
	} {
		if got := found("it", c.err, "", "otherwise"); got != (finding{"it", "no", c.detail, c.remedy}) {
			t.Errorf("%v: %+v", c.err, got)
		}
	}
}
