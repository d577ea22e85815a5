package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/yamlpos"
	"github.com/initbench/initbench/sequence"
)

const (
	// MaxTrials is the most trials of one run. At 30 ms a start, a fast host, they
	// take 50 minutes, and their records some 150 MB, all of which the judge reads into memory.
	MaxTrials = 100_000

	// MinLimit is the smallest memory limit accepted: the largest page Linux runs with
	// (arm64 and ppc64 have 64 KiB ones). The kernel rounds memory.max down to whole
	// pages, so that anything less is a limit of zero on some machine. Nothing is lost: crun, the
	// smallest runtime known, fails at 64 KiB (containers/crun#630).
	MinLimit = 64 << 10

	// MaxConcurrent is the most containers started at once: nine times the
	// kubelet's default of 110 pods a node.
	MaxConcurrent = 1000

	// minTimeout is below the fastest start known and above a timer's error; a start
	// that takes longer than maxTimeout is not going to be judged by its latency.
	minTimeout = time.Millisecond
	maxTimeout = time.Hour

	// MaxNameLength keeps names fit for a table's column and for a part of a
	// cgroup's or a unit's name, 255 bytes at most.
	MaxNameLength = 64

	maxDescription = 200
	maxRef         = 4096 // PATH_MAX
)

// flaw is one thing wrong with a Scenario, by the path of its value. Parse turns it into
// a place in the file; Validate, where there is no file, into a plain line.
type flaw struct{ path, wrong, right string }

// Validate says what is wrong with a scenario however it came about: parsed,
// changed by flags or read back from a run's header. The error is an *Error.
func (s Scenario) Validate() error {
	if f := s.flaw(); f != nil {
		return &Error{Wrong: fmt.Sprintf("scenario %s: %s", printable(s.Name), f.wrong), Right: f.right}
	}
	return nil
}

// flaw returns the first thing wrong, in the order of the keys.
func (s Scenario) flaw() *flaw {
	checks := []func() *flaw{
		s.nameFlaw, s.driversFlaw, s.limitsFlaw, s.searchFlaw, s.placeFlaw, s.ordersFlaw, s.countsFlaw,
		s.timeFlaw, s.payloadFlaw, s.judgeFlaw, s.clockFlaw, s.hugePagesFlaw, s.lanesFlaw, s.buildsFlaw, s.joinsFlaw, s.joinMetricFlaw, s.searchMetricFlaw, s.sessionFlaw, s.sessionMetricFlaw, s.livesFlaw, s.livesMetricFlaw, s.networkFlaw, s.enumerateFlaw, s.runtimesFlaw, s.sizeFlaw,
	}
	for _, check := range checks {
		if f := check(); f != nil {
			return f
		}
	}
	return nil
}

func (s Scenario) nameFlaw() *flaw {
	if !validName(s.Name, "-") {
		return &flaw{"name", "name " + quoted(s.Name), fmt.Sprintf("write 1 to %d of a-z, 0-9 and -, a letter or digit first", MaxNameLength)}
	}
	if len(s.Description) > maxDescription || !(s.Description == "" || isPrintable(s.Description)) {
		return &flaw{"description", "description " + quoted(s.Description), fmt.Sprintf("write one line of at most %d bytes", maxDescription)}
	}
	return nil
}

// validName reports whether name is made of lower-case letters, digits and the
// extra characters. Nothing else is let in, for names become parts of paths, units and tables.
func validName(name, extra string) bool {
	plain := func(r rune) bool { return (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9') }
	if name == "" || len(name) > MaxNameLength || !plain(rune(name[0])) {
		return false
	}
	return strings.IndexFunc(name, func(r rune) bool { return !plain(r) && !strings.ContainsRune(extra, r) }) < 0
}

func (s Scenario) driversFlaw() *flaw {
	if len(s.Drivers) == 0 {
		return &flaw{"drivers", "drivers: none", "name cgroupfs, systemd or both"}
	}
	return closedFlaw("drivers", "driver", s.Drivers, cgroupjoin.Drivers())
}

// limitsFlaw demands a rising ladder: a fall is most often a digit missing, and
// two equal limits would be one cell measured under two names.
func (s Scenario) limitsFlaw() *flaw {
	if len(s.Limits) > MaxLimits {
		return &flaw{"limits", fmt.Sprintf("%d limits", len(s.Limits)), fmt.Sprintf("the most is %d", MaxLimits)}
	}
	for i, limit := range s.Limits {
		path := fmt.Sprintf("limits[%d]", i)
		switch {
		case limit < MinLimit:
			return &flaw{path, "limit " + FormatSize(limit), fmt.Sprintf(
				"the least is %s, one page where pages are largest; for no limit write none", FormatSize(MinLimit))}
		case limit > MaxSize:
			return &flaw{path, "limit " + FormatSize(limit), "the most is " + FormatSize(MaxSize)}
		case i > 0 && limit <= s.Limits[i-1]:
			return &flaw{path, fmt.Sprintf("limit %s after %s", FormatSize(limit), FormatSize(s.Limits[i-1])), "write limits from small to large, each once"}
		}
	}
	return nil
}

func (s Scenario) placeFlaw() *flaw {
	switch {
	case s.Place != "" && !s.limited():
		return &flaw{"place", fmt.Sprintf("place %s without limits", quoted(string(s.Place))), "add limits, or leave place out"}
	case s.limited() && s.Place != cgroupjoin.OnContainer && s.Place != cgroupjoin.OnAncestor:
		return &flaw{"place", "place " + quoted(string(s.Place)), "write container or ancestor"}
	}
	return nil
}

func (s Scenario) ordersFlaw() *flaw {
	return closedFlaw("orders", "order", s.Orders, sequence.Orders())
}

func (s Scenario) countsFlaw() *flaw {
	switch {
	case s.Trials < 1 || s.Trials > MaxTrials:
		return rangeFlaw("trials", s.Trials, 1, MaxTrials)
	case s.Warmup < 0 || s.Warmup > MaxTrials:
		return rangeFlaw("warmup", s.Warmup, 0, MaxTrials)
	case s.Containers < 1 || s.Containers > MaxTrials:
		return rangeFlaw("containers", s.Containers, 1, MaxTrials)
	case s.Concurrent && s.Containers == 1:
		return &flaw{"concurrent", "concurrent with one container", "write containers: 2 or more, or leave concurrent out"}
	case s.Concurrent && s.Containers > MaxConcurrent:
		return &flaw{"containers", fmt.Sprintf("%d containers at once", s.Containers), fmt.Sprintf("the most is %d", MaxConcurrent)}
	}
	return nil
}

func rangeFlaw(key string, got, least, most int) *flaw {
	return &flaw{key, fmt.Sprintf("%s %d", key, got), fmt.Sprintf("write %d to %d", least, most)}
}

func (s Scenario) timeFlaw() *flaw {
	if s.Timeout < minTimeout || s.Timeout > maxTimeout {
		return &flaw{"timeout", fmt.Sprintf("timeout %s", s.Timeout), "write 1ms to 1h"}
	}
	return nil
}

func (s Scenario) payloadFlaw() *flaw {
	if n := s.Payload.AnonBytes; n < 0 || n > MaxSize {
		return &flaw{"payload.anon", "payload.anon " + FormatSize(n), "write 0 to " + FormatSize(MaxSize)}
	}
	return nil
}

// judgeFlaw demands a metric: a gate that judges nothing would pass everything.
func (s Scenario) judgeFlaw() *flaw {
	if len(s.Judge) == 0 {
		return &flaw{"judge", "judge: no metric", "name at least one of " + s.metricWords()}
	}
	for i, name := range s.Judge {
		path := fmt.Sprintf("judge[%d]", i)
		if _, ok := MetricNamed(name); !ok && name != AllLeaks && name != AllLeftovers {
			return &flaw{path, "unknown metric " + quoted(name), yamlpos.DidYouMean(name, s.metricNames()) + "write " + s.metricWords()}
		}
		if slices.Contains(s.Judge[:i], name) {
			return &flaw{path, "metric " + name + " a second time", "name each once"}
		}
	}
	return nil
}

// lanesFlaw keeps lanes apart: an observer and a filter take time, and what only
// an observer can tell is never there without one.
func (s Scenario) lanesFlaw() *flaw {
	for i, name := range s.Judge {
		path := fmt.Sprintf("judge[%d]", i)
		m, _ := MetricNamed(name) // judgeFlaw has refused what is none
		switch {
		case m.Lane == TimedLane && s.Imposes():
			return &flaw{path, "metric " + name + " where an order is imposed", "imposing takes time: judge it in a scenario with no order but the natural one"}
		case m.Lane == TimedLane && s.Observe:
			return &flaw{path, "metric " + name + " under the observer", "observing takes time: judge it in a scenario without observe"}
		case m.Lane == ObservedLane && !s.Observe:
			return &flaw{path, "metric " + name + " without the observer", "only it can tell: add observe: true"}
		}
	}
	return nil
}

func (s Scenario) runtimesFlaw() *flaw {
	for i, r := range s.Runtimes {
		if f := r.flaw(s.Runtimes[:i]); f != nil {
			f.path = fmt.Sprintf("runtimes[%d].%s", i, f.path)
			return f
		}
	}
	return nil
}

// flaw says what is wrong with r beside those before it.
func (r Runtime) flaw(before []Runtime) *flaw {
	switch {
	case !validName(r.Name, runtimeExtra):
		return &flaw{"name", "runtime name " + quoted(r.Name), fmt.Sprintf("write 1 to %d of a-z, 0-9 and %s, a letter or digit first", MaxNameLength, runtimeExtra)}
	case !validRef(r.Ref):
		return &flaw{"ref", "runtime reference " + quoted(r.Ref), "write builtin, a path, a name on PATH, or runc@vX.Y.Z"}
	case slices.ContainsFunc(before, func(b Runtime) bool { return b.Name == r.Name }):
		return &flaw{"name", "a second runtime named " + r.Name, "give each a name of its own"}
	}
	return nil
}

func validRef(ref string) bool {
	return ref != "" && len(ref) <= maxRef && isPrintable(ref)
}

// countKey is what says how many trials an arm gets in a cell.
func (s Scenario) countKey() string {
	if s.Search != nil {
		return "search.most"
	}
	return "trials"
}

// sizeFlaw holds the plan to MaxTrials for the arms known so far, one at least.
func (s Scenario) sizeFlaw() *flaw {
	if s.Joins == nil {
		if _, product, ok := s.size(max(1, len(s.Runtimes))); !ok {
			return &flaw{s.countKey(), product, tooMany}
		}
	}
	arms := s.Runtimes
	if len(arms) == 0 {
		arms = defaultRuntimes([]Scenario{s})
	}
	if _, product, ok := (Spec{Runtimes: arms}).sizeOf(s); !ok {
		return &flaw{s.countKey(), product, tooMany}
	}
	return nil
}

// Validate says what is wrong with the whole: each scenario, the arms, and the
// number of trials, which is worked out without making any. The error is an *Error.
func (s Spec) Validate() error {
	if err := s.validateScenarios(); err != nil {
		return err
	}
	if len(s.Runtimes) == 0 {
		return &Error{Wrong: "no runtime to measure", Right: "give --runtime, as in --runtime runc@v1.2.6"}
	}
	for i, r := range s.Runtimes {
		if f := r.flaw(s.Runtimes[:i]); f != nil {
			return &Error{Pos: r.Pos, Wrong: f.wrong, Right: f.right}
		}
	}
	if err := s.validateArms(); err != nil {
		return err
	}
	if _, err := s.Size(); err != nil {
		return err
	}
	return s.validateCells()
}

// validateCells refuses an arm that has nothing to do: a run of it would end well and say nothing.
func (s Spec) validateCells() error {
	for _, sc := range s.Scenarios {
		for _, r := range s.Runtimes {
			if why := s.nothingFor(sc, r); why != "" {
				return &Error{Pos: r.Pos, Wrong: fmt.Sprintf("no cell of scenario %s makes sense for runtime %s", printable(sc.Name), r.Name), Right: why}
			}
		}
	}
	return nil
}

// nothingFor says why none of a scenario's cells makes sense, or nothing where one does: of the reasons, that of a cell in
// which only the size or the limit is wrong, where there is one.
func (s Spec) nothingFor(sc Scenario, r Runtime) (reason string) {
	for c, why := range s.Cells(sc, r) {
		if why == "" {
			return ""
		}
		if reason == "" || c.Build.senseless() == "" && c.Build.unordered(c.Order) == "" {
			reason = why
		}
	}
	return reason
}

// validateArms holds each arm against each scenario.
func (s Spec) validateArms() error {
	for _, sc := range s.Scenarios {
		for _, r := range s.Runtimes {
			if f := sc.armsFlaw(r); f != nil {
				return &Error{Pos: r.Pos, Wrong: f.wrong, Right: f.right}
			}
		}
	}
	return nil
}

func (s Spec) validateScenarios() error {
	if len(s.Scenarios) == 0 {
		return &Error{Wrong: "no scenario to run", Right: "name one (see `initbench scenarios`) or a file"}
	}
	names := map[string]bool{}
	for _, sc := range s.Scenarios {
		if err := sc.Validate(); err != nil {
			return err
		}
		if names[sc.Name] {
			return &Error{Wrong: "scenario " + sc.Name + " a second time", Right: "name each once"}
		}
		names[sc.Name] = true
	}
	return nil
}
