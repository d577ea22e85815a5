package scenarios

import "fmt"

// MaxLimits is the most rungs a ladder may have: one of single pages over 4 MiB.
// It also bounds every other list of a scenario file.
const MaxLimits = 1024

// ladder is limits written by rule instead of one by one.
type ladder struct {
	from, to, step int64
	factor         int
}

func (d *decoder) ladder(path string, v node) []int64 {
	var l ladder
	d.mapping(path, "a ladder", v, []field{
		{"from", true, func(p string, v node) { l.from = d.size(p, v) }},
		{"to", true, func(p string, v node) { l.to = d.size(p, v) }},
		{"step", false, func(p string, v node) { l.step = d.size(p, v) }},
		{"factor", false, func(p string, v node) { l.factor = d.count(p, v) }},
	})
	if d.err != nil {
		return nil
	}
	if f := l.flaw(v.Has("step"), v.Has("factor")); f != nil {
		d.fail(d.where(path+f.path), path+f.wrong, f.right)
		return nil
	}
	return l.rungs()
}

// flaw says what is wrong with the rule, before any rung is made. A ladder that does not end on
// its own `to` is refused: the largest limit of a scenario should be the one that was written.
func (l ladder) flaw(hasStep, hasFactor bool) *flaw {
	switch {
	case hasStep == hasFactor:
		return &flaw{"", " needs either step or factor", "as in {from: 8MiB, to: 32MiB, step: 4MiB}"}
	case l.from == 0 || l.to < l.from:
		return &flaw{".to", fmt.Sprintf(" from %s to %s", FormatSize(l.from), FormatSize(l.to)), "write a ladder that rises"}
	case hasStep && l.step == 0:
		return &flaw{".step", ".step 0 never gets there", "write a step such as 4MiB"}
	case hasFactor && l.factor < 2:
		return &flaw{".factor", fmt.Sprintf(".factor %d does not rise", l.factor), "write 2 or more"}
	case hasStep && (l.to-l.from)/l.step >= MaxLimits:
		return &flaw{".step", fmt.Sprintf(": a ladder of %d limits", (l.to-l.from)/l.step+1), fmt.Sprintf("the most is %d: write a larger step", MaxLimits)}
	}
	if last := l.last(); last != l.to {
		return &flaw{".to", fmt.Sprintf(".to %s is no rung", FormatSize(l.to)), "the last one below is " + FormatSize(last)}
	}
	return nil
}

func (l ladder) last() int64 {
	rungs := l.rungs()
	return rungs[len(rungs)-1]
}

// rungs lists the ladder. With a factor there are at most 53, sizes ending at 2^53.
func (l ladder) rungs() []int64 {
	var all []int64
	for n := l.from; n <= l.to; n = l.next(n) {
		all = append(all, n)
	}
	return all
}

// next cannot overflow with a step, both being at most 2^53; a factor is bounded by the division.
func (l ladder) next(n int64) int64 {
	if l.step > 0 {
		return n + l.step
	}
	if n > l.to/int64(l.factor) {
		return l.to + 1
	}
	return n * int64(l.factor)
}
