package runner

import (
	"errors"
	"io"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/journal"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// Catches a trial by the instruction clock whose files are on a disk that its guest would wait for, one by another clock whose charges
// would be those of shared memory, and a mount that outlives the run.
func TestWorkDir(t *testing.T) {
	require(t)
	for clock, inMemory := range map[scenarios.Clock]bool{scenarios.Instructions: true, "wall": false} {
		t.Run(string(clock), func(t *testing.T) {
			j := job(scenario(cgroupjoin.Cgroupfs), map[string]string{"crun": "crun"})
			j.Lane.Clock = string(clock)
			checkWorkDir(t, j, inMemory)
			for _, r := range collect(t, j).records {
				if r.Outcome != results.Started || len(r.Leaks)+len(r.Warnings) > 0 {
					t.Errorf("trial %d: %s %s, leaks %v, warnings %v", r.Index, r.Outcome, r.Reason, r.Leaks, r.Warnings)
				}
			}
		})
	}
}

func checkWorkDir(t *testing.T, j Job, inMemory bool) {
	t.Helper()
	lock, err := journal.Lock(journal.Base())
	if err != nil {
		t.Fatal(err)
	}
	c := frugal(j, &memory{}, io.Discard)
	openErr := c.open(t.Context())
	var st unix.Statfs_t
	statErr := unix.Statfs(c.rootfs.Dir, &st)
	some, mountErr := c.mounts.any()
	if err := errors.Join(openErr, statErr, mountErr, c.close(), lock.Unlock()); err != nil {
		t.Fatal(err)
	}
	if got := st.Type == unix.TMPFS_MAGIC; got != inMemory || !strings.HasPrefix(c.rootfs.Dir, c.work+"/") {
		t.Errorf("root %s in memory: %v, want %v", c.rootfs.Dir, got, inMemory)
	}
	if some {
		t.Error("the run's own mount is taken for one that a runtime left")
	}
	if left, err := Remains(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("remains %v, %v", left, err)
	}
}
