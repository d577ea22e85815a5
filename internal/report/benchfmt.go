package report

import (
	"fmt"
	"io"
	"math"
	"strings"

	"golang.org/x/perf/benchfmt"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// bench writes the Go benchmark format (golang.org/design/14313-benchmark-format),
// one line a unit of inference, so that `benchstat -col arm FILE` compares a gate's arms its own way.
type bench struct {
	w   *benchfmt.Writer
	err error
}

// What the format has no word for, and must be told that less of it is better.
var ownUnits = []string{"fraction", "things/op", "syscalls/op", "faults/op"}

// benchUnit is what the format calls a metric's unit; it knows that less of ns/op and B/op is better.
func benchUnit(name string, u verdict.Unit) string {
	switch {
	case u == verdict.Nanoseconds:
		return "ns/op"
	case u == verdict.Bytes:
		return "B/op"
	case u == verdict.Fraction:
		return "fraction"
	case name == scenarios.StartSyscalls:
		return "syscalls/op"
	case name == scenarios.StartPageFaults:
		return "faults/op"
	}
	return "things/op"
}

func newBench(w io.Writer) *bench {
	b := &bench{w: benchfmt.NewWriter(w)}
	for _, unit := range ownUnits {
		b.write(&benchfmt.UnitMetadata{
			UnitMetadataKey: benchfmt.UnitMetadataKey{Unit: unit, Key: "better"}, OrigUnit: unit, Value: "lower",
		})
	}
	return b
}

func (b *bench) write(r benchfmt.Record) {
	if b.err == nil {
		b.err = b.w.Write(r)
	}
}

func (b *bench) values(config []benchfmt.Config, name, unit string, values ...float64) {
	for _, x := range values {
		b.write(&benchfmt.Result{
			Config: config, Name: benchfmt.Name(name), Iters: 1,
			Values: []benchfmt.Value{{Value: x, Unit: unit}},
		})
	}
}

func verdictBenchfmt(w io.Writer, v verdict.Verdict) error {
	b := newBench(w)
	names := []string{"baseline", "candidate"}
	common := benchConfig(v.Environment, phrase.Clocks(v.Environment, v.Environments), names, []results.RuntimeID{v.Baseline, v.Candidate})
	common = append(common, fileConfig("verdict", v.Headline()))
	for i, arm := range names {
		config := append([]benchfmt.Config{fileConfig("arm", arm)}, common...)
		for _, m := range v.Metrics {
			a := []verdict.Arm{m.Baseline, m.Candidate}[i]
			unit, name := benchUnit(m.Name, m.Unit), benchName(m.Name, m.Scenario, string(m.Driver), string(m.Order), m.Build, m.Place, m.Limit)+benchEnumeration(m.Enumerate)+phrase.After("/process=", m.Process)
			switch {
			case a.N == 0 || math.IsNaN(a.Center): // nothing was measured: no line
			case a.Values == nil:
				b.values(config, name, unit, a.Center)
			default:
				b.values(config, name, unit, a.Values...)
			}
		}
	}
	return b.finish()
}

func (b *bench) finish() error {
	if b.err != nil {
		return fmt.Errorf("report: benchfmt: %w", b.err)
	}
	return nil
}

// benchConfig are the lines above the results: what benchstat calls file
// configuration. It puts results that differ in any of them into different tables,
// so only the arm may: what each arm is stands above both.
func benchConfig(e results.Environment, clocks string, names []string, ids []results.RuntimeID) []benchfmt.Config {
	var config []benchfmt.Config
	for i, id := range ids {
		config = append(config, fileConfig("binary-"+names[i], phrase.Binary(id)))
	}
	for _, kv := range [][2]string{
		{"kernel", e.Kernel}, {"arch", e.Arch}, {"systemd", e.Systemd}, {"accelerator", e.Accelerator}, {"clock", clocks}, {"cpu", e.CPU},
	} {
		if kv[1] != "" { // no value deletes the key
			config = append(config, fileConfig(kv[0], kv[1]))
		}
	}
	return config
}

// fileConfig keeps a value to its one line.
func fileConfig(key, value string) benchfmt.Config {
	return benchfmt.Config{Key: key, Value: []byte(strings.Join(strings.Fields(value), " ")), File: true}
}

// benchEnumeration is "/subnets=2^32/how=eager", or nothing.
func benchEnumeration(e scenarios.Enumeration) string {
	if e == (scenarios.Enumeration{}) {
		return ""
	}
	return fmt.Sprintf("/subnets=2^%d/how=%s", e.Bits, e.How)
}

// benchName turns start.latency into StartLatency/scenario=startup/driver=cgroupfs/order=natural.
func benchName(metric, scenario, driver, order string, build scenarios.Build, place cgroupjoin.Place, limitBytes int64) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(metric, func(r rune) bool { return strings.ContainsRune("._:-", r) }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	fmt.Fprintf(&b, "/scenario=%s/driver=%s/order=%s", scenario, driver, order)
	for _, part := range [][2]string{{"clone", string(build.Clone)}, {"strategy", string(build.Strategy)}} {
		b.WriteString(phrase.After("/"+part[0]+"=", part[1]))
	}
	if build.BinaryBytes != 0 {
		b.WriteString("/binary=" + limit(build.BinaryBytes))
	}
	if limitBytes != 0 {
		b.WriteString("/limit=" + limit(limitBytes))
	}
	if place == cgroupjoin.OnAncestor && build != (scenarios.Build{}) {
		b.WriteString("/place=ancestor")
	}
	return b.String()
}
