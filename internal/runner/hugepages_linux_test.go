package runner

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/initbench/initbench/scenarios"
)

// Catches a flag that does not reach what is started, and one that stays on for the trials that come after.
func TestHugePagesOfWhatIsStarted(t *testing.T) {
	t.Cleanup(func() {
		if err := allowHugePages(scenarios.MachinesHugePages); err != nil {
			t.Error(err)
		}
	})
	for _, of := range []struct {
		pages scenarios.HugePages
		want  string
	}{{scenarios.NoHugePages, "THP_enabled:\t0\n"}, {scenarios.MachinesHugePages, "THP_enabled:\t1\n"}} {
		if err := allowHugePages(of.pages); err != nil {
			t.Fatal(err)
		}
		// A grandchild: the runtime starts the container's init.
		status, err := exec.Command("sh", "-c", "cat /proc/self/status; :").Output()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(status), of.want) {
			t.Errorf("huge pages %q: no line %q in\n%s", of.pages, of.want, status)
		}
	}
}
