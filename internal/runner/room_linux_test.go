package runner

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/scenarios"
)

// Catches a plan that fills the disk or the memory halfway, one that is refused although it fits, and files made before it is asked.
func TestBuildsThatDoNotFit(t *testing.T) {
	spec := scenarios.Spec{Scenarios: []scenarios.Scenario{{
		Name: "wide", Drivers: cgroupjoin.Drivers(), Trials: 1, Containers: 1,
		Clones: []memfdclone.Where{memfdclone.Once, memfdclone.InParent}, Strategies: []memfdclone.Strategy{memfdclone.Memfd, memfdclone.MemfdTHP},
		Sizes: []int64{8 << 20, 16 << 20},
	}}}
	// Two files; of each, two copies. Two arms of one binary share them.
	for _, test := range []struct {
		has  room
		want string
	}{
		{room{disk: 24 << 20, memory: 96 << 20}, ""},
		{room{disk: 24<<20 - 1, memory: 96 << 20}, "pads the built-in runtime to 2 files of 24 MiB together, and the disk has 23 MiB free: choose"},
		{room{disk: 24 << 20, memory: 96<<20 - 2}, "keeps 4 copies of clone=once with 48 MiB together to the end, more than half of the 95 MiB"},
	} {
		dir := t.TempDir()
		path := filepath.Join(t.TempDir(), "cat")
		if err := os.WriteFile(path, cat(t), 0o755); err != nil {
			t.Fatal(err)
		}
		spec.Runtimes = []scenarios.Runtime{{Name: "a", Ref: "builtin"}, {Name: "b", Ref: "builtin:cgroup=early"}}
		c := &collector{notes: io.Discard, dir: dir, job: Job{Spec: spec, Binaries: map[string]string{"a": path, "b": path}},
			room: func(string) (room, error) { return test.has, nil }}
		err := c.identify(context.Background())
		var env *EnvError
		if (err == nil) != (test.want == "") || err != nil && (!errors.As(err, &env) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%+v: %v, want one line with %q", test.has, err, test.want)
		}
		if made, err := os.ReadDir(dir); err != nil || (len(made) > 0) != (test.want == "") {
			t.Errorf("%+v: made %v, %v", test.has, made, err)
		}
	}
}

// Catches room that is asked for in other units than bytes, or of nothing.
func TestRoomOfThisMachine(t *testing.T) {
	has, err := roomAt(t.TempDir())
	if err != nil || has.disk < 1<<20 || has.memory < 1<<20 || has.memory > 1<<50 {
		t.Errorf("%+v, %v", has, err)
	}
	if has, err := roomAt("/nonexistent"); err == nil {
		t.Errorf("nowhere: %+v", has)
	}
}
