package scale

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/initbench/initbench/scenarios"
)

var records = flag.Int("records", 20_000, "records of the runs that commands are measured with; a million are 1.5 GB, twice while they are merged")

// BenchmarkCommands is what merging, comparing and reporting take as a user has them: a process of their own each, with its
// time, its CPU time and the most memory it had.
//
//	go test -run '^$' -bench Commands -benchtime 1x ./scripts/bench/scale -records 1000000
func BenchmarkCommands(b *testing.B) {
	dir := b.TempDir()
	initbench := filepath.Join(dir, "initbench")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", initbench, "github.com/initbench/initbench/cmd/initbench").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	for name, shape := range map[string]Shape{"gate": Gate, "startup": Startup} {
		below := filepath.Join(dir, name)
		merged := filepath.Join(below, "merged")
		each := min(*records/2, scenarios.MaxTrials)
		dirs, err := Write(below, shape, (*records+each-1)/each, each)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name+"/merge", func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				if err := os.RemoveAll(merged); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				measure(b, initbench, slices.Concat([]string{"merge", "-o", merged}, dirs)...)
			}
		})
		b.Run(name+"/compare", func(b *testing.B) {
			for b.Loop() {
				measure(b, initbench, "compare", merged)
			}
		})
		b.Run(name+"/report.html", func(b *testing.B) {
			for b.Loop() {
				measure(b, initbench, "report", merged, "-o", filepath.Join(below, "report.html"))
			}
		})
		if err := os.RemoveAll(below); err != nil { // the next takes as much
			b.Fatal(err)
		}
	}
}

// measure runs a command, which may rule as it likes, and says what it took.
func measure(b *testing.B, name string, args ...string) {
	cmd := exec.Command(name, args...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && slices.Contains([]int{1, 3}, exit.ExitCode()) {
		err = nil // regressed, or inconclusive
	}
	if err != nil {
		b.Fatalf("%v: %v: %s", args, err, out)
	}
	state := cmd.ProcessState
	b.ReportMetric((state.UserTime() + state.SystemTime()).Seconds(), "cpu-s")
	b.ReportMetric(float64(state.SysUsage().(*syscall.Rusage).Maxrss)/1024, "MB-peak")
}
