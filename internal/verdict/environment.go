package verdict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// fact is one thing an environment or a scenario says of itself.
type fact struct{ name, value string }

// decisive are the facts two environments must share to be compared: each changes
// a latency, a charge or an outcome by itself.
func decisive(e results.Environment) []fact {
	return []fact{
		{"kernel", e.Kernel},
		{"architecture", e.Arch},
		{"cgroup set-up", e.Cgroup},
		{"systemd", e.Systemd},
		{"place", e.Where},
		{"accelerator", e.Accelerator},
		{"clock", e.Clock},
		{"CPU", e.CPU},
		{"number of CPUs", fmt.Sprint(e.CPUs)},
		{"page size", fmt.Sprint(e.PageSize)},
		{"transparent huge pages", e.THP},
		{"huge pages of shmem", e.ShmemTHP},
	}
}

// telling are facts that may differ, and are then said.
func telling(e results.Environment) []fact {
	return []fact{
		{"initbench", e.Initbench},
		{"operating system", e.OS},
		{"memory", fmt.Sprint(e.MemBytes)},
		{"swap", fmt.Sprint(e.SwapBytes)},
		{"QEMU", e.QEMU},
		{"clock source", e.Clocksource},
		{"observer", e.Observer},
	}
}

// differences lists the facts that a and b, lists of the same names, do not share.
func differences(a, b []fact) []string {
	var out []string
	for i := range a {
		if a[i].value != b[i].value {
			out = append(out, fmt.Sprintf("%s: %s and %s", a[i].name, orNone(a[i].value), orNone(b[i].value)))
		}
	}
	return out
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// compareEnvironments holds all environments against the first.
func compareEnvironments(envs []results.Environment) (invalid, warnings []string) {
	for _, e := range envs {
		invalid = appendNew(invalid, "environments differ: ", differences(decisive(envs[0]), decisive(e)))
		warnings = appendNew(warnings, "environments differ: ", differences(telling(envs[0]), telling(e)))
	}
	return invalid, warnings
}

func appendNew(list []string, prefix string, more []string) []string {
	for _, s := range more {
		if !slices.Contains(list, prefix+s) {
			list = append(list, prefix+s)
		}
	}
	return list
}

// doubts are what an environment alone says against its numbers.
func doubts(e results.Environment) []string {
	out := ClockDoubts(e)
	if why, none := strings.CutPrefix(e.Observer, "none: "); none {
		out = append(out, "nothing observed the trials, so that orders found, charges and counters are missing: "+why)
	}
	if e.SwapBytes > 0 {
		out = append(out, fmt.Sprintf("swap is on (%s)", Bytes.Format(float64(e.SwapBytes))))
	}
	return out
}

// ClockDoubts are what an environment says against every time measured in it, be it of one start.
func ClockDoubts(e results.Environment) []string {
	var out []string
	if onNoisyClock(e) {
		out = append(out, "the CPU is emulated (tcg) and the clock is the wall's: latencies are those of the emulator, page copies cost more than on hardware (see --clock instructions)")
	}
	if e.Clock == "instructions" {
		out = append(out, "the clock counts instructions: latencies compare with each other, not with a wall clock")
	}
	return out
}

// binaries warns of what two runtimes under test say about the comparison.
func binaries(ids [arms]results.RuntimeID) []string {
	var out []string
	for i, id := range ids {
		out = append(out, onTmpfs("the "+armNames[i], id)...)
	}
	if ids[baseline].SHA256 != "" && ids[baseline].SHA256 == ids[candidate].SHA256 {
		out = append(out, "baseline and candidate are the same binary")
	}
	return out
}

func onTmpfs(who string, id results.RuntimeID) []string {
	if id.Filesystem != "tmpfs" {
		return nil
	}
	return []string{who + " lies on tmpfs, where runc rc7 to 1.1.14 copy themselves though they do not on disk"}
}

// compareScenarios says where two runs did not do the same. The number of trials
// may differ; what a trial is may not.
func compareScenarios(a, b []scenarios.Scenario) []string {
	var out []string
	for _, sc := range a {
		i := slices.IndexFunc(b, func(other scenarios.Scenario) bool { return other.Name == sc.Name })
		if i < 0 {
			out = append(out, fmt.Sprintf("scenario %s is in the baseline's run alone", sc.Name))
			continue
		}
		for _, d := range differences(conditions(sc), conditions(b[i])) {
			out = append(out, fmt.Sprintf("scenario %s differs: %s", sc.Name, d))
		}
	}
	for _, sc := range b {
		if !slices.ContainsFunc(a, func(other scenarios.Scenario) bool { return other.Name == sc.Name }) {
			out = append(out, fmt.Sprintf("scenario %s is in the candidate's run alone", sc.Name))
		}
	}
	return out
}

func conditions(sc scenarios.Scenario) []fact {
	limits := make([]string, len(sc.Limits))
	for i, l := range sc.Limits {
		limits[i] = scenarios.FormatSize(l)
	}
	return []fact{
		{"drivers", fmt.Sprint(sc.Drivers)},
		{"limits", strings.Join(limits, ", ")},
		{"place of the limit", string(sc.Place)},
		{"orders", fmt.Sprint(sc.AllOrders())},
		{"observed", fmt.Sprint(sc.Observe)},
		{"containers", fmt.Sprint(sc.Containers)},
		{"concurrent", fmt.Sprint(sc.Concurrent)},
		{"timeout", sc.Timeout.String()},
		{"payload", fmt.Sprintf("%s of anonymous memory", scenarios.FormatSize(sc.Payload.AnonBytes))},
		{"network", networkText(sc.Network)},
		{"enumerated", enumerateText(sc.Enumerate)},
		{"clock", string(sc.Clock)},
		{"huge pages", string(sc.HugePages)},
		{"cycles", fmt.Sprint(sc.Cycles)},
		{"embedded", fmt.Sprint(sc.Embedded)},
		{"collector", string(sc.Collector)},
		{"watched", strings.Join(sc.Watch, ", ")},
		{"judged metrics", strings.Join(sc.Judge, ", ")},
	}
}
