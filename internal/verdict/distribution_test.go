package verdict

import (
	"math"
	"testing"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

func timed(index, batch, size int, ns int64) results.Record {
	zero, end := int64(0), ns
	return results.Record{
		Trial:   scenarios.Trial{Index: index, Scenario: "startup", Arm: "baseline", Driver: "cgroupfs", Batch: batch, BatchSize: size},
		Outcome: results.Started, Latency: results.Latency{Created: &zero, StartCalled: &zero, Started: &end},
	}
}

func collected(records ...results.Record) []Distribution {
	d := NewDistributions(scenarios.Spec{})
	for i := range records {
		d.Add(&records[i])
	}
	return d.All(0.95)
}

// Catches a curve of trials where the row is of batches, and a batch traced to a record that is not in its middle.
func TestDistributionsAreOfUnits(t *testing.T) {
	got := collected(timed(0, 0, 3, 90), timed(1, 0, 3, 10), timed(2, 0, 3, 50), timed(3, 1, 3, 20), timed(4, 1, 3, 40))
	if len(got) != 1 {
		t.Fatalf("%d distributions, want one", len(got))
	}
	want := []Valued{{30, 3}, {50, 2}}
	if len(got[0].Values) != 2 || got[0].Values[0] != want[0] || got[0].Values[1] != want[1] {
		t.Errorf("values %v, want %v", got[0].Values, want)
	}
	if got[0].Median.Center != 40 || got[0].Median.N != 2 {
		t.Errorf("median %+v, want 40 of 2", got[0].Median)
	}
}

// Catches a start in a figure of latency that the row leaves out: a warm-up, one that was watched, made beside others, or not a start.
func TestDistributionsAreOfTimedStarts(t *testing.T) {
	warm, together, watched, killed, imposed := timed(0, 0, 1, 5), timed(1, 1, 1, 5), timed(2, 2, 1, 5), timed(3, 3, 1, 5), timed(4, 4, 1, 5)
	warm.Warmup, together.Together, watched.Observe, killed.Outcome, imposed.Order = true, true, true, results.InitOOMKilled, "join-before-clone"
	if got := collected(warm, together, watched, killed, imposed); len(got) != 0 {
		t.Errorf("%+v, want none", got)
	}
}

// Catches a band of another width than Dvoretzky's, Kiefer's and Wolfowitz's, one above 1, and quantiles that were never measured.
func TestDistributionIsDescribed(t *testing.T) {
	var records []results.Record
	for i := range 40 {
		records = append(records, timed(i, i, 1, int64(1000+i)))
	}
	d := collected(records...)[0]
	if want := math.Sqrt(math.Log(40) / 80); math.Abs(d.Band-want) > 1e-12 {
		t.Errorf("band %v, want %v", d.Band, want)
	}
	if d.Quantile(0) != 1000 || d.Quantile(0.95) != 1037 || d.Quantile(1) != 1039 || d.Share(39) != 1 || d.Share(0) != 1.0/40 {
		t.Errorf("quantiles %v, %v, %v, shares %v, %v", d.Quantile(0), d.Quantile(0.95), d.Quantile(1), d.Share(39), d.Share(0))
	}
	if one := collected(timed(0, 0, 1, 7))[0]; one.Band != 1 || one.Quantile(0.5) != 7 {
		t.Errorf("of one value: band %v, median %v", one.Band, one.Quantile(0.5))
	}
	if !math.IsNaN((Distribution{}).Quantile(0.5)) {
		t.Error("a quantile of nothing is a number")
	}
}

// Catches a comparison of two runs, whose records are not at hand, drawn without its values or with an invented trial.
func TestDistributionsOfAVerdict(t *testing.T) {
	v := Verdict{Confidence: 0.95, Metrics: []Metric{
		{Name: scenarios.StartLatency, Unit: Nanoseconds, Baseline: Arm{N: 3, Values: []float64{3, 1, 2}}},
		{Name: scenarios.CreateLatency, Unit: Nanoseconds, Baseline: Arm{N: 1, Values: []float64{3}}},
	}}
	got := DistributionsOf(v)
	if len(got) != 1 || got[0].Runtime != "baseline" || len(got[0].Values) != 3 || got[0].Values[0] != (Valued{1, -1}) {
		t.Errorf("%+v, want the baseline's three, rising, of no trial", got)
	}
}
