package scenarios_test

import (
	"fmt"

	"github.com/initbench/initbench/scenarios"
)

// A plan is a value: it can be looked at before anything is started.
func Example() {
	s, err := scenarios.Parse("small.yaml", []byte(`
name: small
drivers: [cgroupfs]
limits: [12MiB, 16MiB]
trials: 2
warmup: 0
judge: [oom.rate]
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	spec, err := scenarios.NewSpec([]scenarios.Scenario{s}, []scenarios.Runtime{
		{Name: "baseline", Ref: "runc@v1.1.14"}, {Name: "candidate", Ref: "runc@v1.1.15"},
	}, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	for t := range spec.Trials() {
		fmt.Println(t.Index, t.Block, t.Driver, scenarios.FormatSize(t.Limit), t.Arm)
	}
	// Output:
	// 0 0 cgroupfs 16MiB candidate
	// 1 0 cgroupfs 16MiB baseline
	// 2 0 cgroupfs 16MiB baseline
	// 3 0 cgroupfs 16MiB candidate
	// 4 1 cgroupfs 12MiB baseline
	// 5 1 cgroupfs 12MiB candidate
	// 6 1 cgroupfs 12MiB candidate
	// 7 1 cgroupfs 12MiB baseline
}

// What is wrong with a file is said in one line, with its place and what would be right.
func ExampleParse() {
	_, err := scenarios.Parse("small.yaml", []byte("name: small\ntrials: 2\nlimits: [16MB]\njudge: [oom.rate]\n"))
	fmt.Println(err)
	// Output: small.yaml:3:10: limits[0] "16MB" is not a size: write 16MiB (powers of 1024) or plain bytes
}
