package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Row is what one sequence left, for a table. One that was lived several times has a row for each outcome.
type Row struct {
	Sequence Sequence
	// Lives of Of ended so.
	Lives, Of int
	// Cells say for each kind what freed those of it: "delete", or "2 delete, 1 clean".
	Cells map[Kind]string
	// Lasting: something did not go by time alone.
	Lasting bool
}

// Group are the sequences that left the same lasting kinds, freed by the same.
type Group struct {
	// Cells say for each kind what freed those of it: "delete", or "delete, never".
	Cells map[Kind]string
	// Shortest of them is the first of those with the fewest steps.
	Shortest  Sequence
	Sequences int
	members   []member
}

// member is a sequence of a group: so many of its lives left this.
type member struct {
	Sequence  Sequence
	lives, of int
}

// Table is the matrix of what was lived in one setting. Sequences are counted, not lives: one that ended in several ways is counted with each.
type Table struct {
	Setting
	Kinds []Kind // that occur in Rows
	Rows  []Row  // of sequences that left something
	// Clean sequences left nothing. Passing ones left only what went by itself, the slowest of it after Longest, Lasting ones what did not. Missed ones say nothing.
	Clean, Passing, Lasting, Missed int
	// Unlived sequences begin with one whose kill had not come about.
	Unlived int
	Longest time.Duration
	Pairs   []Pair
	// Same pairs left the same either way.
	Same int
	// Groups are the rows that left something lasting, those of the shortest sequence first.
	Groups []Group
	// Lasts are the kinds that occur in Groups.
	Lasts []Kind
	// Left counts the sequences by what they left.
	Left Tally
	// Lived is how many sequences there were, of which those in Unlived are none.
	Lived int
	// Lives are all that were lived, LivesMissed those of them that say nothing.
	Lives, LivesMissed int
}

// Pair is a direct delete beside the same life with a stop before it.
type Pair struct {
	Direct, Stopped Record
}

// Tables makes of records a table for each setting, in the order in which they come.
func Tables(records []Record) []Table {
	var tables []Table
	var of [][]Record
	for _, r := range records {
		i := slices.IndexFunc(tables, func(t Table) bool { return t.Setting == r.Setting() })
		if i < 0 {
			i = len(tables)
			tables, of = append(tables, Table{Setting: r.Setting()}), append(of, nil)
		}
		of[i] = append(of[i], r)
	}
	for i := range tables {
		tables[i].fill(of[i])
	}
	return tables
}

// outcome is how a sequence ended, in lives of its lives; the record is of the first that did.
type outcome struct {
	Record
	lives, of int
}

// outcomes are in the order of their first lives. One process or three are different here: a reader is to see both.
func outcomes(records []Record) (all []*outcome, sequences int) {
	type end struct{ sequence, how string }
	lives, known := map[string]int{}, map[end]*outcome{}
	for _, r := range records {
		name := r.Sequence.String()
		how := end{name, fmt.Sprint(r.Behind != "", r.Missed())}
		for _, k := range LeftKinds() {
			how.how += ";" + cell(r.Left, k)
		}
		if r.Behind == "" {
			lives[name]++
		}
		if known[how] == nil {
			known[how] = &outcome{Record: r}
			all = append(all, known[how])
		}
		known[how].lives++
	}
	for _, o := range all {
		o.of = lives[o.Sequence.String()]
	}
	return all, len(lives)
}

func (t *Table) fill(records []Record) {
	t.Left = Tally{}
	all, lived := outcomes(records)
	t.Lived = lived
	seen := once{}
	for _, o := range all {
		t.add(o, seen)
		if o.Behind != "" {
			continue
		}
		t.Lives += o.lives
		if o.Missed() {
			t.LivesMissed += o.lives
		}
	}
	for _, k := range LeftKinds() {
		if slices.ContainsFunc(t.Rows, func(r Row) bool { return r.Cells[k] != "" }) {
			t.Kinds = append(t.Kinds, k)
		}
	}
	t.group(all)
	t.pair(all)
}

// group puts together what left the same. One process or three are the same to whoever has to free them.
func (t *Table) group(all []*outcome) {
	known := map[string]int{}
	for _, r := range all {
		cells, key := lastingCells(r.Record)
		if r.Missed() || len(cells) == 0 {
			continue
		}
		i, had := known[key]
		if !had {
			i = len(t.Groups)
			known[key] = i
			t.Groups = append(t.Groups, Group{Cells: cells, Shortest: r.Sequence})
		}
		g := &t.Groups[i]
		if g.add(r) && len(r.Sequence) < len(g.Shortest) {
			g.Shortest = r.Sequence
		}
	}
	slices.SortStableFunc(t.Groups, func(a, b Group) int { return len(a.Shortest) - len(b.Shortest) })
	for _, k := range LeftKinds() {
		if slices.ContainsFunc(t.Groups, func(g Group) bool { return g.Cells[k] != "" }) {
			t.Lasts = append(t.Lasts, k)
		}
	}
}

// add reports whether the sequence was not in the group: outcomes that differ in what time alone freed are the same here.
func (g *Group) add(o *outcome) bool {
	for i := range g.members {
		if slices.Equal(g.members[i].Sequence, o.Sequence) {
			g.members[i].lives += o.lives
			return false
		}
	}
	g.Sequences++
	g.members = append(g.members, member{o.Sequence, o.lives, o.of})
	return true
}

// lastingCells say for each kind what freed those that time alone did not, and all of it in one text.
func lastingCells(r Record) (cells map[Kind]string, key string) {
	cells = map[Kind]string{}
	for _, k := range LeftKinds() {
		var words []string
		for _, by := range FreedBy()[1:] {
			if slices.ContainsFunc(r.Left, func(l Left) bool { return l.Kind == k && l.FreedBy == by }) {
				words = append(words, string(by))
			}
		}
		if len(words) > 0 {
			cells[k] = strings.Join(words, ", ")
			key += string(k) + ":" + cells[k] + ";"
		}
	}
	return cells, key
}

// once tells the first time that something is said of a sequence from the others.
type once map[string]bool

func (o once) first(s Sequence, what string) bool {
	key := what + " " + s.String()
	had := o[key]
	o[key] = true
	return !had
}

func (t *Table) add(r *outcome, seen once) {
	switch {
	case r.Behind != "":
		t.Unlived++
		return
	case r.Missed():
		t.Missed++
		return
	case len(r.Left) == 0:
		t.Clean++
		return
	}
	t.Left.count(r.Record, seen)
	row := Row{Sequence: r.Sequence, Lives: r.lives, Of: r.of, Cells: map[Kind]string{}}
	for _, k := range LeftKinds() {
		row.Cells[k] = cell(r.Left, k)
	}
	row.Lasting = slices.ContainsFunc(r.Left, lasts)
	switch {
	case row.Lasting && seen.first(r.Sequence, "lasting"):
		t.Lasting++
	case !row.Lasting:
		if seen.first(r.Sequence, "passing") {
			t.Passing++
		}
		for _, l := range r.Left {
			t.Longest = max(t.Longest, time.Duration(l.AfterNS))
		}
	}
	t.Rows = append(t.Rows, row)
}

func lasts(l Left) bool { return l.FreedBy != ByTime }

// cell says what freed those of a kind.
func cell(left []Left, k Kind) string {
	var words []string
	for _, by := range FreedBy() {
		n := 0
		for _, l := range left {
			if l.Kind == k && l.FreedBy == by {
				n++
			}
		}
		switch {
		case n == 1:
			words = append(words, string(by))
		case n > 1:
			words = append(words, fmt.Sprintf("%d %s", n, by))
		}
	}
	return strings.Join(words, ", ")
}

// pair finds the direct deletes whose twins were lived as well.
func (t *Table) pair(all []*outcome) {
	known := map[string]Record{}
	for _, o := range slices.Backward(all) {
		known[o.Sequence.String()] = o.Record // of several its first life
	}
	for _, o := range all {
		r := o.Record
		if r.Life > 0 {
			continue
		}
		twin, ok := r.Sequence.Stopped()
		if !ok {
			continue
		}
		other, lived := known[twin.String()]
		switch {
		case !lived || r.Missed() || other.Missed():
		case Lasting(r) == Lasting(other):
			t.Same++
		default:
			t.Pairs = append(t.Pairs, Pair{r, other})
		}
	}
}

// Lasting is in one line what of a record did not go by time alone, and what freed it.
func Lasting(r Record) string {
	left := slices.DeleteFunc(slices.Clone(r.Left), func(l Left) bool { return !lasts(l) })
	var words []string
	for _, k := range LeftKinds() {
		if c := cell(left, k); c != "" {
			words = append(words, string(k)+": "+c)
		}
	}
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, "; ")
}
