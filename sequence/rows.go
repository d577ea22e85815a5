package sequence

import "slices"

// Row is a line of a timeline that a person reads: one step, or a run of those that say nothing by themselves.
type Row struct {
	Event
	// Count is the number of events the row stands for. Where there are several, Event is the last of them.
	Count int
	// Noise marks processes that do nothing of note, and threads.
	Noise bool
	// Init is true where the process is, or becomes, the container's init.
	Init bool
	// SinceNS is the time since the previous row.
	SinceNS int64
	// ContainerChange and RuntimeChange are what the charges grew by since the row before it that
	// has them; nil where the row has none. A container's cgroup that was not there had been charged nothing.
	ContainerChange, RuntimeChange *int64
}

// Rows are the events with what changed since the one before. A run of noise is one row.
func (t Timeline) Rows() []Row { return changes(t.rows()) }

// Steps are the rows without noise, each with what changed since the one before it of these.
func (t Timeline) Steps() []Row {
	return changes(slices.DeleteFunc(t.rows(), func(r Row) bool { return r.Noise }))
}

func (t Timeline) rows() []Row {
	s := newStart(t)
	var rows []Row
	for i, e := range t.Events {
		row := Row{Event: e, Count: 1, Noise: s.noise(i), Init: s.becomesInit(s.owner[i])}
		if n := len(rows) - 1; n >= 0 && row.Noise && rows[n].Noise && rows[n].Step == row.Step && rows[n].PID == row.PID {
			row.Count += rows[n].Count
			row.Detail = ""
			rows[n] = row
			continue
		}
		rows = append(rows, row)
	}
	return rows
}

// noise reports whether a step is the birth of a process that takes no step but its
// end, or such an end, or a birth without a child, which is a thread's.
func (s *start) noise(i int) bool {
	e := s.Events[i]
	switch {
	case e.Step == Exit:
		return s.idle(s.owner[i])
	case e.Step == Fork:
		return s.children[i] == nil || s.idle(s.children[i])
	}
	return false
}

// idle reports whether p did nothing but end.
func (s *start) idle(p *process) bool {
	return !slices.ContainsFunc(p.events, func(i int) bool { return s.Events[i].Step != Exit })
}

func changes(rows []Row) []Row {
	container, runtime := new(int64), (*int64)(nil)
	for i := range rows {
		r := &rows[i]
		if i > 0 {
			r.SinceNS = r.NS - rows[i-1].NS
		}
		if r.Container != nil {
			r.ContainerChange = difference(*container, r.Container.Bytes)
			container = &r.Container.Bytes
		}
		if r.Runtime != nil {
			if runtime != nil {
				r.RuntimeChange = difference(*runtime, r.Runtime.Bytes)
			}
			runtime = &r.Runtime.Bytes
		}
	}
	return rows
}
