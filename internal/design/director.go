package design

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// Options are what a director cannot know from the run's header.
type Options struct {
	// Judge is how the run will be judged, which says when it is settled.
	Judge verdict.Options
	// MaxTime takes the place of the design's, for a session that goes on with a stored run; 0 leaves it.
	MaxTime time.Duration
	// Now is the clock that MaxTime is kept by; nil is the wall's. A guest's own may run at another pace.
	Now func() time.Time
}

// Director says what a run makes next. It is for one goroutine at a time.
type Director struct {
	header results.Header
	opts   Options
	draft  *scenarios.Draft
	scenes []*scene // in the order of the run's scenarios
	at     *scene   // whose turn it is
	static *static  // nil in an adaptive run
	time   timekeeper
	// clock is that of this session; visited had theirs, last is of the last record.
	clock, last scenarios.Clock
	visited     []scenarios.Clock
	gave        bool // trials in this session
	envs        []results.Environment
	// records are what the verdict looks at, searches apart; none are kept where nothing is judged on the way.
	records []results.Record
	replays verdict.Replays
	err     error
}

// New begins a run; records of an earlier session are given to Add before the first call of Next.
func New(h results.Header, opts Options) (*Director, error) {
	if err := h.Spec.Validate(); err != nil {
		return nil, err
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	d := &Director{header: h, opts: opts, draft: h.Spec.Draft(), time: timekeeper{now: opts.Now}}
	if h.Design == nil {
		d.static = newStatic(h)
	} else if err := checkDesign(*h.Design); err != nil {
		return nil, err
	} else {
		d.time.most = h.Design.MaxTime
	}
	if opts.MaxTime > 0 {
		d.time.most = opts.MaxTime
	}
	for _, sc := range h.Spec.Scenarios {
		d.scenes = append(d.scenes, d.newScene(sc))
	}
	return d, nil
}

// checkDesign is about one that was stored: no other program writes it, but a hand may have.
func checkDesign(g results.Design) error {
	switch {
	case !(g.Alpha > 0 && g.Alpha < 1):
		return fmt.Errorf("design: alpha %v is not between 0 and 1", g.Alpha)
	case len(g.Looks) == 0 || g.Looks[0] < 1 || !slices.IsSorted(g.Looks):
		return fmt.Errorf("design: looks %v do not rise from 1", g.Looks)
	case g.MaxTime < 0:
		return fmt.Errorf("design: no run lasts %v", g.MaxTime)
	}
	return nil
}

// Environment is told before the records of this session; those of earlier ones when their records are in. After another
// boot of the machine or guest nothing is warm.
func (d *Director) Environment(e results.Environment) {
	if n := len(d.envs); n > 0 && d.envs[n-1].BootID != e.BootID {
		for _, s := range d.scenes {
			s.warm = false
		}
	}
	d.envs = append(d.envs, e)
	d.begunBy(e)
}

// Add takes in a trial that was made, in this session or an earlier one.
func (d *Director) Add(r results.Record) error {
	d.draft.Follow(r.Trial)
	i := slices.IndexFunc(d.scenes, func(s *scene) bool { return s.Name == r.Scenario })
	if i < 0 {
		return fmt.Errorf("design: trial %d: the run has no scenario %q", r.Index, r.Scenario)
	}
	if d.static != nil {
		d.static.done[r.Index] = true
	}
	if len(d.visited) == 0 {
		d.last = d.scenes[i].clock
	}
	if d.judges() && d.scenes[i].Search == nil {
		d.records = append(d.records, slim(r))
	}
	if err := d.scenes[i].add(r, d.static != nil); err != nil {
		return fmt.Errorf("design: trial %d: %w", r.Index, err)
	}
	return nil
}

// judges tells whether verdicts end cells on the way.
func (d *Director) judges() bool { return d.header.Design != nil && d.header.Gate }

// slim leaves out what a verdict only quotes.
func slim(r results.Record) results.Record {
	r.Output, r.Victim, r.Warnings = "", nil, nil
	return r
}

// Next is what to make once every record of what it gave before has been added. together lets the trials run side by
// side; ok is false when the session is over, which is the run where there is one clock, or when no verdict could be made, which Err says.
func (d *Director) Next() (trials []scenarios.Trial, together, ok bool) {
	if len(d.visited) == 0 {
		d.Session()
	}
	d.time.returned()
	if d.err == nil {
		d.err = d.look()
	}
	if d.err != nil {
		return nil, false, false
	}
	if d.static != nil {
		trials = d.static.next(d.clock, d.time.over())
	}
	if len(trials) == 0 {
		trials, together = d.decide()
	}
	for _, t := range trials {
		d.draft.Follow(t)
	}
	d.time.gave(len(trials), together)
	d.gave = d.gave || len(trials) > 0
	return trials, together, len(trials) > 0
}

// Err is why no verdict could be made on the way; the one at the end will say the same.
func (d *Director) Err() error { return d.err }

// decide finds the scenario whose turn it is and has it say what it needs. A turn ends at a look, or with
// the last search, so that the observer is loaded and unloaded as rarely as may be.
func (d *Director) decide() (trials []scenarios.Trial, together bool) {
	for !d.time.over() {
		if d.at == nil || !d.at.mid() || !d.hasTurn(d.at) || !d.at.Timed() && d.untimedIsOver() {
			d.at = d.choose()
		}
		if d.at == nil {
			return nil, false
		}
		if trials := d.at.next(); len(trials) > 0 {
			return trials, !d.at.Timed()
		}
	}
	return nil, false
}

// choose gives the next turn: to what needs no quiet machine and was never looked at, to the searches, to the rest of the
// former, then to what is timed; of several scenarios to the one with the fewest blocks.
func (d *Director) choose() *scene {
	if !d.untimedIsOver() {
		for _, may := range []func(*scene) bool{(*scene).unlooked, (*scene).searching, (*scene).open} {
			if s := d.fewest(func(s *scene) bool { return !s.Timed() && may(s) }); s != nil {
				return s
			}
		}
	}
	return d.fewest(func(s *scene) bool { return s.Timed() && s.open() })
}

func (d *Director) fewest(may func(*scene) bool) (least *scene) {
	for _, s := range d.scenes {
		if d.hasTurn(s) && may(s) && (least == nil || s.blocks() < least.blocks()) {
			least = s
		}
	}
	return least
}

// untimedShare of the time is what scenarios that are not timed may take while timed ones are open.
const untimedShare = 0.6

// untimedIsOver tells whether the timed scenarios' turn has come. Before the others had their first look these may go on for
// as long as the timed ones' first look can still be had after it.
func (d *Director) untimedIsOver() bool {
	most := d.time.most
	if most == 0 || !slices.ContainsFunc(d.scenes, func(s *scene) bool { return s.Timed() && s.open() }) {
		return false
	}
	until := time.Duration(untimedShare * float64(most))
	rest := d.firstLook(d.scenes)
	if len(d.waiting()) > 0 {
		until, rest = d.time.share(untimedBeforeClocks), rest+Boot
	}
	if slices.ContainsFunc(d.scenes, func(s *scene) bool { return !s.Timed() && s.unlooked() }) {
		until = max(until, most-rest)
	}
	return d.time.spent() >= until
}

// firstLook is about how long the timed ones of some scenarios take until they are looked at.
func (d *Director) firstLook(some []*scene) time.Duration {
	trials := 0
	for _, s := range some {
		if s.Timed() {
			trials += s.untilFirst()
		}
	}
	return time.Duration(trials) * d.time.each()
}

// Status says in a few words how far the run is.
func (d *Director) Status() string {
	var settled, all int
	for _, s := range d.scenes {
		for _, c := range s.cells {
			all++
			settled += one(c.ended)
		}
		for _, q := range s.searches {
			all++
			settled += one(q.over())
		}
	}
	var text []string
	if all > 0 { // none where the plan says it all
		text = append(text, fmt.Sprintf("%d of %d cells and searches settled", settled, all))
	}
	if d.clock != scenarios.RunsClock {
		text = append(text, fmt.Sprintf("now by the clock of %s", d.clock))
	}
	return strings.Join(text, ", ")
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// GaveUp lists the searches that ended without their edge, with the reason.
func (d *Director) GaveUp() (all []string) {
	for _, s := range d.scenes {
		for _, q := range s.searches {
			if q.why != "" {
				all = append(all, fmt.Sprintf("%s, %s, %s, %s: %s", s.Name, q.cell.Driver, q.cell.Order, q.arm, q.why))
			}
		}
	}
	return all
}
