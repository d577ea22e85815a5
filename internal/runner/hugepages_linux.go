package runner

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/scenarios"
)

// allowHugePages settles whether processes that this one starts from now on get transparent huge pages: the flag is this
// process's own memory's, is inherited by fork and stays over execve (prctl(2), PR_SET_THP_DISABLE). It
// is a group's, not a trial's, since trials that are made together are started by one process.
func allowHugePages(h scenarios.HugePages) error {
	disable := uintptr(0)
	if h == scenarios.NoHugePages {
		disable = 1
	}
	if err := unix.Prctl(unix.PR_SET_THP_DISABLE, disable, 0, 0, 0); err != nil {
		return fmt.Errorf("huge pages of trials: prctl(PR_SET_THP_DISABLE, %d): %w", disable, err)
	}
	return nil
}
