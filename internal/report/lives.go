package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/scenarios"
)

// jsonLives is what the lives of a runtime left.
type jsonLives struct {
	Scenario  string     `json:"scenario"`
	Runtime   string     `json:"runtime"`
	Driver    string     `json:"driver"`
	Settle    string     `json:"settle"`
	Sequences int        `json:"sequences"`
	Missed    int        `json:"missed"`
	Clean     int        `json:"clean"`
	Passing   int        `json:"passing"`
	Kinds     []jsonLeft `json:"kinds"`
}

// jsonLeft is what they left of one kind.
type jsonLeft struct {
	Kind      lifecycle.Kind          `json:"kind"`
	Sequences map[lifecycle.Freed]int `json:"sequences"`
	Shortest  string                  `json:"shortest,omitempty"`
	Name      string                  `json:"name,omitempty"`
	Lives     int                     `json:"lives,omitempty"`
	Of        int                     `json:"of,omitempty"`
	Command   string                  `json:"command,omitempty"`
}

func livesJSON(all []verdict.LivesSummary) []jsonLives {
	out := []jsonLives{}
	for _, l := range all {
		one := jsonLives{
			Scenario: l.Scenario, Runtime: l.Runtime, Driver: string(l.Driver), Settle: l.Settle,
			Sequences: l.Sequences, Missed: l.Missed, Clean: l.Clean, Passing: l.Passing, Kinds: []jsonLeft{},
		}
		for _, k := range l.Kinds {
			left := jsonLeft{k.Kind, map[lifecycle.Freed]int{}, k.Shortest, k.Name, k.Lives, k.Of, k.Command}
			for _, by := range lifecycle.FreedBy() {
				left.Sequences[by] = k.Sequences[by]
			}
			one.Kinds = append(one.Kinds, left)
		}
		out = append(out, one)
	}
	return out
}

// livesGrids have a row for each runtime and driver, and one for each kind of which something lasted.
func livesGrids(all []verdict.LivesSummary, scenario string) []*grid {
	lived := &grid{keys: 2, header: []string{"runtime", "driver", "sequences", "no answer", "left nothing", "what went by itself", "what did not"}}
	lasted := &grid{keys: 3, header: []string{"runtime", "driver", "what", "time", "delete", "clean", "never", "such as", "after"}}
	for _, l := range all {
		if l.Scenario != scenario {
			continue
		}
		lived.title = scenario + ": sequences that were lived, and how many of them left what"
		lasted.title = fmt.Sprintf("%s: what did not go by itself within %s, and after how many sequences, by what freed the hardest of it", scenario, l.Settle)
		lived.add(l.Runtime, string(l.Driver), fmt.Sprint(l.Sequences), fmt.Sprint(l.Missed), fmt.Sprint(l.Clean), fmt.Sprint(l.Passing), fmt.Sprint(l.Lasting()))
		for _, k := range l.Kinds {
			if k.Shortest == "" {
				continue
			}
			row := []string{l.Runtime, string(l.Driver), string(k.Kind)}
			for _, by := range lifecycle.FreedBy() {
				row = append(row, some(k.Sequences[by]))
			}
			lasted.add(append(row, dash(k.Name), k.Shortest+k.Share())...)
		}
	}
	return slices.DeleteFunc([]*grid{lived, lasted.measured()}, func(g *grid) bool { return len(g.rows) == 0 })
}

func some(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

// livesSaid has of each runtime the kinds that are in no table, since nothing of them was left, and those of which all went by itself.
func livesSaid(all []verdict.LivesSummary) (nothing, passed []string) {
	for _, l := range all {
		var none, gone []string
		for _, k := range l.Kinds {
			switch {
			case k.Shortest != "":
			case k.Sequences[lifecycle.ByTime] > 0:
				gone = append(gone, string(k.Kind))
			default:
				none = append(none, string(k.Kind))
			}
		}
		where := fmt.Sprintf(" (%s, %s, %s)", l.Runtime, l.Scenario, l.Driver)
		if len(none) > 0 && l.Missed < l.Sequences {
			nothing = append(nothing, strings.Join(none, ", ")+where)
		}
		if len(gone) > 0 {
			passed = append(passed, strings.Join(gone, ", ")+where)
		}
	}
	return nothing, passed
}

// livesAgain are the commands that live the shortest sequences again, each with the kinds that it shows.
func livesAgain(all []verdict.LivesSummary) (again []phrase.Failure) {
	for _, l := range all {
		for _, k := range l.Kinds {
			if k.Command != "" {
				again = phrase.Together(again, string(k.Kind), k.Command)
			}
		}
	}
	return again
}

func livesText(opts Options, all []verdict.LivesSummary) string {
	nothing, passed := livesSaid(all)
	var again []string
	for _, f := range livesAgain(all) {
		again = append(again, strings.Join(f.Texts, ", ")+": "+f.Command)
	}
	return said(opts, "nothing left of", nothing) + said(opts, "went by itself", passed) + said(opts, "to live it again", again)
}

// livesMarkdown has the commands as code, to be copied.
func livesMarkdown(all []verdict.LivesSummary) string {
	nothing, passed := livesSaid(all)
	var b strings.Builder
	b.WriteString(bullets("nothing left of: ", nothing) + bullets("went by itself: ", passed))
	again := livesAgain(all)
	for _, f := range again {
		command := "`" + f.Command + "`"
		if strings.Contains(f.Command, "`") {
			command = escape(f.Command)
		}
		b.WriteString("- to live it again, " + strings.Join(f.Texts, ", ") + ": " + command + "\n")
	}
	if len(again) > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

// lives adds how many sequences were lived, and how many left what.
func (x *exposition) lives(l verdict.LivesSummary) {
	of := append([]tag{{"runtime", l.Runtime}}, conditionTags(l.Scenario, l.Driver, "", scenarios.Build{}, "", 0)...)
	for _, c := range []struct {
		state string
		n     int
	}{{"lived", l.Sequences}, {"missed", l.Missed}, {"clean", l.Clean}, {"passing", l.Passing}} {
		x.add("sequences", "", "Sequences by what became of them; those lived include the others.", float64(c.n), append(of[:len(of):len(of)], tag{"state", c.state})...)
	}
	if l.Missed == l.Sequences {
		return
	}
	for _, k := range l.Kinds {
		for _, by := range lifecycle.FreedBy() {
			x.add(promName(scenarios.LeftoverMetric(k.Kind)), "", "Sequences that left a "+string(k.Kind)+", by what freed the hardest of it.", float64(k.Sequences[by]),
				append(of[:len(of):len(of)], tag{"freed_by", string(by)})...)
		}
	}
}
