package scenarios

import (
	"fmt"
	"slices"

	"github.com/initbench/initbench/memfdclone"
)

// HugePages says whether trials may be given transparent huge pages.
type HugePages string

const (
	// MachinesHugePages is what the machine does (/sys/kernel/mm/transparent_hugepage/enabled).
	MachinesHugePages HugePages = ""
	// NoHugePages has a trial's processes get none, whatever the machine does (prctl(2), PR_SET_THP_DISABLE, which is
	// inherited). Where they are always used a start takes 2 MiB more or less by where its memory happens to lie: runc 1.2.6
	// peaks at 3.1 to 9.3 MiB with them and at 3.0 to 3.3 MiB without, so that its start threshold is a matter of chance.
	NoHugePages HugePages = "never"
)

func (s Scenario) hugePagesFlaw() *flaw {
	if s.HugePages != MachinesHugePages && s.HugePages != NoHugePages {
		return &flaw{"huge_pages", "huge_pages " + quoted(string(s.HugePages)), "write " + string(NoHugePages) + ", or leave huge_pages out: what the machine does"}
	}
	if i := slices.Index(s.Strategies, memfdclone.MemfdTHP); i >= 0 && s.HugePages == NoHugePages {
		return &flaw{fmt.Sprintf("strategies[%d]", i), string(memfdclone.MemfdTHP) + " without huge pages", "leave huge_pages out, or the strategy"}
	}
	return nil
}
