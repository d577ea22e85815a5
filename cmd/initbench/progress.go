package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/initbench/initbench/internal/runner"
	"github.com/initbench/initbench/results"
)

// progress shows on stderr how far a run is: a bar on a terminal, else a line
// every so often, nothing when told so.
type progress struct {
	mu       sync.Mutex
	now      func() time.Time
	out      io.Writer // where it is itself shown
	log      io.Writer // for what is said besides
	bars     *mpb.Progress
	bar      *mpb.Bar
	total    int64
	done     int64
	resumed  int64
	began    time.Time
	last     time.Time
	outcomes map[results.Outcome]int
	// budget for measuring, which started; 0 where there is none.
	budget  time.Duration
	started time.Time
	// open: nobody knows how many trials there will be. status is then what the director said last, and budget the most time
	// it takes.
	open   bool
	status string
	// cycle is where the session is that is under way.
	cycle string
}

// plainEvery is the least time between two plain lines: a CI log wants a sign of
// life, not a line for each trial.
const plainEvery = 10 * time.Second

// newProgress goes on from what earlier sessions of a resumed run recorded.
func newProgress(f *measureFlags, stderr io.Writer, total int64, before map[results.Outcome]int) *progress {
	p := &progress{now: time.Now, out: stderr, log: stderr, total: total, budget: f.budget, outcomes: map[results.Outcome]int{}}
	p.goOn(f, stderr, before)
	return p
}

func (p *progress) goOn(f *measureFlags, stderr io.Writer, before map[results.Outcome]int) {
	for outcome, n := range before {
		p.outcomes[outcome] = n
		p.done += int64(n)
	}
	p.resumed = p.done
	if f.quiet {
		p.log = io.Discard
	}
	if f.quiet || f.progress == "off" {
		p.out = io.Discard
	} else if f.progress == "auto" && isTerminal(stderr) {
		p.makeBar(stderr)
	}
}

// newOpenProgress is that of an adaptive run, which takes most at most; 0: nobody knows.
func newOpenProgress(f *measureFlags, stderr io.Writer, most time.Duration, before map[results.Outcome]int) *progress {
	p := &progress{now: time.Now, out: stderr, log: stderr, open: true, budget: most, outcomes: map[results.Outcome]int{}}
	p.goOn(f, stderr, before)
	return p
}

func (p *progress) makeBar(stderr io.Writer) {
	if p.open {
		p.makeOpenBar(stderr)
		return
	}
	p.bars = mpb.New(mpb.WithOutput(stderr), mpb.WithWidth(40))
	p.bar = p.bars.AddBar(p.total,
		mpb.PrependDecorators(decor.CountersNoUnit("trial %d of %d "), decor.Any(func(decor.Statistics) string { return p.tally() + p.within() })),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return strings.TrimPrefix(p.remaining(), ",") })))
	p.bar.SetCurrent(p.done)
}

// makeOpenBar fills with the time that is over, where that is bounded: how many trials are left nobody knows.
func (p *progress) makeOpenBar(stderr io.Writer) {
	p.bars = mpb.New(mpb.WithOutput(stderr), mpb.WithWidth(20))
	style := mpb.BarStyle().Build
	if p.budget == 0 {
		style = mpb.NopStyle().Build
	}
	p.bar = p.bars.MustAdd(int64(p.budget), style(), mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return p.line() })))
}

// notes is where lines go that must not tear the bar.
func (p *progress) notes() io.Writer {
	if p.bars != nil {
		return p.bars
	}
	return p.log
}

// begins notes that from now on trials are made.
func (p *progress) begins() {
	p.mu.Lock()
	if p.started.IsZero() { // a run of two clocks begins twice
		p.started = p.now()
	}
	p.mu.Unlock()
}

// say notes what a director says of where the run is, which not every one does.
func (p *progress) say(d director) {
	speaker, speaks := d.(interface{ Status() string })
	if !speaks {
		return
	}
	status := speaker.Status()
	p.mu.Lock()
	p.status = status
	p.mu.Unlock()
}

// recorded counts one finished trial.
func (p *progress) recorded(r results.Record) {
	p.mu.Lock()
	at := p.now()
	if p.began.IsZero() {
		p.began, p.last = at, at // the first trial's end: what came before was setting up
		p.resumed = p.done + 1
	}
	p.done++
	p.cycle = ""
	p.outcomes[r.Outcome]++
	line := p.bar == nil && (at.Sub(p.last) >= plainEvery || !p.open && p.done == p.total)
	if line {
		p.last = at
	}
	p.mu.Unlock()
	p.advance()
	if line {
		_, _ = fmt.Fprintln(p.out, p.line()) // progress is only advice
	}
}

// cycled notes a cycle of a session, which may take minutes.
func (p *progress) cycled(c runner.Cycle) {
	p.mu.Lock()
	at := p.now()
	p.cycle = fmt.Sprintf(", cycle %d of %d of the next", c.Cycle, c.Of)
	line := p.bar == nil && at.Sub(p.last) >= plainEvery
	if line {
		p.last = at
	}
	p.mu.Unlock()
	if line {
		_, _ = fmt.Fprintln(p.out, p.line()) // progress is only advice
	}
}

// advance moves the bar on. One that time fills is never full: the last group may take longer.
func (p *progress) advance() {
	switch {
	case p.bar == nil:
	case !p.open:
		p.bar.Increment()
	case p.budget > 0:
		p.bar.SetCurrent(min(int64(p.elapsed()), int64(p.budget)-1))
	}
}

// line says it all in one.
func (p *progress) line() string {
	p.mu.Lock()
	head, status := fmt.Sprintf("trial %d", p.done), p.status
	if !p.open {
		head += fmt.Sprintf(" of %d", p.total)
	}
	head += p.cycle
	p.mu.Unlock()
	if status != "" {
		status = ", " + status
	}
	return head + ", " + p.tally() + status + p.remaining()
}

// elapsed is how long this session has made trials.
func (p *progress) elapsed() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.started.IsZero() {
		return 0
	}
	return p.now().Sub(p.started)
}

// tally says how the trials ended.
func (p *progress) tally() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := ""
	for _, o := range results.Outcomes() {
		if n := p.outcomes[o]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, o)
		}
	}
	if text == "" {
		return "setting up"
	}
	return text[2:]
}

// within is how far the session is that is under way.
func (p *progress) within() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cycle
}

// remaining estimates from the trials of this process alone; where the budget ends first, it says what is left of that.
func (p *progress) remaining() string {
	if p.open {
		return p.mostLeft()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done >= p.total {
		return ""
	}
	made, toDo := p.done-p.resumed, time.Duration(-1)
	if !p.began.IsZero() && made >= 3 {
		toDo = p.now().Sub(p.began) / time.Duration(made) * time.Duration(p.total-p.done)
	}
	if p.budget > 0 && !p.started.IsZero() {
		if left := max(0, p.budget-p.now().Sub(p.started)); toDo < 0 || left < toDo {
			return fmt.Sprintf(", %v left of the budget", left.Round(time.Second))
		}
	}
	if toDo < 0 {
		return ""
	}
	return fmt.Sprintf(", about %v left", toDo.Round(time.Second))
}

// mostLeft is what is known of an adaptive run, which may end at any time before.
func (p *progress) mostLeft() string {
	spent := p.elapsed()
	if spent == 0 {
		return ""
	}
	text := fmt.Sprintf(", %v elapsed", spent.Round(time.Second))
	if p.budget > 0 {
		text += fmt.Sprintf(", at most %v left", max(0, p.budget-spent).Round(time.Second))
	}
	return text
}

// stop ends the bar, finished or not, and says where an adaptive run has ended.
func (p *progress) stop() {
	if p.open && p.bars == nil && p.last != (time.Time{}) {
		_, _ = fmt.Fprintln(p.out, p.line()) // progress is only advice
	}
	if p.bars == nil {
		return
	}
	if !p.bar.Completed() {
		p.bar.Abort(false)
	}
	p.bars.Wait()
}
