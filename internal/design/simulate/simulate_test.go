package simulate

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/initbench/initbench/internal/design"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// stored is a run of testdata: runc 1.2.6 against itself in a bookworm guest under TCG, by the wall's clock or by one that counts
// instructions. They are runs as `initbench gate --trials N` wrote them, their records packed by gzip -9n.
func stored(t testing.TB, name string) *results.Run {
	t.Helper()
	dir := t.TempDir()
	header, err := os.ReadFile(filepath.Join("testdata", name, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	packed, err := os.Open(filepath.Join("testdata", name, "records.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	records, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(records)
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string][]byte{"run.json": header, "records.jsonl": text} {
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run, err := results.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func world(t testing.TB, name string) (*World, results.Header) {
	t.Helper()
	run := stored(t, name)
	w, err := Read(verdict.Stored(run))
	if err != nil {
		t.Fatal(err)
	}
	return w, run.Header
}

// adaptive is a gate of the scenarios that were stored.
func adaptive(h results.Header, maxTime time.Duration) results.Header {
	h.Design = design.Default(maxTime)
	h.Spec = design.Adapt(h.Spec, *h.Design)
	return h
}

// inParallel plays gates on all CPUs.
func inParallel(t testing.TB, w *World, h results.Header, n int, judge verdict.Options, plant Plant) []Played {
	t.Helper()
	all, errs := make([]Played, n), make([]error, n)
	var wg sync.WaitGroup
	slots := make(chan struct{}, 4)
	for seed := range n {
		slots <- struct{}{}
		wg.Go(func() {
			all[seed], errs[seed] = w.Gate(h, judge, plant, uint64(seed))
			<-slots
		})
	}
	wg.Wait()
	for seed, err := range errs {
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	return all
}

func rulings(all []Played) map[verdict.Ruling]int {
	n := map[verdict.Ruling]int{}
	for _, p := range all {
		n[p.Verdict.Ruling]++
	}
	return n
}

// Catches a design, an interval or a family that accuses a runtime which is its own baseline: of 200 gates of real
// records, half of them of a noisy clock, at most 1 % may be regressed. -short plays a tenth.
func TestGatesOfOneRuntimeAreNotRegressed(t *testing.T) {
	gates := 100
	if testing.Short() {
		gates = 10
	}
	regressed := 0
	for _, name := range []string{"wall", "instructions"} {
		w, h := world(t, name)
		all := inParallel(t, w, adaptive(h, 6*time.Minute), gates, untold(), nil)
		t.Logf("%s clock: %v of %d gates (seeds 0 to %d)", name, rulings(all), gates, gates-1)
		for seed, p := range all {
			if p.Verdict.Ruling == verdict.Regressed || p.Verdict.Ruling == verdict.Invalid {
				regressed++
				t.Logf("seed %d of %s: %v", seed, name, p.Verdict.Reasons)
			}
		}
	}
	if regressed*100 > gates*2 {
		t.Errorf("%d of %d gates of a runtime against itself are regressed", regressed, 2*gates)
	}
}

// Catches a gate that is too tired to see what it is there for: a start that takes 5 % longer, where the clock tells that at
// all, 200 more system calls and 1 MiB more charged before exec.
func TestPlantsAreFound(t *testing.T) {
	gates := 10
	if testing.Short() {
		gates = 3
	}
	for _, test := range []struct {
		clock, metric string
		plant         Plant
	}{
		{"instructions", scenarios.StartLatency, Slower(0.05)},
		{"wall", scenarios.StartPageFaults, More(scenarios.StartPageFaults, 200)},
		{"wall", scenarios.ContainerChargedAtExec, More(scenarios.ContainerChargedAtExec, 1<<20)},
		{"wall", scenarios.StartLatency, Slower(0.25)},
	} {
		w, h := world(t, test.clock)
		found, starts := 0, 0
		for _, p := range inParallel(t, w, adaptive(h, 6*time.Minute), gates, untold(), test.plant) {
			found += one(isFound(p.Verdict, test.metric))
			starts += p.Starts
		}
		t.Logf("%s clock: %s was found by %d of %d gates, with %d starts each", test.clock, test.metric, found, gates, starts/gates)
		if found < gates {
			t.Errorf("%s clock: %s was found by %d of %d gates", test.clock, test.metric, found, gates)
		}
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Catches a simulation that draws other trials than those stored, or that is not the same twice.
func TestGateIsReproducible(t *testing.T) {
	w, h := world(t, "instructions")
	h = adaptive(h, time.Minute)
	a, b := inParallel(t, w, h, 2, untold(), nil), inParallel(t, w, h, 2, untold(), nil)
	for i := range a {
		if got, want := said(a[i]), said(b[i]); got != want {
			t.Errorf("seed %d gives\n%s\nand then\n%s", i, got, want)
		}
	}
	if said(a[0]) == said(a[1]) {
		t.Error("two seeds give the same gate")
	}
}

func said(p Played) (text string) {
	for _, m := range p.Verdict.Metrics {
		text += m.Reason + "\n"
	}
	return text
}

// untold leaves out what the observer of the stored runs did not tell apart: calls that wait.
func untold() verdict.Options {
	return verdict.Options{Severities: map[string]verdict.Severity{scenarios.StartSyscalls: verdict.Ignore}}
}

// Catches a calibration that finds what cannot be found, proposes a margin that would not hold, or none where it is needed.
func TestCalibrate(t *testing.T) {
	w, h := world(t, "instructions")
	h, ok := w.Playable(h, *design.Default(3 * time.Minute))
	if !ok {
		t.Fatal("nothing can be played")
	}
	h.Spec.Scenarios = h.Spec.Scenarios[:1]
	h.Spec.Scenarios[0].Drivers = h.Spec.Scenarios[0].Drivers[:1]
	h.Spec.Scenarios[0].Judge = []string{scenarios.StartLatency, scenarios.StartCPU}
	c, err := w.Calibrate(t.Context(), h, untold(), 10, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	if c.Regressed > 0 || c.FalseAlarmsHi < 0.2 || len(c.Rows) != 2 || c.Starts < 40 || c.Took <= 0 || c.Took > 4*time.Minute {
		t.Errorf("%+v", c)
	}
	for _, r := range c.Rows {
		t.Logf("%s: %d blocks, margin %.3f, needs %.3f, finds %.3f", r.Metric, r.Blocks, r.Margin, *r.Needs, *r.Finds)
		if *r.Finds <= r.Margin || *r.Finds > r.Margin+2.5**r.Needs+0.01 {
			t.Errorf("%s needs a margin of %.3f and finds %.3f beyond one of %.3f", r.Metric, *r.Needs, *r.Finds, r.Margin)
		}
	}
	c.Rows[0].Needs, c.Rows[0].Margin = finite(0.0311), 0.02
	c.Rows[1].Needs, c.Rows[1].Margin = finite(0.01), 0.02
	got := c.Propose(map[string]verdict.Margin{scenarios.StartLatency: {Fraction: 0.02, AtLeast: 5}})
	if want := (verdict.Margin{Fraction: 0.035, AtLeast: 5}); len(got) != 1 || got[scenarios.StartLatency] != want {
		t.Errorf("proposed %+v, want %+v", got, want)
	}
}
