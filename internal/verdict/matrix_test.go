package verdict

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

const mib = int64(1 << 20)

// crossed is an order-matrix of the built-in runtime: a copy in init and one in the parent, 1 MiB less and 8 MiB more than the binary.
func crossed(trials int) scenarios.Scenario {
	return scenarios.Scenario{
		Name: "order-matrix", Drivers: cgroupjoin.Drivers(), Orders: sequence.Orders(), Observe: true, Trials: trials, Containers: 1, Timeout: 30e9,
		Limits: []int64{12 * mib, 16 * mib, 20 * mib}, Place: cgroupjoin.OnContainer,
		Clones:     []memfdclone.Where{memfdclone.InParent, memfdclone.InInit, memfdclone.Once},
		Strategies: []memfdclone.Strategy{memfdclone.Memfd, memfdclone.Tmpfile}, Sizes: []int64{1 * mib, 8 * mib, 16 * mib},
		Headroom: &scenarios.Headroom{None: true, Bytes: []int64{-mib, 8 * mib}}, Places: []cgroupjoin.Place{cgroupjoin.OnContainer, cgroupjoin.OnAncestor},
	}
}

func builtinRun(sc scenarios.Scenario, mutate func(*results.Record)) Run {
	h := results.Header{Schema: results.Schema, ID: "matrix", Spec: scenarios.Spec{
		Scenarios: []scenarios.Scenario{sc}, Seed: 1, BuiltinBytes: 6 * mib, Runtimes: []scenarios.Runtime{{Name: "builtin", Ref: "builtin"}},
	}}
	run := Run{Name: "run", Header: h, Environments: []results.Environment{guest()}}
	run.Records = func(yield func(results.Record, error) bool) {
		for t := range h.Spec.Trials() {
			rec := builtinStart(t)
			if mutate != nil {
				mutate(&rec)
			}
			if !yield(rec, nil) {
				return
			}
		}
	}
	return run
}

// ownBytes is what init takes by itself in the made-up world.
const ownBytes = 3 << 20

// builtinStart is a start in a world without noise: a copy in init is the container's under cgroupfs and with the join
// first, else the runtime's; who is charged more than the limit is killed.
func builtinStart(t scenarios.Trial) results.Record {
	size := t.Build.BinaryBytes
	var toContainer, none, took int64 = 0, 0, size
	found := sequence.Finding{Order: sequence.FoundNoClone, Guard: sequence.GuardParentMemfd, CloneBytes: &size, CloneToContainer: &none, CloneToRuntime: &took}
	rec := results.Record{Kind: "trial", Schema: results.Schema, Trial: t, Environment: "e1", Outcome: results.Started, StartNS: int64(t.Index) * 1000 * ms}
	switch {
	case t.Build.Clone == memfdclone.InInit && (t.Order == joinFirst || t.Order == natural && t.Driver == cgroupjoin.Cgroupfs):
		toContainer, took = size, 0
		found.Order, found.Guard, found.CloneToContainer = sequence.FoundJoinBeforeClone, sequence.GuardMemfd, &toContainer
	case t.Build.Clone == memfdclone.InInit:
		found.Order, found.Guard = sequence.FoundCloneBeforeJoin, sequence.GuardMemfd
	case t.Build.Clone == memfdclone.Once, t.Build.Strategy == memfdclone.Tmpfile:
		found = sequence.Finding{Order: sequence.FoundNoClone, Guard: sequence.GuardNone}
	}
	if t.Build.Clone == memfdclone.InParent {
		rec.Clone = &memfdclone.Report{Strategy: t.Build.Strategy, Bytes: size, TookNS: size}
	}
	if t.Order != natural {
		rec.Enforcement = &sequence.Enforcement{Outcome: sequence.OrderImposed}
	}
	peak, created, begun := toContainer+ownBytes, 200*ms, 250*ms+size
	exec := rec.StartNS + begun
	found.ExecNS = &exec
	rec.Found, rec.ContainerPeak = &found, &peak
	rec.Runtime = results.RuntimeID{Name: t.Arm, SHA256: fmt.Sprint(size), Size: size, Filesystem: "ext4"}
	rec.Latency = results.Latency{Created: &created, StartCalled: &created, Started: &begun}
	if t.Limit > 0 {
		limit := t.Limit - 4096
		rec.LimitInForce = &limit
		if peak > limit {
			kill(&rec)
		}
	}
	return rec
}

func matrixOf(t *testing.T, r Run) Matrix {
	t.Helper()
	s := mustSummarize(t, r)
	if len(s.Matrices) != 1 {
		t.Fatalf("%d matrices, want one", len(s.Matrices))
	}
	return s.Matrices[0]
}

func (m Matrix) row(t *testing.T, d cgroupjoin.Driver, o sequence.Order, b scenarios.Build) MatrixRow {
	t.Helper()
	for _, r := range m.Rows {
		if r.Driver == d && r.Order == o && r.Build == b {
			return r
		}
	}
	t.Fatalf("no row for %s, %s, %v", d, o, b)
	return MatrixRow{}
}

func inInit(size int64) scenarios.Build {
	return scenarios.Build{Clone: memfdclone.InInit, Strategy: memfdclone.Memfd, BinaryBytes: size}
}

// Catches a charge given to the wrong side, builds put together, and a threshold or a latency of other trials than the row's.
func TestMatrixSaysWhoPays(t *testing.T) {
	m := matrixOf(t, builtinRun(crossed(6), nil))
	parent := func(s memfdclone.Strategy) scenarios.Build {
		return scenarios.Build{Clone: memfdclone.InParent, Strategy: s, BinaryBytes: 8 * mib}
	}
	once := scenarios.Build{Clone: memfdclone.Once, Strategy: memfdclone.Memfd, BinaryBytes: 16 * mib}
	for _, c := range []struct {
		driver                 cgroupjoin.Driver
		order                  sequence.Order
		build                  scenarios.Build
		payer                  Payer
		toContainer, toRuntime float64
		threshold              string
	}{
		{cgroupjoin.Cgroupfs, natural, inInit(8 * mib), ContainerPays, float64(8 * mib), 0, "(7MiB, 16MiB]"},
		{cgroupjoin.Systemd, natural, inInit(8 * mib), RuntimePays, 0, float64(8 * mib), "<= 7MiB"},
		{cgroupjoin.Systemd, joinFirst, inInit(16 * mib), ContainerPays, float64(16 * mib), 0, "(15MiB, 24MiB]"},
		{cgroupjoin.Cgroupfs, cloneFirst, inInit(16 * mib), RuntimePays, 0, float64(16 * mib), "<= 15MiB"},
		{cgroupjoin.Cgroupfs, natural, parent(memfdclone.Memfd), RuntimePays, 0, float64(8 * mib), "<= 7MiB"},
		{cgroupjoin.Cgroupfs, natural, parent(memfdclone.Tmpfile), RuntimePays, 0, math.NaN(), "<= 7MiB"},
		{cgroupjoin.Cgroupfs, natural, once, CallerPays, 0, 0, "<= 15MiB"},
	} {
		r := m.row(t, c.driver, c.order, c.build)
		if r.Payer != c.payer || r.ToContainer.Median != c.toContainer || !same(r.ToRuntime.Median, c.toRuntime) || r.ToContainer.N != 6 {
			t.Errorf("%s, %s, %v: %s pays, %+v to the container, %+v to the runtime", c.driver, c.order, c.build, r.Payer, r.ToContainer, r.ToRuntime)
		}
		if len(r.Thresholds) != 2 || r.Thresholds[0].Place != cgroupjoin.OnContainer || r.Thresholds[0].Threshold.String() != c.threshold {
			t.Errorf("%s, %s, %v: thresholds %+v, want %s", c.driver, c.order, c.build, r.Thresholds, c.threshold)
		}
		if want := float64(250*ms + c.build.BinaryBytes); r.Latency.N != 6 || r.Latency.Center != want || r.ReferenceLimit != 0 || r.Trials != 30 {
			t.Errorf("%v: latency %+v of %d trials, want %v of 6 without a limit, 30 in all", c.build, r.Latency, r.Trials, want)
		}
	}
	if r := m.row(t, cgroupjoin.Cgroupfs, natural, parent(memfdclone.Memfd)); r.Copy.Median != float64(8*mib) || r.Lane != Observed {
		t.Errorf("copy %+v, lane %s", r.Copy, r.Lane)
	}
	r := m.row(t, cgroupjoin.Systemd, natural, inInit(8*mib))
	if w := r.Thresholds[1].Worst; w == nil || w.String() != "(7MiB, 16MiB]" {
		t.Errorf("worst order %v, want that of the join first", w)
	}
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

// Catches a share of a split copy that reads as all or nothing, and noise that reads as a share.
func TestPayerOfSharesAndNoise(t *testing.T) {
	for _, c := range []struct {
		toContainer, toRuntime int64
		want                   Payer
	}{
		{8 * mib, 8 * mib, BothPay},
		{16*mib - 300<<10, 300 << 10, ContainerPays}, // below a twentieth of 16 MiB
		{200 << 10, 15 * mib, RuntimePays},
		{200 << 10, 100 << 10, NobodyPays},
	} {
		p := newSide().paid
		p.add(&results.Record{Outcome: results.Started, Found: &sequence.Finding{
			Order: sequence.FoundOverlapping, Guard: sequence.GuardMemfd, CloneBytes: num(16 * mib), CloneToContainer: &c.toContainer, CloneToRuntime: &c.toRuntime,
		}})
		if got := p.payer(memfdclone.InInit, 4096); got != c.want {
			t.Errorf("%d and %d bytes: %s, want %s", c.toContainer, c.toRuntime, got, c.want)
		}
	}
}

func num(n int64) *int64 { return &n }

// Catches "nobody pays" said of a start that was not seen whole, or whose events were lost.
func TestWhatWasNotSeenIsNotNothing(t *testing.T) {
	for name, r := range map[string]results.Record{
		"nobody observed":    {},
		"unknown":            {Found: &sequence.Finding{Order: sequence.FoundUnknown}},
		"events lost":        {Found: &sequence.Finding{Order: sequence.FoundNoClone, Guard: sequence.GuardNone}, LostEvents: 2},
		"ended early":        {Found: &sequence.Finding{Order: sequence.FoundBornInCgroup}},
		"a charge not read":  {Found: &sequence.Finding{Order: sequence.FoundJoinBeforeClone, Guard: sequence.GuardMemfd, CloneBytes: num(mib)}},
		"killed in its copy": {Outcome: results.InitOOMKilled, Found: &sequence.Finding{Order: sequence.FoundNoClone, Guard: sequence.GuardNone}},
	} {
		if r.Outcome == "" {
			r.Outcome = results.Started
		}
		p := newSide().paid
		p.add(&r)
		if got := p.payer("", 4096); got != PayerUnknown {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// Catches arithmetic that is wrong, that is done with what was not measured, and a surprise that is not told.
func TestArithmetic(t *testing.T) {
	m := matrixOf(t, builtinRun(crossed(3), nil))
	a := m.Arithmetic
	// Of 2 drivers and 2 sizes: init in 3 orders, the parent with 2 strategies, once; 4 limits each.
	if want := 2 * 2 * (3 + 2 + 1) * 4; a.AsPredicted != want || a.NotAsPredicted != 0 || a.Predicted() != want || len(a.Reasons()) != 0 {
		t.Errorf("%+v, want %d as predicted", a, want)
	}
	if a.Margin != 64*4096 {
		t.Errorf("margin %v, want 64 pages", a.Margin)
	}
	for _, c := range m.row(t, cgroupjoin.Cgroupfs, natural, inInit(8*mib)).Cells[1:] {
		want := map[bool]results.Outcome{true: results.InitOOMKilled, false: results.Started}[c.Limit < 8*mib]
		if p := c.Prediction; p.Outcome != want || p.Limit != c.Limit-4096 || p.Sum().Median != float64(8*mib+ownBytes) || p.Init.Median != ownBytes {
			t.Errorf("at %d: %+v", c.Limit, p)
		}
	}

	odd := matrixOf(t, builtinRun(crossed(3), func(r *results.Record) {
		if r.Build == inInit(16*mib) && r.Driver == cgroupjoin.Systemd && r.Order == cloneFirst && r.Limit == 24*mib && r.Place == cgroupjoin.OnAncestor {
			kill(r)
		}
	})).Arithmetic
	if odd.NotAsPredicted != 1 || len(odd.Surprises) != 1 {
		t.Fatalf("%+v, want one surprise", odd)
	}
	want := "builtin, clone=init memfd 16MiB (systemd, clone-before-join) at 24MiB on the ancestor should start, with 0 B of the clone and 3 MiB of its own, 3 MiB in all, and 0 of 3 started"
	if odd.Surprises[0] != want {
		t.Errorf("%s\nwant %s", odd.Surprises[0], want)
	}
}

// Catches a prediction made without one of its summands, or of a start in another order than was measured.
func TestArithmeticWithoutFigures(t *testing.T) {
	for name, c := range map[string]struct {
		mutate func(*results.Record)
		open   map[Open]int
	}{
		"the natural order is another under a limit": {func(r *results.Record) {
			if r.Limit > 0 && r.Order == natural && r.Build.Clone == memfdclone.InInit && r.Driver == cgroupjoin.Systemd {
				r.Found.Order = sequence.FoundJoinBeforeClone
			}
		}, map[Open]int{OpenOrder: 8}},
		"the join fell inside the copy": {func(r *results.Record) {
			if r.Order == natural && r.Build.Clone == memfdclone.InInit && r.Driver == cgroupjoin.Systemd {
				r.Found.Order = sequence.FoundOverlapping
			}
		}, map[Open]int{OpenRace: 8}},
		"no peak": {func(r *results.Record) { r.ContainerPeak = nil }, map[Open]int{OpenInit: 96}},
		"no charge": {func(r *results.Record) {
			if r.Order != cloneFirst {
				r.Found.CloneToRuntime, r.Found.Guard = nil, ""
			}
		}, map[Open]int{OpenCharge: 2 * 2 * (1 + 2 + 1) * 4}}, // the binary's size does for the join first
		// 7.9 MiB beside the clone, of 8 where the container pays: 2 drivers and sizes, cgroupfs natural and both join first.
		"near the limit above the binary": {func(r *results.Record) {
			peak := *r.ContainerPeak + 4*mib + mib*9/10
			r.ContainerPeak = &peak
			if r.Limit > 0 && r.Limit < r.Build.BinaryBytes && r.Outcome == results.Started && peak > r.Limit {
				kill(r)
			}
		}, map[Open]int{OpenEdge: (2*2 + 2) * 2}},
	} {
		a := matrixOf(t, builtinRun(crossed(1), c.mutate)).Arithmetic
		if diff := cmp.Diff(c.open, a.Open); diff != "" || a.NotAsPredicted > 0 {
			t.Errorf("%s: %d not as predicted (-want +got):\n%s", name, a.NotAsPredicted, diff)
		}
	}
}

// Catches senseless cells that go unlisted, planned ones that were not reached, and a blank without its reason.
func TestMatrixListsWhatItHasNotGot(t *testing.T) {
	whole := builtinRun(crossed(1), nil)
	m := matrixOf(t, whole)
	if m.Cells != 2*2*(3+2+1)*5 || m.Reached != m.Cells {
		t.Errorf("%d of %d cells reached, want all of 120", m.Reached, m.Cells)
	}
	// Every combination is planned or has a reason, each reason once.
	sum, reasons := m.Cells, map[string]bool{}
	for _, s := range m.Senseless {
		sum += s.Cells
		if s.Why == "" || reasons[s.Why] {
			t.Errorf("the reason %q is there twice, or none", s.Why)
		}
		reasons[s.Why] = true
	}
	if all := 2 * 3 * 3 * 2 * 3 * 5; sum != all {
		t.Errorf("%d cells planned or senseless, want all %d", sum, all)
	}
	blank := func(m Matrix, o sequence.Order) []string {
		var whys []string
		for _, b := range m.Blanks {
			if b.Build.Clone == memfdclone.InParent && b.Build.Strategy == memfdclone.Memfd && b.Order == o {
				whys = append(whys, b.Why)
			}
		}
		return slices.Compact(whys)
	}
	if whys := blank(m, joinFirst); len(whys) != 1 || !strings.Contains(whys[0], "no join can come before it") {
		t.Errorf("blanks of the parent's copy with the join first: %q", whys)
	}
	short := matrixOf(t, of(10, whole))
	if short.Reached != 10 || len(short.Blanks) == 0 {
		t.Errorf("%d cells reached, want 10 of one trial each", short.Reached)
	}
	for _, b := range short.Blanks {
		if b.Why == "" {
			t.Errorf("blank %+v without a reason", b)
		}
	}
}

// Catches the first build's binary told as the runtime's.
func TestARuntimeOfSeveralBuildsIsNoOneBinary(t *testing.T) {
	s := mustSummarize(t, builtinRun(crossed(1), nil))
	if id := s.Runtimes[0]; id.Name != "builtin" || id.Size != 0 || id.SHA256 != "" {
		t.Errorf("runtime %+v", id)
	}
}

// Catches a scenario of one order and no builds with a matrix, and one of several orders without.
func TestWhichScenariosHaveAMatrix(t *testing.T) {
	if s := mustSummarize(t, single(model{}, "run", oomLimits(2))); len(s.Matrices) != 0 {
		t.Errorf("one order: %d matrices", len(s.Matrices))
	}
	// Arms that are told apart by their references alone.
	byRef := gateOf(startup(2))
	byRef.Gate, byRef.Spec.Runtimes[0].Ref, byRef.Spec.Runtimes[1].Ref = false, "builtin:clone=once,size=16MiB", "builtin:strategy=overlayfs"
	side := matrixOf(t, model{}.run(byRef))
	if len(side.Rows) != 4 || side.Rows[0].Build.Clone != memfdclone.Once || side.Rows[0].Planned() || side.Rows[2].Build.Strategy != memfdclone.Overlayfs {
		t.Errorf("arms by reference: %+v", side.Rows)
	}
	m := matrixOf(t, single(race(), "run", ordered(2, sequence.Natural, joinFirst)))
	if len(m.Rows) != 4 || m.Rows[0].ReferenceLimit != 32*mib || m.Arithmetic.Open[OpenCharge] == 0 {
		t.Errorf("%d rows, the first of starts at %d, %v", len(m.Rows), m.Rows[0].ReferenceLimit, m.Arithmetic.Open)
	}
}

// Catches trials of two lanes in one figure, and trials that do not count in any: whatever else is in the run, the rows
// are those of the run without them.
func TestMatrixIsOfOneLaneAndOfWhatCounts(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 0))
	for range 20 {
		seed, share := r.Uint64(), r.IntN(90)
		spoiled := func(i int) bool { return rand.New(rand.NewPCG(seed, uint64(i))).IntN(100) < share }
		marked := func(r *results.Record) {
			if r.Order == natural || !spoiled(r.Index) {
				return
			}
			r.Enforcement = &sequence.Enforcement{Outcome: sequence.OrderCouldNot, Why: "a deadline passed"}
			r.Outcome, r.Latency.Started, r.Runtime.Size = results.Started, num(1), 1
			r.Found.CloneToContainer, r.Found.CloneToRuntime = num(1<<40), num(1<<40)
			r.ContainerPeak, r.LimitInForce = num(1<<41), num(1)
		}
		with := builtinRun(crossed(4), marked)
		without := builtinRun(crossed(4), nil)
		all := without.Records
		without.Records = func(yield func(results.Record, error) bool) {
			for rec, err := range all {
				if rec.Order != natural && spoiled(rec.Index) {
					continue
				}
				if !yield(rec, err) {
					return
				}
			}
		}
		spoilt, clean := matrixOf(t, with), matrixOf(t, without)
		rows := map[key]MatrixRow{}
		for _, row := range clean.Rows {
			rows[row.index] = row
		}
		for _, row := range spoilt.Rows {
			want, known := rows[row.index]
			if !known && row.Trials > 0 {
				t.Fatalf("seed %d: a row of trials that do not count: %+v", seed, row)
			}
			if want := (map[bool]Lane{true: Observed, false: Enforced})[row.Order == natural]; row.Lane != want {
				t.Fatalf("%s: lane %s", row.Order, row.Lane)
			}
			if known && (row.Trials != want.Trials || !equalFigures(row, want)) {
				t.Fatalf("seed %d, share %d: %v %s %s:\n%+v\nwant\n%+v", seed, share, row.Build, row.Driver, row.Order, row, want)
			}
		}
		if spoilt.Arithmetic.AsPredicted != clean.Arithmetic.AsPredicted || spoilt.Arithmetic.NotAsPredicted != 0 {
			t.Fatalf("seed %d: %+v, want %+v", seed, spoilt.Arithmetic, clean.Arithmetic)
		}
	}
}

func equalFigures(a, b MatrixRow) bool {
	figures := func(r MatrixRow) string {
		return fmt.Sprint(r.BinaryBytes, r.Payer, r.Clone, r.ToContainer, r.ToRuntime, r.Copy, r.Latency, r.Thresholds[0].Threshold, r.Found)
	}
	return figures(a) == figures(b)
}

// Catches joins of several set-ups put together, arms of a join counted apart, and one that failed among the figures.
func TestJoinsAreSummarised(t *testing.T) {
	sc := scenarios.Scenario{
		Name: "join-latency", Drivers: cgroupjoin.Drivers(), Trials: 4, Warmup: 1, Containers: 1, Timeout: 30e9, Judge: []string{scenarios.JoinLatency},
		Joins: &scenarios.Joins{Mechanisms: cgroupjoin.Mechanisms(), Cgroup: cgroupjoin.Whens(), Siblings: []int{1, 100}, Threads: []int{1}, Busy: []bool{false, true}},
	}
	h := results.Header{Schema: results.Schema, ID: "joins", Spec: scenarios.Spec{
		Scenarios: []scenarios.Scenario{sc}, Runtimes: []scenarios.Runtime{{Name: "a", Ref: "crun"}, {Name: "b", Ref: "runc"}},
	}}
	run := Run{Name: "joins", Header: h, Environments: []results.Environment{guest()}, Records: func(yield func(results.Record, error) bool) {
		for trial := range h.Spec.Trials() {
			ns := int64(trial.Join.Siblings) * 1000
			rec := results.Record{Trial: trial, Outcome: results.Started, JoinNS: &ns}
			if trial.Join.Busy && trial.Arm == "b" {
				rec.Outcome, rec.Reason, rec.JoinNS = results.Failed, "no such cgroup", nil
			}
			if !yield(rec, nil) {
				return
			}
		}
	}}
	s := mustSummarize(t, run)
	// Both times of the cgroup, but for unit, which makes it; unit and attach under systemd alone.
	if len(s.Joins) != (4+7)*4 || len(s.Cells) != 0 || len(s.Matrices) != 0 {
		t.Fatalf("%d joins, %d cells, %d matrices", len(s.Joins), len(s.Cells), len(s.Matrices))
	}
	for _, j := range s.Joins {
		n, failed := 8, 0
		if j.Join.Busy {
			n, failed = 4, 4
		}
		if j.Latency.N != n || j.Latency.Median != float64(1000*j.Join.Siblings) || j.Outcomes[results.Failed] != failed || j.Trials() != 8 {
			t.Errorf("%s %+v: %+v, outcomes %v", j.Driver, j.Join, j.Latency, j.Outcomes)
		}
		if (j.Failure != "") != (failed > 0) {
			t.Errorf("%+v: failure %q", j.Join, j.Failure)
		}
	}
}

// Catches a gate whose arms are told by their runtimes' names or share one's figures.
func TestAGateHasAMatrixOfBothArms(t *testing.T) {
	v := mustJudge(t, race().run(gateOf(ordered(8, sequence.Natural, joinFirst))))
	if len(v.Matrices) != 1 || len(v.Matrices[0].Rows) != 8 {
		t.Fatalf("matrices %+v, want one of 2 arms, drivers and orders", v.Matrices)
	}
	want := map[string]string{"baseline": "<= 8MiB", "candidate": "(16MiB, 20MiB]"}
	for _, r := range v.Matrices[0].Rows {
		if r.Order == joinFirst && (r.Thresholds[0].Threshold.String() != want[r.Runtime] || r.Lane != Enforced) {
			t.Errorf("%s under %s: %s, lane %s", r.Runtime, r.Driver, r.Thresholds[0].Threshold, r.Lane)
		}
		if r.Latency.N != 8 || r.ReferenceLimit != 32*mib {
			t.Errorf("%s: latency of %d starts at %d", r.Runtime, r.Latency.N, r.ReferenceLimit)
		}
	}
}

// Catches init's own need taken from a start of another size, driver or runtime.
func TestWhatInitTakesIsOfTheSameBinary(t *testing.T) {
	sc := crossed(2)
	sc.Orders = []sequence.Order{natural, joinFirst} // of init's copy under cgroupfs no start is free of the clone: other builds have to do
	m := matrixOf(t, builtinRun(sc, func(r *results.Record) {
		peak := *r.ContainerPeak + r.Build.BinaryBytes/16
		if r.Driver == cgroupjoin.Systemd {
			peak += mib / 4
		}
		r.ContainerPeak = &peak
	}))
	if m.Arithmetic.Predicted() != 80 {
		t.Errorf("%d cells predicted, want all 80", m.Arithmetic.Predicted())
	}
	for _, r := range m.Rows {
		want := float64(ownBytes + r.BinaryBytes/16)
		if r.Driver == cgroupjoin.Systemd {
			want += float64(mib / 4)
		}
		for _, c := range r.Cells {
			if p := c.Prediction; p != nil && (p.Init.Min != want || p.Init.Max != want) {
				t.Errorf("%v under %s: init takes %+v, want %v", r.Build, r.Driver, p.Init, want)
			}
		}
	}
}

// Catches cells whose trials were made, but do not count, told as not reached.
func TestCellsThatDoNotCountWereReached(t *testing.T) {
	m := matrixOf(t, builtinRun(crossed(1), func(r *results.Record) {
		if r.Order == joinFirst {
			r.Enforcement.Outcome = sequence.OrderCouldNot
		}
	}))
	if m.Reached != m.Cells {
		t.Errorf("%d of %d cells reached", m.Reached, m.Cells)
	}
	if r := m.row(t, cgroupjoin.Systemd, joinFirst, inInit(8*mib)); r.Trials != 0 || r.NotCounted != 5 || r.Payer != PayerUnknown || len(r.Found) > 0 {
		t.Errorf("row of trials that do not count: %+v", r)
	}
}
