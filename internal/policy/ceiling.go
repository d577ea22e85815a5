package policy

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

const (
	grammar   = "write METRIC [at SIZE] <= VALUE [in ORDER order] [under DRIVER] [of SCENARIO], such as `start.threshold <= 12MiB in worst order`"
	zeroAlone = "only 0 can be written with =: write <="
)

// ceilings reads the list, each in one line or as a mapping.
func (d *decoder) ceilings(path string, v node) {
	d.each(path, v, func(p string, item node) {
		d.ceiling = verdict.Ceiling{Severity: verdict.Fail, AtMost: math.NaN()}
		switch item.Kind {
		case aText:
			d.line(p, item)
		case aMapping:
			d.mapping(p, "a ceiling", item, ceilingKeys)
			d.complete(p, item)
		default:
			d.fail(item.Pos, describe(p, item), grammar)
		}
		if d.err == nil {
			d.addCeiling(p, item)
		}
	})
}

// complete reads the bound, when the metric is known that it is in the unit of.
func (d *decoder) complete(path string, n node) {
	for _, name := range []string{"metric", "at_most"} {
		i := slices.IndexFunc(n.Keys, func(e entry) bool { return e.Name == name })
		if i < 0 {
			d.fail(n.Pos, path+" without "+name, "add "+name)
			return
		}
		if name == "at_most" && d.err == nil {
			v := n.Keys[i].Value
			d.bound(path+".at_most", v.Pos, v.Text)
		}
	}
	if d.err == nil {
		d.ceiling.Text = textOf(d.ceiling)
	}
}

func (d *decoder) addCeiling(path string, item node) {
	c := d.ceiling
	switch {
	case c.Metric == scenarios.OOMRate && c.Limit == 0:
		d.fail(item.Pos, path+": oom.rate without a limit", "write `oom.rate at SIZE`: over several limits a rate has no ceiling")
	case c.Limit != 0 && c.Metric == scenarios.StartThreshold:
		d.fail(item.Pos, path+": start.threshold at a limit", "leave the limit out: it is one")
	case c.Order == verdict.WorstOrder && c.Metric != scenarios.StartThreshold && c.Metric != scenarios.OOMRate:
		d.fail(item.Pos, path+": "+c.Metric+" in worst order", "only start.threshold and oom.rate say which order is worst")
	case c.Limit != 0 && (c.Metric == verdict.StartFailures || c.Metric == verdict.LeakCount):
		d.fail(item.Pos, path+": "+c.Metric+" at a limit", "leave the limit out: it counts the starts under all of them")
	case slices.ContainsFunc(d.policy.Ceilings, func(o verdict.Ceiling) bool { return meaning(o) == meaning(c) }):
		d.fail(item.Pos, path+" a second time", "write each ceiling once")
	default:
		d.policy.Ceilings, d.policy.at = append(d.policy.Ceilings, c), append(d.policy.at, item.Pos)
	}
}

// meaning is a ceiling however it is written, and whatever its severity.
func meaning(c verdict.Ceiling) verdict.Ceiling {
	if c.Order == "" {
		c.Order = sequence.Natural
	}
	c.Text, c.Severity = "", ""
	return c
}

// bound reads the value in the unit of the metric that is known by now.
func (d *decoder) bound(path string, pos scenarios.Position, text string) {
	unit := verdict.UnitOf(d.ceiling.Metric)
	x, form := valueIn(strings.TrimSpace(text), unit)
	if form != "" {
		d.fail(pos, path+" "+quoted(text)+" is no bound of "+d.ceiling.Metric, form)
	}
	d.ceiling.AtMost = x
}

// valueIn reads a bound; form says what would be right where it is none.
func valueIn(text string, unit verdict.Unit) (x float64, form string) {
	switch unit {
	case verdict.Bytes:
		if n, err := parseSize(text); err == nil && n > 0 && strings.HasSuffix(text, "B") { // a bare number of bytes is most often a slip
			return float64(n), ""
		}
		return 0, "write a size of more than 0 with its unit, such as 12MiB"
	case verdict.Nanoseconds:
		if t, err := time.ParseDuration(strings.Replace(text, " ", "", 1)); err == nil && t > 0 {
			return float64(t), ""
		}
		return 0, "write a duration of more than 0, such as 500ms"
	case verdict.Fraction:
		return fraction(text)
	}
	if n, err := strconv.ParseUint(text, 10, 53); err == nil {
		return float64(n), ""
	}
	return 0, "write a whole number such as 4000"
}

// fraction reads a share as 10 % or 0.1.
func fraction(text string) (x float64, form string) {
	number, percent := strings.CutSuffix(text, "%")
	x, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		x /= 100
	}
	if err != nil || strings.ContainsAny(text, "xXpP_-+") || !(x >= 0 && x < 1) {
		return 0, "write 0, or a share below 1, such as 10 % or 0.1"
	}
	return x, ""
}

func (d *decoder) ceilingMetric(path string, v node) {
	if name := d.text(path, v); d.err == nil && d.known(name, v.Pos) {
		d.ceiling.Metric = name
	}
}

// ceilingAtMost only looks whether it is a scalar: its unit is the metric's, which may come after it.
func (d *decoder) ceilingAtMost(path string, v node) {
	d.scalar(path, v, "write a value such as 12MiB")
}

func (d *decoder) ceilingDriver(path string, v node) {
	d.ceiling.Driver = word(d, path, v, cgroupjoin.Drivers())
}

func (d *decoder) ceilingOrder(path string, v node) {
	d.ceiling.Order = word(d, path, v, ceilingOrders())
}

func (d *decoder) ceilingLimit(path string, v node) { d.ceiling.Limit = d.limit(path, v) }

func (d *decoder) ceilingScenario(path string, v node) { d.ceiling.Scenario = d.text(path, v) }

func (d *decoder) ceilingSeverity(path string, v node) {
	d.ceiling.Severity = word(d, path, v, severities())
}

// line reads a ceiling as one writes it down.
func (d *decoder) line(path string, v node) {
	words := strings.Fields(v.Text)
	at := slices.IndexFunc(words, func(w string) bool { return w == "<=" || w == "=" })
	if at < 1 {
		d.fail(v.Pos, path+" "+quoted(v.Text)+" is no ceiling", grammar)
		return
	}
	l := line{d: d, path: path, v: v}
	l.subject(words[:at])
	value, conditions := untilCondition(words[at+1:])
	if d.err == nil {
		d.bound(path, v.Pos, value)
	}
	if d.err == nil && words[at] == "=" && d.ceiling.AtMost != 0 {
		d.fail(v.Pos, path+" "+quoted(v.Text), zeroAlone)
	}
	l.conditions(conditions)
	d.ceiling.Text = textOf(d.ceiling)
}

// untilCondition parts the value from what follows it; both may have spaces.
func untilCondition(words []string) (value string, conditions []string) {
	end := slices.IndexFunc(words, func(w string) bool { return w == "in" || w == "under" || w == "of" })
	if end < 0 {
		end = len(words)
	}
	return strings.Join(words[:end], " "), words[end:]
}

// line is a ceiling in words.
type line struct {
	d    *decoder
	path string
	v    node
}

func (l line) fail(wrong, right string) {
	l.d.fail(l.v.Pos, fmt.Sprintf("%s %s: %s", l.path, quoted(l.v.Text), wrong), right)
}

// subject is the metric, and the limit that it is looked at.
func (l line) subject(words []string) {
	if l.d.known(words[0], l.v.Pos) {
		l.d.ceiling.Metric = words[0]
	}
	switch {
	case len(words) == 1:
		return
	case words[1] != "at" || len(words) == 2:
		l.fail(quoted(strings.Join(words[1:], " "))+" after the metric", grammar)
		return
	}
	l.d.ceiling.Limit = l.d.limit(l.path+": limit", node{Kind: aText, Pos: l.v.Pos, Text: strings.Join(words[2:], " ")})
}

// conditions are pairs of words, each once.
func (l line) conditions(words []string) {
	seen := map[string]bool{}
	for len(words) > 0 && l.d.err == nil {
		if len(words) == 1 || seen[words[0]] {
			l.fail(quoted(words[0])+" without a word, or twice", grammar)
			return
		}
		seen[words[0]] = true
		used := l.condition(words)
		words = words[min(used, len(words)):]
	}
}

// condition reads one and returns how many words it had.
func (l line) condition(words []string) (used int) {
	value := node{Kind: aText, Pos: l.v.Pos, Text: words[1]}
	switch words[0] {
	case "under":
		l.d.ceiling.Driver = word(l.d, l.path+": driver", value, cgroupjoin.Drivers())
	case "of":
		l.d.ceiling.Scenario = words[1]
	case "in":
		l.d.ceiling.Order = word(l.d, l.path+": order", value, ceilingOrders())
		if len(words) > 2 && words[2] == "order" {
			return 3
		}
	default:
		l.fail(quoted(words[0])+" where a condition would stand", grammar)
	}
	return 2
}

// textOf writes a ceiling in one line, one way, as line reads it.
func textOf(c verdict.Ceiling) string {
	text := c.Metric
	if c.Limit != 0 {
		text += " at " + scenarios.FormatSize(c.Limit)
	}
	text += " " + relation(c)
	if c.Order != "" && c.Order != sequence.Natural {
		text += " in " + string(c.Order) + " order"
	}
	if c.Driver != "" {
		text += " under " + string(c.Driver)
	}
	if c.Scenario != "" {
		text += " of " + c.Scenario
	}
	return text
}

func relation(c verdict.Ceiling) string {
	if c.AtMost == 0 {
		return "= 0"
	}
	switch verdict.UnitOf(c.Metric) {
	case verdict.Bytes:
		return "<= " + scenarios.FormatSize(int64(c.AtMost))
	case verdict.Nanoseconds:
		return "<= " + time.Duration(c.AtMost).String()
	case verdict.Fraction:
		return "<= " + strconv.FormatFloat(c.AtMost*100, 'g', 6, 64) + " %"
	}
	return "<= " + strconv.FormatFloat(c.AtMost, 'f', -1, 64)
}
