package simulate

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/initbench/initbench/internal/design"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// Plant changes a trial of the candidate: what a gate is to find.
type Plant func(*results.Record)

// Played is a gate that was played to its end.
type Played struct {
	Verdict verdict.Verdict
	// Starts are all trials, Took is how long they would have taken.
	Starts int
	Took   time.Duration
}

// sideBySide is what a trial costs of one made alone where others are made at the same time: on two CPUs less than all
// and more than half, for the kernel and PID 1 serialise a part of each.
const sideBySide = 0.6

// Gate plays a gate. The header says how; its runtimes are taken for one binary, which plant, unless it is nil, changes in
// the candidate.
func (w *World) Gate(h results.Header, judge verdict.Options, plant Plant, seed uint64) (Played, error) {
	h.Gate, h.Spec.Seed = true, seed
	h.Spec.Runtimes = []scenarios.Runtime{{Name: "baseline", Ref: w.runtime.Ref}, {Name: "candidate", Ref: w.runtime.Ref}}
	g := newGame(w, plant, seed)
	d, err := design.New(h, design.Options{Judge: judge, Now: func() time.Time { return time.Unix(0, 0).Add(g.clock) }})
	if err != nil {
		return Played{}, err
	}
	for sessions := 0; ; sessions++ {
		clock, more := d.Session()
		if !more {
			break
		}
		if sessions > 0 {
			g.clock += design.Boot
		}
		d.Environment(w.by(clock))
		if err := g.session(d); err != nil {
			return Played{}, err
		}
	}
	if err := d.Err(); err != nil {
		return Played{}, err
	}
	v, err := verdict.Judge(verdict.Run{Name: "a simulated gate", Header: h, Environments: w.places(h.Spec), Records: g.records}, judge)
	return Played{Verdict: v, Starts: len(g.made), Took: g.clock}, err
}

// session makes what a director asks for until it has no more by this clock.
func (g *game) session(d *design.Director) error {
	for {
		trials, together, ok := d.Next()
		if !ok {
			return nil
		}
		for _, t := range trials {
			r, err := g.make(t, together)
			if err == nil {
				err = d.Add(r)
			}
			if err != nil {
				return err
			}
		}
	}
}

// game is one gate under way.
type game struct {
	world *World
	plant Plant
	rng   *rand.Rand
	clock time.Duration
	made  []results.Record
	drawn map[int]*[inBlock]results.Record // by block
	used  map[int]int                      // of what was drawn
}

func newGame(w *World, plant Plant, seed uint64) *game {
	return &game{world: w, plant: plant, rng: rand.New(rand.NewPCG(seed, 0x5eed)), drawn: map[int]*[inBlock]results.Record{}, used: map[int]int{}}
}

func (g *game) records(yield func(results.Record, error) bool) {
	for _, r := range g.made {
		if !yield(r, nil) {
			return
		}
	}
}

// make is one trial: a place in a block that was drawn, whichever arm comes at it.
func (g *game) make(t scenarios.Trial, together bool) (results.Record, error) {
	r, err := g.draw(t)
	if err != nil {
		return r, err
	}
	r.Kind, r.Schema, r.Environment, r.Runtime = "trial", results.Schema, g.world.of(t.Scenario), g.world.runtime
	r.Trial, r.StartNS, r.Runtime.Name = t, int64(g.clock), t.Arm
	r.Together = together
	if g.plant != nil && t.Arm == "candidate" {
		g.plant(&r)
	}
	cost := g.world.each
	if together {
		cost = time.Duration(sideBySide * float64(cost))
	}
	g.clock += cost
	g.made = append(g.made, r)
	return r, nil
}

func (g *game) draw(t scenarios.Trial) (results.Record, error) {
	at := where{t.Scenario, t.Cell()}
	if t.Warmup {
		return results.Record{Outcome: results.Started}, nil
	}
	if all := g.world.blocks[at]; len(all) > 0 {
		block, known := g.drawn[t.Block]
		if !known {
			block = &all[g.rng.IntN(len(all))]
			g.drawn[t.Block] = block
		}
		g.used[t.Block]++
		return block[(g.used[t.Block]-1)%inBlock], nil
	}
	at.cell.Limit, at.cell.Place = 0, ""
	e := g.world.edges[at]
	if e == nil {
		return results.Record{}, fmt.Errorf("no trial of %s, %s, %s is stored", t.Scenario, t.Driver, t.Order)
	}
	return e.record(t, g.rng), nil
}

func (e *edge) record(t scenarios.Trial, rng *rand.Rand) results.Record {
	r := results.Record{Outcome: e.draw(t.Limit, rng)}
	if t.Order != sequence.Natural {
		r.Enforcement = &sequence.Enforcement{Outcome: sequence.OrderImposed}
		if e.natural {
			r.Enforcement.Outcome = sequence.OrderNotApplicable
		}
	}
	return r
}
