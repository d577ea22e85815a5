package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Catches a part of a policy that is lost or becomes another when a run stores it, so that the run is judged by what nobody chose.
func TestAStoredPolicyIsTheSame(t *testing.T) {
	for name, text := range map[string]string{
		"default": "max_time: 6m\n",
		"all": `scenarios: [startup, oom-limits, "a file: with #, \"odd\".yaml"]
drivers: [systemd]
limits: [8MiB, 12MiB]
max_time: none
alpha: 0.000001
noisy_clock: fail
metrics:
  start.latency: {margin: "3.25 %, at least 2ms", severity: warn}
  start.threshold: {margin: 300KiB}
  oom.rate: {margin: 12.5 points, severity: ignore}
  start.syscalls: {margin: 17}
ceilings:
  - start.threshold <= 12MiB in worst order
  - oom.rate at 16MiB = 0 under cgroupfs
  - oom.rate at 12MiB <= 12.5 % of oom-limits
  - start.latency <= 1.5s in join-before-clone order
  - {metric: container.memory.peak, driver: systemd, at_most: 16MiB, severity: warn}
  - start.syscalls <= 4000
`,
	} {
		p, err := Parse("p.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		again, err := Stored("run", Render(p))
		if err != nil {
			t.Fatalf("%s: %v in\n%s", name, err, Render(p))
		}
		if diff := cmp.Diff(p, again, cmpopts.IgnoreUnexported(Policy{}), cmpopts.IgnoreFields(Policy{}, "File", "Text"), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: (-was +is)\n%s", name, diff)
		}
	}
}
