package main

import (
	"github.com/initbench/initbench/internal/runner"
	"github.com/initbench/initbench/results"
)

// pastLives are those of a run that goes on: what its sessions left, in blocks that are not whole.
type pastLives map[int]*pastBlock

type pastBlock struct {
	sessions int
	first    []runner.Past
}

// take keeps what a record says of lives.
func (p *pastLives) take(r results.Record) {
	if r.Trial.Lives == 0 {
		return
	}
	if *p == nil {
		*p = pastLives{}
	}
	b := (*p)[r.Block]
	if b == nil {
		b = &pastBlock{}
		(*p)[r.Block] = b
	}
	b.sessions++
	if r.Lived != nil && r.Trial.Lives == 1 {
		b.first = append(b.first, runner.Past{Block: r.Block, Arm: r.Arm, Lived: *r.Lived})
	}
	const whole = 4 // two of each arm
	if b.sessions == whole {
		b.first = nil
	}
}

// open is what the sessions that are still to be made ask for.
func (p pastLives) open() (all []runner.Past) {
	for _, b := range p {
		all = append(all, b.first...)
	}
	return all
}
