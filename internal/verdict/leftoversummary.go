package verdict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// LivesSummary is what the lives of one runtime left. Nothing is judged. A sequence is counted once, however often it was lived, by the worst of its lives.
type LivesSummary struct {
	Scenario, Runtime string
	Driver            cgroupjoin.Driver
	// Settle is what time alone was given.
	Settle string
	// Sequences were to be lived. Of Missed no life says anything. Clean left nothing, Passing only what went by itself.
	Sequences, Missed, Clean, Passing int
	// Kinds are all that a life was searched for.
	Kinds []LeftSummary
}

// LeftSummary is what lives left of one kind.
type LeftSummary struct {
	Kind lifecycle.Kind
	// Sequences left something of it, by what freed the hardest to free.
	Sequences map[lifecycle.Freed]int
	// Shortest is the first of those with the fewest steps, among the ones that left what was hardest to free; empty where nothing of the kind lasted.
	Shortest string
	// Name is one of the things it left. So many of its lives left what is as hard to free, of all that say anything.
	Name      string
	Lives, Of int
	// Command lives it again, as often where not each life left that.
	Command string
}

// Lasting is how many sequences left something that did not go by itself.
func (l LivesSummary) Lasting() int { return l.Sequences - l.Missed - l.Clean - l.Passing }

// Share says in how many of its lives the shortest sequence left it; empty where each did.
func (l LeftSummary) Share() string {
	if l.Lives == l.Of {
		return ""
	}
	return fmt.Sprintf(" (%d of %d lives)", l.Lives, l.Of)
}

// describeLives tells what the sessions of a cell left, those that lived again what had differed among them.
func (s *survey) describeLives(sc scenarios.Scenario, k cellKey) {
	d := s.side(k).side
	if len(d.lives) == 0 {
		return // none is recorded, or none could be lived: the cell says so
	}
	all := d.answers(false, func(livesSession) bool { return true })
	l := LivesSummary{Scenario: sc.Name, Runtime: k.runtime, Driver: k.driver, Settle: sc.Lives.Settle.String(), Sequences: len(all.order)}
	for _, name := range all.order {
		l.count(all.of[name])
	}
	for _, kind := range lifecycle.LeftKinds() {
		if kind.OfNetwork() && sc.Network == nil {
			continue
		}
		of := all.left(kind)
		if of.Shortest != "" {
			of.Command = lifeAgain([]string{s.ids[k.runtime].Ref}, k.driver, sc.Network.Text(), l.Settle, of.Shortest)
			if of.Command != "" && of.Lives < of.Of {
				of.Command += fmt.Sprint(" --times ", of.Of)
			}
		}
		l.Kinds = append(l.Kinds, of)
	}
	s.summary.Lives = append(s.summary.Lives, l)
}

// count takes a sequence by the lives of it that say something.
func (l *LivesSummary) count(lives []answer) {
	lasts := func(k lifecycle.Kind) bool { return hardest(lives, k).Worst(k) > 0 }
	switch {
	case len(lives) == 0:
		l.Missed++
	case !slices.ContainsFunc(lives, func(a answer) bool { return len(a.Left) > 0 }):
		l.Clean++
	case !slices.ContainsFunc(lifecycle.LeftKinds(), lasts):
		l.Passing++
	}
}

// left has the sequences that left something of a kind.
func (a answers) left(kind lifecycle.Kind) LeftSummary {
	out := LeftSummary{Kind: kind, Sequences: map[lifecycle.Freed]int{}}
	worst := 1 // what time alone freed stands for nothing
	for _, name := range a.order {
		lives := a.of[name]
		if !slices.ContainsFunc(lives, func(l answer) bool { return l.Leaves(kind) }) {
			continue
		}
		most := hardest(lives, kind)
		rank := most.Worst(kind)
		out.Sequences[lifecycle.FreedBy()[rank]]++
		if rank > worst || rank == worst && (out.Shortest == "" || strings.Count(name, ",") < strings.Count(out.Shortest, ",")) {
			worst = rank
			out.Shortest, out.Name, out.Lives, out.Of = name, most.Named(kind, results.Life{}), 0, len(lives)
			for _, l := range lives {
				if l.Worst(kind) == rank {
					out.Lives++
				}
			}
		}
	}
	return out
}
