package verdict

import (
	"math"

	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/results"
)

// sheet is what is kept of the trials of one lane that started: a row each and a column for each figure. A million
// trials with their twenty figures so take as much memory as the numbers themselves; as points, each
// with its own block and batch, they took three times that.
type sheet struct {
	rows    []spotted
	columns map[string]*column
}

// spotted is where a trial was made.
type spotted struct{ block, batch int }

// column has one value a row, down to the last that has any.
type column []int64

// absent stands where a trial has no value; no figure is that small.
const absent = math.MinInt64

// begin makes the row of one more trial, which what is kept from now on is of.
func (s *sheet) begin(r *results.Record) { s.rows = append(s.rows, spotted{r.Block, r.Batch}) }

func (s *sheet) keep(name string, v int64) {
	c := s.columns[name]
	if c == nil {
		c = new(column)
		s.columns[name] = c
	}
	for len(*c) < len(s.rows)-1 {
		*c = append(*c, absent)
	}
	*c = append(*c, v)
}

// sheet is the one of a lane.
func (s *side) sheet(lane Lane) *sheet {
	sh := s.sheets[lane]
	if sh == nil {
		sh = &sheet{columns: map[string]*column{}}
		s.sheets[lane] = sh
	}
	return sh
}

func (s *side) column(f figure) (rows []spotted, values column) {
	if sh := s.sheets[f.lane]; sh != nil && sh.columns[f.name] != nil {
		return sh.rows, *sh.columns[f.name]
	}
	return nil, nil
}

// has tells whether any trial has a value of the figure.
func (s *side) has(f figure) bool {
	_, values := s.column(f)
	return len(values) > 0
}

// values are those of a figure, in the order in which the trials ended.
func (s *side) values(f figure) []stats.Point {
	rows, values := s.column(f)
	points := make([]stats.Point, 0, len(values))
	for i, v := range values {
		if v != absent {
			points = append(points, stats.Point{Block: rows[i].block, Batch: rows[i].batch, Value: v})
		}
	}
	return points
}

// batchList has the batches of a side in the order of their first trials. Most are of one trial, which nothing will be
// added to: only the others are kept by their number.
type batchList struct {
	all    []batch
	larger map[int]int // place in all
}

// of is the batch of a trial, valid until the next is asked for.
func (l *batchList) of(r *results.Record, lane Lane) *batch {
	if i, known := l.larger[r.Batch]; known {
		return &l.all[i]
	}
	b := batch{id: r.Batch, block: r.Block, lane: lane, size: int32(max(1, r.BatchSize)), concurrent: r.Concurrent, first: math.MaxInt64}
	if b.size > 1 {
		l.put(b.id)
	}
	l.all = append(l.all, b)
	return &l.all[len(l.all)-1]
}

// put notes where the next batch will be.
func (l *batchList) put(id int) {
	if l.larger == nil {
		l.larger = map[int]int{}
	}
	l.larger[id] = len(l.all)
}

// concurrent tells whether the containers of a batch were started at once.
func (l *batchList) concurrent(id int) bool {
	i, known := l.larger[id]
	return known && l.all[i].concurrent
}

// add takes in those of another side, which are other batches.
func (l *batchList) add(other batchList) {
	for _, b := range other.all {
		if b.size > 1 {
			l.put(b.id)
		}
		l.all = append(l.all, b)
	}
}
