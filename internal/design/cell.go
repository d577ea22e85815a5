package design

import (
	"slices"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// cell is one combination of conditions and the blocks it has had.
type cell struct {
	scenarios.Slot
	// whole is how many trials a block has, most how many blocks the cell may have.
	whole, most int
	// blocks are complete, begun ones are all that a trial was made of.
	blocks, begun int
	recorded      map[int]int     // trials of each block that is not complete
	shown         map[string]bool // arms of which a trial started or was killed
	// looked is the number of blocks at the last look.
	looked int
	ended  bool
}

func newCell(sc scenarios.Scenario, s scenarios.Slot) *cell {
	c := &cell{Slot: s, recorded: map[int]int{}, shown: map[string]bool{}}
	each := 1 // batches of an arm in a block
	if len(s.Arms) == 2 {
		each = 2
	}
	c.whole, c.most = each*len(s.Arms)*sc.Containers, max(1, sc.Trials/each)
	return c
}

func (c *cell) add(r results.Record) {
	if r.Outcome != results.Failed && r.Outcome != results.TimedOut {
		c.shown[r.Arm] = true
	}
	if _, known := c.recorded[r.Block]; !known {
		c.begun++
	}
	if c.recorded[r.Block]++; c.recorded[r.Block] == c.whole {
		c.blocks++
	}
}

// due tells whether the cell has as many blocks as it is to be looked at with, and was not.
func (c *cell) due(looks []int) bool {
	return !c.ended && c.blocks > c.looked && (slices.Contains(looks, c.blocks) || c.blocks >= c.most)
}

// hopeless cells have an arm that neither started nor was killed in any trial: no row will ever come of them.
func (c *cell) hopeless() bool {
	return slices.ContainsFunc(c.Arms, func(arm string) bool { return !c.shown[arm] })
}
