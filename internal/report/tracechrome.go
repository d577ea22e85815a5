package report

import (
	"slices"
	"strconv"
	"strings"

	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/sequence"
)

// The Trace Event Format that chrome://tracing and Perfetto open: "Trace Event
// Format", Google, 2016. Times are µs.
type chromeTrace struct {
	Events          []chromeEvent     `json:"traceEvents"`
	DisplayTimeUnit string            `json:"displayTimeUnit"`
	OtherData       map[string]string `json:"otherData"`
}

// chromeEvent has the fields of all phases used: X (a slice), i (an instant), C (counters) and M (names).
type chromeEvent struct {
	Name  string         `json:"name"`
	Cat   string         `json:"cat,omitempty"`
	Phase string         `json:"ph"`
	TS    float64        `json:"ts"`
	Dur   *float64       `json:"dur,omitempty"`
	PID   int            `json:"pid"`
	TID   int            `json:"tid"`
	Scope string         `json:"s,omitempty"`
	Args  map[string]any `json:"args,omitempty"`
}

// block is the room of PIDs that each trace gets in the file; the kernel's largest PID is 2^22.
const block = 10_000_000

// chrome collects the events of one trace.
type chrome struct {
	trace  Trace
	base   int   // of its PIDs
	zeroNS int64 // ts 0
	label  string
	out    []chromeEvent
}

func traceChrome(traces []Trace) ([]byte, error) {
	file := chromeTrace{Events: []chromeEvent{}, DisplayTimeUnit: "ms", OtherData: map[string]string{}}
	for i, t := range traces {
		c := &chrome{trace: t, base: i * block, zeroNS: beginning(t)}
		key := "trace"
		if len(traces) > 1 {
			c.label = t.Name + ": "
			key = "trace " + strconv.Itoa(i+1)
		}
		file.Events = append(file.Events, c.events()...)
		file.OtherData[key] = strings.Join(traceFacts(t), "; ")
	}
	return indented(file)
}

// traceFacts are what a viewer shows beside the tracks.
func traceFacts(t Trace) []string {
	out := []string{t.Name, asked(t), "outcome " + string(t.Outcome), "order found: " + string(t.Finding.Order)}
	if e := t.Enforcement; e != nil {
		out = append(out, "imposing: "+string(e.Outcome), cost(e))
	}
	return append(out, phrase.Sentence(t.Finding))
}

// beginning is the earliest time of a trace: a verb is called before its process is born.
func beginning(t Trace) int64 {
	var times []int64
	for _, e := range t.Timeline.Events {
		times = append(times, e.NS)
	}
	for _, s := range t.Spans {
		times = append(times, s.FromNS)
	}
	if len(times) == 0 {
		return 0
	}
	return slices.Min(times)
}

func (c *chrome) events() []chromeEvent {
	c.processes()
	c.named(chargesPID, "cgroup charges")
	if len(c.trace.Spans) > 0 {
		c.named(verbsPID, "runtime's verbs")
	}
	for _, s := range c.trace.Spans {
		c.slice("verb", s.Name, verbsPID, s.FromNS, s.ToNS, nil)
	}
	for _, k := range c.trace.Timeline.Copies() {
		args := map[string]any{"memfd": k.Name}
		if k.Bytes != nil {
			args["bytes"] = *k.Bytes
		}
		c.slice("copy", "copy into a memfd", k.PID, k.FromNS, k.ToNS, args)
	}
	for _, e := range c.trace.Timeline.Events {
		c.instant(e)
		c.counters(e)
	}
	return c.out
}

// PIDs of what is no process of the trial: numbers that no process has.
const (
	chargesPID = block - 1
	verbsPID   = block - 2
)

func (c *chrome) named(pid int, name string) {
	c.add(chromeEvent{Name: "process_name", Phase: "M", Args: map[string]any{"name": c.label + name}}, pid)
}

func (c *chrome) us(ns int64) float64 { return float64(ns-c.zeroNS) / 1e3 }

func (c *chrome) add(e chromeEvent, pid int) {
	e.PID, e.TID = c.base+pid, c.base+pid
	c.out = append(c.out, e)
}

func (c *chrome) slice(category, name string, pid int, from, to int64, args map[string]any) {
	dur := c.us(to) - c.us(from)
	c.add(chromeEvent{Name: name, Cat: category, Phase: "X", TS: c.us(from), Dur: &dur, Args: args}, pid)
}

func (c *chrome) instant(e sequence.Event) {
	args := map[string]any{"comm": e.Comm, "cgroup": string(e.Cgroup)}
	if e.Detail != "" {
		args["detail"] = e.Detail
	}
	if e.Other != 0 {
		args["other_pid"] = e.Other
	}
	if e.Bytes != nil {
		args["bytes"] = *e.Bytes
	}
	c.add(chromeEvent{Name: string(e.Step), Cat: "step", Phase: "i", TS: c.us(e.NS), Scope: "t", Args: args}, e.PID)
}

// counters are tracks of their own: what each cgroup had been charged.
func (c *chrome) counters(e sequence.Event) {
	for _, side := range []struct {
		whose  sequence.Whose
		charge *sequence.Charge
	}{{sequence.Container, e.Container}, {sequence.Runtime, e.Runtime}} {
		if side.charge == nil {
			continue
		}
		track := func(name string, bytes *int64) {
			if bytes != nil {
				c.add(chromeEvent{Name: string(side.whose) + " " + name, Cat: "charge", Phase: "C", TS: c.us(e.NS), Args: map[string]any{"bytes": *bytes}}, chargesPID)
			}
		}
		track("charged", &side.charge.Bytes)
		track("anon", side.charge.Anon)
		track("file", side.charge.File)
		track("shmem", side.charge.Shmem)
	}
}

// processes name each process after all names it had, in the order they appear, and
// show how long it was seen: from its fork, or from its first event where that was not seen.
func (c *chrome) processes() {
	type life struct {
		names    []string
		from, to int64
	}
	lives, born := map[int]*life{}, map[int]int64{}
	var pids []int
	for _, e := range c.trace.Timeline.Events {
		l := lives[e.PID]
		if l == nil {
			l = &life{from: e.NS}
			if fork, seen := born[e.PID]; seen {
				l.from = fork
			}
			lives[e.PID] = l
			pids = append(pids, e.PID)
		}
		l.to = e.NS
		if e.Step == sequence.Fork || e.Step == sequence.BornInCgroup {
			born[e.Other] = e.NS
		}
		if e.Comm != "" && !slices.Contains(l.names, e.Comm) {
			l.names = append(l.names, e.Comm)
		}
	}
	for i, pid := range pids {
		l := lives[pid]
		name := strings.Join(l.names, " > ")
		c.named(pid, name)
		c.add(chromeEvent{Name: "thread_name", Phase: "M", Args: map[string]any{"name": name}}, pid)
		c.add(chromeEvent{Name: "process_sort_index", Phase: "M", Args: map[string]any{"sort_index": i + 1}}, pid)
		c.slice("process", name, pid, l.from, l.to, nil)
	}
}
