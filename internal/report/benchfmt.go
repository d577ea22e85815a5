package report

import (
	"fmt"
	"io"
	"strings"

	"golang.org/x/perf/benchfmt"

	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
)

// bench writes the Go benchmark format (golang.org/design/14313-benchmark-format),
// one line a unit of inference, so that `benchstat -col arm FILE` compares a gate's arms its own way.
type bench struct {
	w   *benchfmt.Writer
	err error
}

// units by what the format calls them; it knows that less of ns/op and B/op is better.
var benchUnits = map[verdict.Unit]string{
	verdict.Nanoseconds: "ns/op",
	verdict.Bytes:       "B/op",
	verdict.Fraction:    "fraction",
	verdict.Counted:     "things/op",
}

func newBench(w io.Writer) *bench {
	b := &bench{w: benchfmt.NewWriter(w)}
	for _, u := range []verdict.Unit{verdict.Fraction, verdict.Counted} {
		unit := benchUnits[u]
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

func (b *bench) values(config []benchfmt.Config, name string, unit verdict.Unit, values ...float64) {
	for _, x := range values {
		b.write(&benchfmt.Result{
			Config: config, Name: benchfmt.Name(name), Iters: 1,
			Values: []benchfmt.Value{{Value: x, Unit: benchUnits[unit]}},
		})
	}
}

func verdictBenchfmt(w io.Writer, v verdict.Verdict) error {
	b := newBench(w)
	names := []string{"baseline", "candidate"}
	common := benchConfig(v.Environment, names, []results.RuntimeID{v.Baseline, v.Candidate})
	for i, arm := range names {
		config := append([]benchfmt.Config{fileConfig("arm", arm)}, common...)
		for _, m := range v.Metrics {
			a := []verdict.Arm{m.Baseline, m.Candidate}[i]
			name := benchName(m.Name, m.Scenario, string(m.Driver), string(m.Order), m.Limit)
			switch {
			case a.N == 0: // nothing was measured: no line
			case a.Values == nil:
				b.values(config, name, m.Unit, a.Center)
			default:
				b.values(config, name, m.Unit, a.Values...)
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
func benchConfig(e results.Environment, names []string, ids []results.RuntimeID) []benchfmt.Config {
	var config []benchfmt.Config
	for i, id := range ids {
		config = append(config, fileConfig("binary-"+names[i], binary(id)))
	}
	for _, kv := range [][2]string{
		{"kernel", e.Kernel}, {"arch", e.Arch}, {"systemd", e.Systemd}, {"accelerator", e.Accelerator}, {"clock", e.Clock}, {"cpu", e.CPU},
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

// benchName turns start.latency into StartLatency/scenario=startup/driver=cgroupfs/order=natural.
func benchName(metric, scenario, driver, order string, limitBytes int64) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(metric, func(r rune) bool { return r == '.' || r == '_' }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	fmt.Fprintf(&b, "/scenario=%s/driver=%s/order=%s", scenario, driver, order)
	if limitBytes != 0 {
		b.WriteString("/limit=" + limit(limitBytes))
	}
	return b.String()
}
