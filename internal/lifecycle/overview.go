package lifecycle

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Tally says in how many sequences something of a kind was left of which the hardest to free was freed so.
type Tally map[Kind]map[Freed]int

// hardest is what freed that of a kind which was hardest to free; ok is false where nothing of it was left.
func hardest(left []Left, k Kind) (by Freed, ok bool) {
	rank := -1
	for _, l := range left {
		if l.Kind == k {
			rank = max(rank, slices.Index(FreedBy(), l.FreedBy))
		}
	}
	if rank < 0 {
		return "", false
	}
	return FreedBy()[rank], true
}

func (t Tally) count(r Record, seen once) {
	for _, k := range LeftKinds() {
		by, left := hardest(r.Left, k)
		if !left || !seen.first(r.Sequence, string(k)+" "+string(by)) {
			continue
		}
		if t[k] == nil {
			t[k] = map[Freed]int{}
		}
		t[k][by]++
	}
}

// Words are the numbers of a kind's sequences, those that time alone freed first.
func (t Tally) Words(k Kind) string {
	var words []string
	for _, by := range FreedBy() {
		if n := t[k][by]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, by))
		}
	}
	return strings.Join(words, ", ")
}

// Command lives one of a table's sequences again, where it was lived.
func (t Table) Command(s Sequence) string {
	return t.Again() + s.String()
}

// Again is the command that lives a sequence once more where it was lived, but for the sequence, which follows.
func (s Setting) Again() string {
	in := "host"
	if s.Where == InGuest {
		in = "vm"
	}
	return fmt.Sprintf("initbench lifecycle --in %s %s --sequence ", in, s.Words())
}

// Words are the arguments that have one live in this setting, but for the machine. No pool has a quote in it that a shell would end a word at.
func (s Setting) Words() string {
	words := fmt.Sprintf("--runtime %s --driver %s", s.Runtime.Ref, s.Driver)
	if s.Network != "" {
		words += " --network '" + s.Network + "'"
	}
	if s.Settle != DefaultSettle {
		words += " --settle " + s.Settle.String()
	}
	return words
}

// Under is the driver, and whether there is a network.
func (s Setting) Under() string {
	if s.Network != "" {
		return s.Driver + " with a network"
	}
	return s.Driver
}

// In is how many sequences of a table something is about.
type In struct {
	Setting   Setting
	Sequences int
}

// Leftover is what sequences of several tables left, freed by the same.
type Leftover struct {
	Cells map[Kind]string // as a Group's
	In    []In
	// Command lives the shortest of the sequences again: of several that is one which most of the tables have, since what a runtime and its child
	// do at the same time may go either way, and then one with the greatest share of its lives. Where it was lived several times and left this in some, the command does it as often, and Lives of Of did.
	Command   string
	Lives, Of int
	steps     int
}

// Leftovers are the groups of all tables together, those of the shortest sequences first.
func Leftovers(tables []Table) []Leftover {
	var all []Leftover
	var members []map[string]int // how many tables have a sequence
	for _, t := range tables {
		for _, g := range t.Groups {
			i := slices.IndexFunc(all, func(l Leftover) bool { return maps.Equal(l.Cells, g.Cells) })
			if i < 0 {
				i = len(all)
				all, members = append(all, Leftover{Cells: g.Cells}), append(members, map[string]int{})
			}
			all[i].In = append(all[i].In, In{t.Setting, g.Sequences})
			for _, m := range g.members {
				members[i][m.Sequence.String()]++
			}
		}
	}
	for i := range all {
		all[i].choose(tables, members[i])
	}
	slices.SortStableFunc(all, func(a, b Leftover) int { return a.steps - b.steps })
	return all
}

// choose finds the sequence that stands for a leftover, and the first table that has it.
func (l *Leftover) choose(tables []Table, had map[string]int) {
	l.steps = MaxLength + 1
	most := 0
	for _, t := range tables {
		for _, g := range t.Groups {
			if !maps.Equal(l.Cells, g.Cells) {
				continue
			}
			for _, m := range g.members {
				s := m.Sequence
				n := had[s.String()]
				if len(s) < l.steps || len(s) == l.steps && (n > most || n == most && m.lives*l.Of > l.Lives*m.of) {
					l.Command, l.steps, most = t.Command(s), len(s), n
					if l.Lives, l.Of = m.lives, m.of; l.Lives < l.Of {
						l.Command += fmt.Sprint(" --times ", l.Of)
					}
				}
			}
		}
	}
}

// Words are a leftover's kinds, each with what freed those of it.
func (l Leftover) Words() string {
	var words []string
	for _, k := range LeftKinds() {
		if c := l.Cells[k]; c != "" {
			words = append(words, string(k)+": "+c)
		}
	}
	return strings.Join(words, "; ")
}

// Difference is what a stop before a delete changes, in as many tables as it does.
type Difference struct {
	Direct        Sequence
	Left, Stopped string // what lasts, as Lasting has it
	In            []In
	Command       string // lives the direct delete again
}

// Differences are the pairs of all tables together that left different things, in the tables' order.
func Differences(tables []Table) []Difference {
	var all []Difference
	for _, t := range tables {
		for _, p := range t.Pairs {
			d := Difference{Direct: p.Direct.Sequence, Left: Lasting(p.Direct), Stopped: Lasting(p.Stopped), Command: t.Command(p.Direct.Sequence)}
			i := slices.IndexFunc(all, func(o Difference) bool {
				return slices.Equal(o.Direct, d.Direct) && o.Left == d.Left && o.Stopped == d.Stopped
			})
			if i < 0 {
				i = len(all)
				all = append(all, d)
			}
			all[i].In = append(all[i].In, In{t.Setting, 1})
		}
	}
	return all
}
