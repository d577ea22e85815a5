package scenarios

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/memfdclone"
)

// coreTrials of an arm in each cell of the core come before anything else: the fewest of which most can agree.
// The order-matrix of the catalogue has a core of 84 cells, 252 trials, which five minutes have room for at
// a second each and more.
const coreTrials = 3

// slot is a cell that is planned and the arms that are compared in it.
type slot struct {
	Cell
	arms  []string
	built bool
	core  bool
	at    []int // the index of its value on each axis
}

// warmth is what a warm-up warms: systemd's state under a driver, and what a build needs beside its binary, such
// as the overlay module. A binary itself is in memory since it was written.
type warmth struct {
	built     bool
	driver    cgroupjoin.Driver
	clone     memfdclone.Where
	strategy  memfdclone.Strategy
	mechanism cgroupjoin.Mechanism
}

func (s slot) warmth() warmth {
	return warmth{s.built, s.Driver, s.Build.Clone, s.Build.Strategy, s.Join.Mechanism}
}

// informed tells whether the scenario's plan begins with what says most. Any other plan, and with
// it the trials of runs that are stored, is what it was before there were builds.
func (s Spec) informed(sc Scenario) bool {
	return sc.Joins != nil || slices.ContainsFunc(s.Runtimes, sc.builds)
}

// slots lists what is planned, arms of a kind together. What a user's own runtimes are asked is all in the core.
func (s Spec) slots(sc Scenario) (all []slot) {
	sizes := sc.coreSizes(s.BuiltinBytes)
	for _, built := range []bool{false, true} {
		arms := s.armsOf(sc, built)
		if len(arms) == 0 {
			continue
		}
		for at, c := range combine(sc.axes(built)) {
			if c.Senseless(s.BuiltinBytes) == "" {
				all = append(all, slot{Cell: c, arms: arms, built: built, core: sc.inCore(c, sizes), at: slices.Clone(at)})
			}
		}
	}
	return all
}

// armsOf names the arms that have the scenario's axes of the built-in runtime, or those that have not.
func (s Spec) armsOf(sc Scenario, built bool) (arms []string) {
	for _, r := range s.Runtimes {
		if sc.builds(r) == built {
			arms = append(arms, r.Name)
		}
	}
	return arms
}

// informedSize counts the cells that make sense, after their product.
func (s Spec) informedSize(sc Scenario) (trials int64, product string, ok bool) {
	if product, ok := s.fewCells(sc); !ok {
		return 0, product, false
	}
	var cells, builds int
	warmed := map[warmth]bool{}
	for _, slot := range s.slots(sc) {
		cells += len(slot.arms)
		if w := slot.warmth(); !warmed[w] {
			warmed[w] = true
			builds += len(slot.arms)
		}
	}
	measured, product, ok := multiply("container starts", factor{cells, "cells of arms that make sense"}, factor{sc.Trials, sc.unit()}, factor{sc.Containers, "containers"})
	if !ok {
		return 0, product, false
	}
	warm, product, ok := multiply("container starts", factor{builds, "builds of arms"}, factor{sc.Warmup, "warm-ups"})
	if !ok {
		return 0, product, false
	}
	return together(measured, warm)
}

// fewCells tells whether the cells, before any is made, are few enough to be looked at one by one.
func (s Spec) fewCells(sc Scenario) (product string, ok bool) {
	for _, built := range []bool{false, true} {
		arms := len(s.armsOf(sc, built))
		if arms == 0 {
			continue
		}
		factors := []factor{{arms, "runtimes"}}
		for _, a := range sc.axes(built) {
			factors = append(factors, factor{a.n, a.unit})
		}
		if _, product, ok := multiply("cells", factors...); !ok {
			return product, false
		}
	}
	return "", true
}

// coreSizes are the two smallest sizes that can be had: a copy that is charged to the container shows as well with them as
// with larger ones, and in less time.
func (s Scenario) coreSizes(builtinBytes int64) []int64 {
	if builtinBytes == 0 {
		builtinBytes = leastBuiltinBytes
	}
	fit := slices.DeleteFunc(slices.Clone(s.Sizes), func(n int64) bool { return n < builtinBytes })
	return fit[:min(2, len(fit))]
}

// inCore picks what answers who pays: the copy in init, in every order and under every limit; beside it the ways in
// which the container pays nothing, without a limit and under the tightest one. What is left to a runtime's
// reference cannot be told apart, and is all in the core.
func (s Scenario) inCore(c Cell, sizes []int64) bool {
	b := c.Build
	switch {
	case b.Clone == "" || b.Strategy == "":
		return true
	case b.BinaryBytes != 0 && !slices.Contains(sizes, b.BinaryBytes):
		return false
	case b.Clone == memfdclone.InInit:
		return true
	case b.Clone == memfdclone.Once, b.Clone == memfdclone.InParent && b.Strategy != memfdclone.Memfd && b.Strategy != memfdclone.Overlayfs:
		return false
	}
	return c.Limit == 0 || (bound{c.Place, c.Limit}) == s.tightest(b.BinaryBytes)
}

// tightest is the first limit of a built-in arm, in the first place.
func (s Scenario) tightest(size int64) bound {
	bounds := s.bounds()
	if s.Headroom != nil {
		bounds = s.Headroom.bounds(s.Places)
	} else {
		size = 0
	}
	for _, b := range bounds {
		if b.place != "" {
			return bound{b.place, b.bytes + size}
		}
	}
	return bound{}
}

// informed plans what says most first, so that a run that is ended early has said it: coreTrials in each
// cell of the core; then as many in each other one, the first round in an order in which every two values of
// different axes soon have met; then what is left in all of them. Each round visits every cell of its
// stage once, in an order shuffled anew but for the first, so that a short run has many cells with few trials and not the reverse.
// Warm-ups come right before the first cell that needs them.
func (p *planner) informed(all []slot, sc Scenario) bool {
	var core, others []slot
	for _, s := range all {
		if s.core {
			core = append(core, s)
		} else {
			others = append(others, s)
		}
	}
	for name, slots := range map[string][]slot{"core": core, "others": others} {
		p.stream(sc.Name, "before "+name, 0).Shuffle(len(slots), func(i, j int) { slots[i], slots[j] = slots[j], slots[i] })
	}
	others = cover(core, others)
	// Who pays shows without a limit, in few cells: those are first even of the core.
	slices.SortStableFunc(core, func(a, b slot) int { return cmp.Compare(min(a.Limit, 1), min(b.Limit, 1)) })
	w := newWarmer(p, sc)
	if sc.Search != nil {
		return w.all(all)
	}
	first := min(coreTrials, sc.Trials)
	return w.stage("core", core, 0, first) && w.stage("others", others, 0, first) && w.stage("all", slices.Concat(core, others), first, sc.Trials)
}

func newWarmer(p *planner, sc Scenario) *warmer {
	return &warmer{planner: p, sc: sc, done: map[warmth]bool{}}
}

// warmer makes the blocks of one scenario and warms up before them.
type warmer struct {
	*planner
	sc   Scenario
	done map[warmth]bool
}

// stage makes rounds until every slot that has had from trials of an arm has had to of them.
func (w *warmer) stage(name string, slots []slot, from, to int) bool {
	for round := range to {
		order := w.stream(w.sc.Name, name, round).Perm(len(slots))
		if round == 0 {
			slices.Sort(order) // they are in the order of what they say
		}
		for _, i := range order {
			had := round * batchesPerBlock(len(slots[i].arms))
			if had >= from && had < to && !w.visit(slots[i], w.stream(w.sc.Name, "block/"+name, round*len(slots)+i), had) {
				return false
			}
		}
	}
	return true
}

// visit makes a block in which an arm that has had so many trials gets its next.
func (w *warmer) visit(s slot, rng *rand.Rand, had int) bool {
	return w.warm(s) && w.emit(blockArms(rng, s.arms, w.sc.Trials-had), measured(w.sc, s.Cell))
}

// all warms up for every slot, and no more.
func (w *warmer) all(slots []slot) bool {
	for _, s := range slots {
		if !w.warm(s) {
			return false
		}
	}
	return true
}

func (w *warmer) warm(s slot) bool {
	key := s.warmth()
	if w.done[key] {
		return true
	}
	w.done[key] = true
	for round := range w.sc.Warmup {
		arms := slices.Clone(s.arms)
		shuffle(w.stream(w.sc.Name, fmt.Sprintf("warmup/%s/%s/%s/%s", key.driver, key.clone, key.strategy, key.mechanism), round), arms)
		t := warmup(w.sc, s.Driver)
		t.Build, t.Join = s.Build, s.Join
		if !w.emit(arms, t) {
			return false
		}
	}
	return true
}
