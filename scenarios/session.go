package scenarios

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// MinCycles are two for each of the ten stretches that a trend is found in (internal/verdict).
	MinCycles = 20
	// MaxCycles keep a session's record within a line of the run's file; a leak that shows only after more is none that a start makes.
	MaxCycles = 1000
	// MaxWatch processes, each with thirty kinds of descriptors, are the other half of that line.
	MaxWatch = 8

	// warmCycles of a warm-up session do what is done once: systemd's state, what the embedder opens for good.
	warmCycles = 1

	// cycleTimeout is what a cycle may take of a session that says nothing else: ten times a start with its census in an emulated guest.
	cycleTimeout = 3 * time.Second

	maxPID = 1 << 22 // PID_MAX_LIMIT on 64 bits, include/linux/threads.h
)

// Collector is what the garbage collector of an embedder does.
type Collector string

const (
	// GoCollector collects as Go has it, and with it closes descriptors that nobody refers to: late, and when it likes.
	GoCollector Collector = ""
	// NoCollector never collects (GOGC=off), so that a descriptor that is not closed stays and is counted.
	NoCollector Collector = "off"
)

// sessionDefaults fill in what a file with cycles leaves out: it judges everything that it counts, and has time for all cycles.
func (s *Scenario) sessionDefaults(root node) {
	if s.Lives != nil && !root.Has("judge") {
		s.Judge = []string{AllLeftovers}
	}
	if s.Cycles == 0 {
		return
	}
	if !root.Has("judge") {
		s.Judge = []string{AllLeaks}
	}
	if !root.Has("timeout") {
		s.Timeout = max(DefaultTimeout, time.Duration(min(s.Cycles, MaxCycles))*cycleTimeout)
	}
}

// watch reads names; a PID is one too, however YAML takes it.
func (d *decoder) watch(path string, v node) (all []string) {
	d.each(path, v, func(p string, item node) {
		if item.Kind == aNumber {
			all = append(all, item.Text)
			return
		}
		all = append(all, d.text(p, item))
	})
	return all
}

// sessionFlaw keeps a session from being anything but the same start again and again, and what is of sessions out of all else.
func (s Scenario) sessionFlaw() *flaw {
	if s.Cycles == 0 {
		return s.notSessionFlaw()
	}
	if s.Cycles < MinCycles || s.Cycles > MaxCycles {
		return rangeFlaw("cycles", s.Cycles, MinCycles, MaxCycles)
	}
	if key, why := s.besideSession("a session is timed for nothing"); key != "" {
		return &flaw{key, key + " beside cycles", why + ": leave " + key + " out"}
	}
	if !s.Embedded && s.Collector != GoCollector {
		return &flaw{"collector", "collector without embedded", "only an embedder lives long enough for one: add embedded: true"}
	}
	if s.Collector != GoCollector && s.Collector != NoCollector {
		return &flaw{"collector", "collector " + quoted(string(s.Collector)), "write " + string(NoCollector) + ", or leave collector out: as Go has it"}
	}
	return s.watchFlaw()
}

// besideSession is the first key that makes no sense there, and why.
func (s Scenario) besideSession(clock string) (key, why string) {
	const (
		killed = "a session counts what starts leave that are not killed"
		lane   = "the observer's own programs and maps would be counted with the runtime's"
		builds = "a session is of a runtime as it is"
	)
	for _, k := range []struct {
		key   string
		given bool
		why   string
	}{
		{"search", s.Search != nil, killed}, {"limits", len(s.Limits) > 0 || s.Unlimited, killed}, {"headroom", s.Headroom != nil, killed},
		{"orders", s.Imposes(), lane}, {"observe", s.Observe, lane},
		{"containers", s.Containers > 1, "the containers of a session are its cycles, one after the other"},
		{"clock", s.Clock != RunsClock, clock},
		{"clones", len(s.Clones) > 0, builds}, {"strategies", len(s.Strategies) > 0, builds}, {"sizes", len(s.Sizes) > 0, builds},
		{"joins", s.Joins != nil, "no container is started there"},
	} {
		if k.given {
			return k.key, k.why
		}
	}
	return "", ""
}

// notSessionFlaw is about keys that only sessions have.
func (s Scenario) notSessionFlaw() *flaw {
	for _, k := range []struct {
		key   string
		given bool
	}{{"embedded", s.Embedded}, {"collector", s.Collector != GoCollector}, {"watch", len(s.Watch) > 0}} {
		if k.given {
			return &flaw{k.key, k.key + " without cycles", "what builds up shows over many starts alone: add cycles, such as cycles: 100"}
		}
	}
	return nil
}

func (s Scenario) watchFlaw() *flaw {
	if len(s.Watch) > MaxWatch {
		return &flaw{"watch", fmt.Sprintf("watch: %d processes", len(s.Watch)), fmt.Sprintf("the most is %d", MaxWatch)}
	}
	for i, w := range s.Watch {
		path := fmt.Sprintf("watch[%d]", i)
		if !isWatch(w) {
			return &flaw{path, path + " " + quoted(w), "write a PID, a unit such as containerd.service, or a process's name"}
		}
		if slices.Contains(s.Watch[:i], w) {
			return &flaw{path, "watch " + w + " a second time", "name each once"}
		}
	}
	return nil
}

// isWatch tells what may name a process; whether one has that name is found out where it runs.
func isWatch(w string) bool {
	const longest = 255 // of a unit's name
	if n, err := strconv.Atoi(w); err == nil {
		return n > 0 && n < maxPID && strconv.Itoa(n) == w
	}
	return w != "" && len(w) <= longest && isPrintable(w) && !strings.ContainsAny(w, "/ ")
}

// sessionMetricFlaw keeps what is counted over a session and what one start shows apart.
func (s Scenario) sessionMetricFlaw() *flaw {
	for i, name := range s.Judge {
		path := fmt.Sprintf("judge[%d]", i)
		switch {
		case IsLeak(name) && s.Cycles == 0:
			return &flaw{path, "metric " + name + " without cycles", "what builds up shows over many starts alone: add cycles, such as cycles: 100"}
		case !IsLeak(name) && s.Cycles > 0:
			return &flaw{path, "metric " + name + " of a session", "write " + s.metricWords() + ", or leave judge out: all of them"}
		case name == AllLeaks && len(s.Judge) > 1:
			return &flaw{path, AllLeaks + " beside other metrics", "it is all of them: leave the others out"}
		}
	}
	return nil
}

// WatchedIn are the names of the processes that sessions of a scenario watch.
func (s Spec) WatchedIn(scenario string) []string {
	for _, sc := range s.Scenarios {
		if sc.Name == scenario {
			return sc.Watch
		}
	}
	return nil
}

// isEmbedder reports whether ref is of the built-in runtime, in whatever version: what can be embedded.
func isEmbedder(ref string) bool { return IsBuiltin(ref) || strings.HasPrefix(ref, BuiltinRef+"@") }
