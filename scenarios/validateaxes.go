package scenarios

import (
	"fmt"
	"slices"
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/memfdclone"
)

const (
	// MaxBinary is the largest size a binary is padded to, seventy times that of the largest runtime known. A copy of it still
	// fits into the memory of a guest.
	MaxBinary = 1 << 30

	// MaxSiblings is the most cgroups beside the one that is joined: twenty times what a busy node has.
	MaxSiblings = 20_000

	// MaxThreads of a process that joins: ten times those of a Go program on a large machine.
	MaxThreads = 1024
)

// closedFlaw is about a value that is not of a closed set, or that is there twice.
func closedFlaw[T ~string](key, what string, values, all []T) *flaw {
	for i, v := range values {
		path := fmt.Sprintf("%s[%d]", key, i)
		if !slices.Contains(all, v) {
			return &flaw{path, what + " " + quoted(string(v)), "write " + anyOf(all)}
		}
		if slices.Contains(values[:i], v) {
			return &flaw{path, fmt.Sprintf("%s %s a second time", what, v), "name each once"}
		}
	}
	return nil
}

// anyOf lists words as a sentence does: a, b or c.
func anyOf[T ~string](all []T) string {
	text := ""
	for i, v := range all {
		switch {
		case i == 0:
		case i == len(all)-1:
			text += " or "
		default:
			text += ", "
		}
		text += string(v)
	}
	return text
}

func (s Scenario) buildsFlaw() *flaw {
	for _, check := range []func() *flaw{
		func() *flaw { return closedFlaw("clones", "clone", s.Clones, memfdclone.Wheres()) },
		func() *flaw { return closedFlaw("strategies", "strategy", s.Strategies, memfdclone.Strategies()) },
		s.sizesFlaw, s.headroomFlaw, s.placesFlaw,
	} {
		if f := check(); f != nil {
			return f
		}
	}
	return nil
}

func (s Scenario) sizesFlaw() *flaw {
	for i, size := range s.Sizes {
		path := fmt.Sprintf("sizes[%d]", i)
		switch {
		case size < 1 || size > MaxBinary:
			return &flaw{path, "size " + FormatSize(size), "write 1 to " + FormatSize(MaxBinary)}
		case i > 0 && size <= s.Sizes[i-1]:
			return &flaw{path, fmt.Sprintf("size %s after %s", FormatSize(size), FormatSize(s.Sizes[i-1])), "write sizes from small to large, each once"}
		}
	}
	return nil
}

func (s Scenario) headroomFlaw() *flaw {
	h := s.Headroom
	if h == nil {
		return nil
	}
	if len(s.Sizes) == 0 {
		return &flaw{"headroom", "headroom without sizes", "it is what a limit leaves beside the binary: add sizes, such as sizes: [8MiB, 16MiB]"}
	}
	for i, n := range h.Bytes {
		path := fmt.Sprintf("headroom[%d]", i+one(h.None))
		switch {
		case n < -MaxBinary || n > MaxSize-MaxBinary:
			return &flaw{path, "headroom " + formatSigned(n), "write -" + FormatSize(MaxBinary) + " to " + FormatSize(MaxSize-MaxBinary)}
		case i > 0 && n <= h.Bytes[i-1]:
			return &flaw{path, fmt.Sprintf("headroom %s after %s", formatSigned(n), formatSigned(h.Bytes[i-1])), "write it from small to large, each once"}
		}
	}
	return nil
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

func formatSigned(n int64) string {
	if n < 0 {
		return "-" + FormatSize(-n)
	}
	return FormatSize(n)
}

func (s Scenario) placesFlaw() *flaw {
	if len(s.Places) > 0 && s.Headroom == nil {
		return &flaw{"places", "places without headroom", "they are those of its limits: for limits write place"}
	}
	return closedFlaw("places", "place", s.Places, []cgroupjoin.Place{cgroupjoin.OnContainer, cgroupjoin.OnAncestor})
}

// joinsFlaw keeps a scenario that starts no container from saying anything of one.
func (s Scenario) joinsFlaw() *flaw {
	j := s.Joins
	if j == nil {
		return nil
	}
	if key := s.ofContainers(); key != "" {
		return &flaw{key, key + " where joins are measured", "no container is started there: leave " + key + " out"}
	}
	for _, f := range []*flaw{
		closedFlaw("joins.mechanisms", "mechanism", j.Mechanisms, cgroupjoin.Mechanisms()),
		closedFlaw("joins.cgroup", "cgroup", j.Cgroup, []cgroupjoin.When{cgroupjoin.Early, cgroupjoin.Late}),
		countsFlaw("joins.siblings", "siblings", j.Siblings, 0, MaxSiblings),
		countsFlaw("joins.threads", "threads", j.Threads, 1, MaxThreads),
	} {
		if f != nil {
			return f
		}
	}
	if len(j.Busy) > 1 && (len(j.Busy) > 2 || j.Busy[0] == j.Busy[1]) {
		return &flaw{"joins.busy", "joins.busy has one value twice", "name each once"}
	}
	return j.emptyFlaw()
}

// ofContainers is the first key that is of container starts alone.
func (s Scenario) ofContainers() string {
	for _, k := range []struct {
		key   string
		given bool
	}{
		{"limits", len(s.Limits) > 0 || s.Unlimited}, {"search", s.Search != nil}, {"orders", len(s.Orders) > 0}, {"observe", s.Observe}, {"containers", s.Containers > 1},
		{"payload", s.Payload != (Payload{})}, {"clones", len(s.Clones) > 0}, {"strategies", len(s.Strategies) > 0},
		{"sizes", len(s.Sizes) > 0}, {"runtimes", len(s.Runtimes) > 0},
	} {
		if k.given {
			return k.key
		}
	}
	return ""
}

func (j Joins) emptyFlaw() *flaw {
	for _, a := range j.axes() {
		if a.n == 0 || a.n > MaxLimits {
			return &flaw{"joins", fmt.Sprintf("joins with %d %s", a.n, a.unit), fmt.Sprintf("name 1 to %d", MaxLimits)}
		}
	}
	return nil
}

func countsFlaw(key, what string, values []int, least, most int) *flaw {
	for i, n := range values {
		path := fmt.Sprintf("%s[%d]", key, i)
		if n < least || n > most {
			return &flaw{path, fmt.Sprintf("%s %d", what, n), fmt.Sprintf("write %d to %d", least, most)}
		}
		if slices.Contains(values[:i], n) {
			return &flaw{path, fmt.Sprintf("%s %d a second time", what, n), "name each once"}
		}
	}
	return nil
}

// armsFlaw is about arms that a scenario has no use for, or that fix what it varies.
func (s Scenario) armsFlaw(r Runtime) *flaw {
	switch key := s.fixes(r); {
	case s.Joins != nil && !IsJoin(r):
		return &flaw{"", fmt.Sprintf("scenario %s measures joins alone and starts no runtime", s.Name), "leave " + r.Name + " out, as in initbench run " + s.Name}
	case s.Joins == nil && IsJoin(r):
		return &flaw{"", fmt.Sprintf("scenario %s starts containers beside one that measures joins alone", s.Name), "run them one after the other"}
	case s.Embedded && !isEmbedder(r.Ref):
		return &flaw{"", fmt.Sprintf("scenario %s embeds the runtime, and %s is none that can be", s.Name, r.Name), "write " + BuiltinRef + ", or one of its versions such as " + BuiltinRef + "@v1.5.1"}
	case s.builds(r) && key != "":
		return &flaw{"", fmt.Sprintf("runtime %s fixes %s, which scenario %s varies", r.Name, key, s.Name), "leave " + key + " out of " + quoted(r.Ref) + ", or choose with --" + strings.Replace(key, "pad", "size", 1)}
	}
	return nil
}

// joinMetricFlaw keeps the one metric of joins and those of container starts apart.
func (s Scenario) joinMetricFlaw() *flaw {
	for i, name := range s.Judge {
		if (name == JoinLatency) != (s.Joins != nil) {
			path := fmt.Sprintf("judge[%d]", i)
			if s.Joins == nil {
				return &flaw{path, "metric " + name + " without joins", "only a join measured alone has it: add joins"}
			}
			return &flaw{path, "metric " + name + " where joins are measured", "write " + JoinLatency}
		}
	}
	return nil
}
