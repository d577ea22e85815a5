package scenarios

import (
	"testing"
)

// Catches a scenario that mixes clocks, one that asks a guest of one CPU for races and charges, and a mistake without its place.
func TestClockOfScenario(t *testing.T) {
	const rest = "name: mine\ntrials: 2\n"
	own := "write start.latency.instructions, start.cpu.instructions"
	for _, test := range []struct{ file, want string }{
		{"clock: sundial\njudge: [start.latency]\n", `3:8: clock "sundial": write instructions, or leave clock out: the run's own`},
		{"clock: wall\njudge: [start.latency]\n", `3:8: clock "wall": write instructions, or leave clock out: the run's own`},
		{"clock: [instructions]\njudge: [start.latency]\n", "3:8: clock is a sequence, not text: write a word, or put it in quotes"},
		{"clock: instructions\njudge: [start.cpu.instructions, start.latency]\n", "4:33: metric start.latency by the clock instructions: " + own},
		{"clock: instructions\njudge: [container.memory.peak]\n", "4:9: metric container.memory.peak by the clock instructions: " + own},
		{"clock: instructions\nlimits: [16MiB]\njudge: [oom.rate]\n", "5:9: metric oom.rate by the clock instructions: " + own},
		{"clock: instructions\nobserve: true\njudge: [start.cpu.instructions]\n",
			"5:9: metric start.cpu.instructions under the observer: observing takes time: judge it in a scenario without observe"},
		{"clock: instructions\norders: [join-before-clone]\njudge: [start.cpu.instructions]\n",
			"5:9: metric start.cpu.instructions where an order is imposed: imposing takes time: judge it in a scenario with no order but the natural one"},
		{"judge: [start.cpu, start.cpu.instructions]\n",
			"3:20: metric start.cpu.instructions by whatever clock: add clock: instructions to a scenario that judges start.latency.instructions, start.cpu.instructions and nothing else"},
	} {
		_, err := Parse("f.yaml", []byte(rest+test.file))
		if err == nil || err.Error() != "f.yaml:"+test.want {
			t.Errorf("%q:\ngot  %v\nwant f.yaml:%s", test.file, err, test.want)
		}
	}
}

// Catches a catalogue scenario that lost its clock, and a metric of a clock that is another quantity.
func TestInstructions(t *testing.T) {
	s := mustLoad(t, "instructions")
	if s.Clock != Instructions || !s.Timed() || s.Observes() {
		t.Errorf("clock %q, timed %t, observed %t", s.Clock, s.Timed(), s.Observes())
	}
	for name, want := range map[string]string{StartLatencyInstructions: StartLatency, StartCPUInstructions: StartCPU, StartLatency: StartLatency, OOMRate: OOMRate} {
		if m, ok := MetricNamed(name); !ok || m.Measured() != want {
			t.Errorf("%s measures %s, want %s", name, m.Measured(), want)
		}
	}
	with, without := Spec{Scenarios: []Scenario{s}}, Spec{Scenarios: []Scenario{mustLoad(t, "startup")}}
	if !with.HasClock() || without.HasClock() {
		t.Errorf("instructions has a clock: %t, startup: %t", with.HasClock(), without.HasClock())
	}
}
