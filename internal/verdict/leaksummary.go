package verdict

import (
	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// SessionSummary is what the sessions of one runtime counted of one kind. Nothing is judged: what rises and is released late is
// told apart by Growth.Kept.
type SessionSummary struct {
	Scenario, Runtime string
	Driver            cgroupjoin.Driver
	Order             sequence.Order
	// Kind and Process are as a Leak has them: no kind is what a payload was handed.
	Kind, Process string
	// Cycles of a session.
	Cycles int
	// Slope is by how much it rises a cycle, N the sessions. Of no kind it is the number of descriptors.
	Slope Arm
	Growth
	// Quiet: no count was ever another than before the first cycle.
	Quiet bool
	// Unread is why nothing was counted; empty where it was.
	Unread string
}

// Thing is what was counted, in words.
func (s SessionSummary) Thing() string {
	if s.Kind == "" {
		return "descriptors handed to the payload"
	}
	return (&Leak{Kind: s.Kind, Process: s.Process}).thing()
}

// Named are some of what was left; empty where nothing has a name.
func (s SessionSummary) Named() string { return s.named() }

// KeptText is what was left after a session, such as "9 to 10".
func (s SessionSummary) KeptText() string { return keptText(s.Growth) }

// describeSessions has a line for each kind that a cell's sessions counted or should have.
func (s *survey) describeSessions(sc scenarios.Scenario, k cellKey) {
	d := s.side(k).side
	if len(d.sessions) == 0 && d.blind == 0 {
		return // none is recorded, or none ended well: the cell says so
	}
	of := SessionSummary{Scenario: sc.Name, Runtime: k.runtime, Driver: k.driver, Order: k.order, Cycles: sc.Cycles}
	for _, m := range leakJudged(sc) {
		if m.kind == inherited {
			s.summary.Sessions = append(s.summary.Sessions, of.handed(d))
			continue
		}
		for _, what := range subjects(d.sessions, scenarios.LeakKind(m.name)) {
			s.summary.Sessions = append(s.summary.Sessions, of.grown(d, what, s.opts))
		}
	}
	for _, what := range unread(d.sessions) {
		s.summary.Sessions = append(s.summary.Sessions, of.grown(d, what, s.opts))
	}
}

func (s SessionSummary) grown(d *side, what countedOf, opts Options) SessionSummary {
	all, why := d.counted(what)
	s.Kind, s.Process, s.Unread = what.kind, what.process, why
	s.Growth = growthOf(all, s.Cycles)
	s.Slope, s.Quiet = s.arm(opts), why == "" && quiet(all)
	return s
}

func (s SessionSummary) handed(d *side) SessionSummary {
	s.Unread = d.handed(&s.Growth)
	s.Slope = handedArm(s.Growth)
	s.Quiet = s.Unread == "" && s.most() == 0
	return s
}
