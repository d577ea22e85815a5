package verdict

import (
	"fmt"
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/scenarios"
)

// mostNames are shown of what was left: each is a line.
const mostNames = 3

// named are some of what was left; empty where nothing has a name.
func (g Growth) named() string {
	names := g.Names[:min(len(g.Names), mostNames)]
	if len(names) == 0 {
		return ""
	}
	text := strings.Join(names, ", ")
	if more := len(g.Names) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// thing is what a row counts, in words.
func (l *Leak) thing() string {
	switch {
	case l.Kind == "":
		return "descriptors beyond its standard streams"
	case l.Process != "":
		return fmt.Sprintf("descriptors of the kind %s of %s", strings.TrimPrefix(l.Kind, "fd:"), l.Process)
	}
	return l.Kind
}

// toldLeak says what a regression of a kind is: by how much a cycle, how much of it stays, and what it is called.
func (m Metric) toldLeak() string {
	l := m.Leak
	b, c := l.Baseline, l.Candidate
	names := ""
	if named := c.named(); named != "" {
		names = ", such as " + named
	}
	if l.Kind == "" {
		return fmt.Sprintf("The candidate hands its payload %d %s, the baseline %d%s", c.most(), l.thing(), b.most(), strings.Replace(names, ", such as ", ": ", 1))
	}
	return fmt.Sprintf("The number of %s rises by %s with each cycle of the candidate, with the baseline by %s: a difference of %s%s. After %d cycles and a wait %s were left, of the baseline's %s%s",
		l.thing(), Counted.Format(m.Candidate.Center), Counted.Format(m.Baseline.Center), m.by(m.Change), m.fromTo(), l.Cycles, keptText(c), keptText(b), names)
}

// leakNotes say what both arms leave, which is no change, and leakWarnings what is released late.
func leakNotes(rows []Metric) (notes []string) {
	for _, m := range rows {
		l := m.Leak
		if l == nil || !l.Both || m.Ruling == Regressed {
			continue
		}
		at := label(m.Name+ofProcess(l.Process), key{scenario: m.Scenario, driver: m.Driver, order: m.Order})
		text := fmt.Sprintf("%s: both arms leave some that are never released, %s and %s a cycle", at, perCycle(m.Baseline.Center), perCycle(m.Candidate.Center))
		if l.Kind == "" {
			text = fmt.Sprintf("%s: both arms hand their payload %s, %s and %s", at, l.thing(), keptText(l.Baseline), keptText(l.Candidate))
		}
		if named := l.Candidate.named(); named != "" {
			text += ", such as " + named
		}
		notes = append(notes, text)
	}
	return notes
}

func leakWarnings(rows []Metric) (warnings []string) {
	for _, m := range rows {
		if l := m.Leak; l != nil && l.Late {
			warnings = append(warnings, "released late, not leaked: "+m.Reason)
		}
	}
	return warnings
}

func ofProcess(name string) string {
	if name == "" {
		return ""
	}
	return " of " + name
}

// session is the command that makes one session of each arm more.
func (v Verdict) session(m Metric) string {
	words := []string{"initbench", "run", shellWord(m.Scenario)}
	for i, ref := range []string{v.Baseline.Ref, v.Candidate.Ref} {
		if ref == "" {
			return ""
		}
		if i == 0 || ref != v.Baseline.Ref {
			words = append(words, "--runtime", shellWord(ref))
		}
	}
	return strings.Join(append(words, "--driver", string(m.Driver), "--trials", "1"), " ")
}

// lifeOf is the command that lives a sequence of a row once with each arm.
func (v Verdict) lifeOf(m Metric) string {
	name := m.Left.shown()
	if name == "" {
		return ""
	}
	return lifeAgain([]string{v.Baseline.Ref, v.Candidate.Ref}, m.Driver, m.Left.Network, m.Left.Settle, name)
}

// lifeAgain lives a sequence with each of some runtimes; empty where it is not known what one of them is.
func lifeAgain(refs []string, driver cgroupjoin.Driver, network, settle, sequence string) string {
	words := []string{"initbench", "lifecycle"}
	for i, ref := range refs {
		if ref == "" {
			return ""
		}
		if i == 0 || ref != refs[0] {
			words = append(words, "--runtime", shellWord(ref))
		}
	}
	words = append(words, "--driver", string(driver))
	if network != "" {
		words = append(words, "--network", shellWord(network))
	}
	if settle != lifecycle.DefaultSettle.String() {
		words = append(words, "--settle", settle)
	}
	return strings.Join(append(words, "--sequence", shellWord(sequence)), " ")
}

// isSession reports whether a row is of what sessions counted.
func (m Metric) isSession() bool { return scenarios.IsLeak(m.Name) }
