package runner

import (
	"fmt"
	"slices"
	"time"

	"github.com/initbench/initbench/internal/census"
	"github.com/initbench/initbench/scenarios"
)

// look is one census of a session: the machine, and the descriptors of each who is watched (nil of one that is not there).
type look struct {
	machine census.Census
	watched []map[census.Kind]int64
}

// Keys set a machine's kinds and those of each process apart, where all are waited for together.
func machineKey(k census.Kind) census.Kind        { return k }
func watchedKey(i int, k census.Kind) census.Kind { return census.Kind(fmt.Sprintf("%d/%s", i, k)) }

// flat has all counts by their keys. Of a process that is there a kind that it has none of is a count of 0.
func (l look) flat() map[census.Kind]int64 {
	all := map[census.Kind]int64{}
	for k, n := range l.machine.Counts {
		all[machineKey(k)] = n
	}
	for i, of := range l.watched {
		if of == nil {
			continue
		}
		for _, k := range scenarios.DescriptorKinds() {
			all[watchedKey(i, census.Kind(k))] = of[census.Kind(k)]
		}
	}
	return all
}

// settled is how a session's counts came back.
type settled struct {
	// base is what they are to come back to before the wait is over: what there was before the first cycle or after it, since what is made
	// once is kept for good.
	base map[census.Kind]int64
	// first is what there was before the first cycle.
	first map[census.Kind]int64
	// back is since when there were no more than that.
	back   map[census.Kind]time.Duration
	last   *look
	waited time.Duration
}

// drifting kinds follow what else the machine does, such as a journal in memory, and are not waited for.
var drifting = []census.Kind{census.ShmemPages, census.TmpfsPages, census.Threads}

func newSettled(looks []look) *settled {
	s := &settled{base: map[census.Kind]int64{}, first: looks[0].flat(), back: map[census.Kind]time.Duration{}}
	once := looks[min(1, len(looks)-1)].flat()
	for k, n := range s.first {
		if !slices.Contains(drifting, k) {
			s.base[k] = max(n, once[k])
		}
	}
	return s
}

// add takes in a look.
func (s *settled) add(l look, at time.Duration) {
	s.last = &l
	now := l.flat()
	for k, before := range s.first {
		n, counted := now[k]
		switch _, is := s.back[k]; {
		case !counted || n > before:
			delete(s.back, k)
		case !is:
			s.back[k] = at
		}
	}
}
