package killat

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/sequence"
)

// Catches a point in docs/lifecycle.md that is none, and one that is missing there.
func TestFindingsOfPoints(t *testing.T) {
	data, err := os.ReadFile("../../../docs/lifecycle.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(data), "the words are those of [`trace`]")
	text, _, _ = strings.Cut(text, "The first of each kind")
	documented := map[lifecycle.Point]bool{}
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(text, -1) {
		documented[lifecycle.Point(m[1])] = true
	}
	all := map[lifecycle.Point]bool{}
	for _, s := range []sequence.Step{
		sequence.Fork, sequence.BornInCgroup, sequence.MemfdCreate, sequence.CloneSealed, sequence.Fexecve, sequence.CgroupCreate, sequence.Join,
		sequence.LimitWritten, sequence.Unshare, sequence.PivotRoot, sequence.CgroupRemove, sequence.Exit,
		Mount, StateCreate, StateWrite, StateRemove, PIDFile, FIFOOpen, FIFOOpened, FIFORemove, Joined, Signal, DeviceFilter, UnitStart, UnitStop, UnitReset,
	} {
		all[lifecycle.PointOf(s, 1)] = true
	}
	if !maps.Equal(documented, all) {
		t.Errorf("documented are %q, and there are %q", slices.Sorted(maps.Keys(documented)), slices.Sorted(maps.Keys(all)))
	}
}
