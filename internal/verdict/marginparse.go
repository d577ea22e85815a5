package verdict

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/initbench/initbench/internal/yamlpos"
	"github.com/initbench/initbench/scenarios"
)

// maxMargin is beyond any use: a start ten times as slow.
const maxMargin = 10

// ParseMargin reads METRIC=MARGIN as the command line gives it, and MARGIN as MarginOf does.
func ParseMargin(s string) (name string, m Margin, err error) {
	name, text, found := strings.Cut(s, "=")
	if !found {
		return "", m, fmt.Errorf("margin %q: write METRIC=MARGIN, such as start.latency=5%%", s)
	}
	m, err = MarginOf(name, text)
	if err != nil {
		return "", m, fmt.Errorf("margin %q: %w", s, err)
	}
	return name, m, nil
}

// MarginOf reads the margin of a metric: "5 %", an amount in the metric's unit such as "512KiB", "2ms" or "64", or both as
// "5 %, at least 64". Of a rate such as oom.rate the percentage counts points, and may be written so.
func MarginOf(name, text string) (m Margin, err error) {
	unit, err := marginUnit(name)
	if err != nil {
		return m, err
	}
	first, second, both := strings.Cut(text, ",")
	if !both {
		if isShare(text) {
			m.Fraction, err = parseShare(text, unit)
		} else {
			m.AtLeast, err = parseAmount(text, unit)
		}
		return m, err
	}
	amount, said := strings.CutPrefix(strings.TrimSpace(second), "at least ")
	if !said || !isShare(first) {
		return m, fmt.Errorf("%q is no margin: write a percentage, and after a comma `at least` and an amount, such as %s", text, marginForm(unit))
	}
	if m.Fraction, err = parseShare(first, unit); err == nil {
		m.AtLeast, err = parseAmount(amount, unit)
	}
	return m, err
}

// marginUnit is the unit of a metric that has a margin.
func marginUnit(name string) (Unit, error) {
	i := slices.IndexFunc(table, func(m metric) bool { return m.name == name })
	switch {
	case name == LeakCount, scenarios.IsLeak(name), scenarios.IsLeftover(name):
		return "", fmt.Errorf("%s has none: anything left behind counts", name)
	case i < 0:
		return "", fmt.Errorf("unknown metric %q: %swrite one of %s", name, yamlpos.DidYouMean(name, withMargin()), strings.Join(withMargin(), ", "))
	}
	return table[i].unit, nil
}

// UnitOf is the unit of a metric's centres, empty for one that there is not.
func UnitOf(name string) Unit {
	m, _ := metricNamed(name)
	return m.unit
}

// HasMargin reports whether the metric has one: of what is left behind anything counts.
func HasMargin(name string) bool {
	return name != LeakCount && !scenarios.IsLeak(name) && !scenarios.IsLeftover(name)
}

func withMargin() []string {
	return slices.DeleteFunc(MetricNames(), func(name string) bool { return !HasMargin(name) })
}

// isDecimal leaves out what else strconv reads: hexadecimal numbers, and underscores.
func isDecimal(number string) bool { return !strings.ContainsAny(number, "xXpP_") }

func isShare(text string) bool {
	text = strings.TrimSpace(text)
	return strings.HasSuffix(text, "%") || strings.HasSuffix(text, " points")
}

func parseShare(text string, unit Unit) (float64, error) {
	text = strings.TrimSpace(text)
	number, points := strings.CutSuffix(text, " points")
	if !points {
		number = strings.TrimSuffix(text, "%")
	}
	x, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if !isDecimal(number) {
		err = strconv.ErrSyntax
	}
	switch {
	case points && unit != Fraction:
		return 0, fmt.Errorf("%q: only a rate has points: write a percentage such as 5%%", text)
	case err != nil || math.IsNaN(x):
		return 0, fmt.Errorf("%q is no percentage: write one such as 5%%", text)
	case x < 0:
		return 0, fmt.Errorf("%q: a margin is not negative: write one such as %s", text, marginForm(unit))
	case x > maxMargin*100:
		return 0, fmt.Errorf("%q: the most is %d%%", text, maxMargin*100)
	}
	return x / 100, nil
}

// parseAmount reads a number in the metric's unit.
func parseAmount(text string, unit Unit) (float64, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "-") {
		return 0, fmt.Errorf("%q: a margin is not negative: write one such as %s", text, marginForm(unit))
	}
	x, ok := amountIn(text, unit)
	if !ok {
		return 0, fmt.Errorf("%q is no margin of a metric in %s: write one such as %s", text, unit.name(), marginForm(unit))
	}
	return x, nil
}

func amountIn(text string, unit Unit) (float64, bool) {
	switch unit {
	case Bytes:
		n, err := scenarios.ParseSize(strings.ReplaceAll(text, " ", ""))
		return float64(n), err == nil && strings.IndexAny(text, "KMG") > 0 // a bare number of bytes is most often a slip
	case Nanoseconds:
		d, err := time.ParseDuration(strings.ReplaceAll(text, " ", ""))
		return float64(d), err == nil && d >= 0 && d <= time.Hour
	case Counted:
		n, err := strconv.ParseUint(text, 10, 32)
		return float64(n), err == nil
	}
	return 0, false // the amount of a rate is its points
}

func (u Unit) name() string {
	switch u {
	case Nanoseconds:
		return "time"
	case Fraction:
		return "points"
	case Counted:
		return "counts"
	}
	return string(u)
}

func marginForm(u Unit) string {
	switch u {
	case Bytes:
		return "512KiB, 5% or `5%, at least 512KiB`"
	case Nanoseconds:
		return "2ms, 5% or `5%, at least 2ms`"
	case Fraction:
		return "20 points"
	}
	return "64, 5% or `5%, at least 64`"
}

// Text writes the margin as MarginOf reads it.
func (m Margin) Text(u Unit) string {
	share := strconv.FormatFloat(m.Fraction*100, 'g', 6, 64) + " %"
	if u == Fraction {
		return strings.TrimSuffix(share, "%") + "points"
	}
	switch {
	case m.AtLeast == 0:
		return share
	case m.Fraction == 0:
		return amountText(m.AtLeast, u)
	}
	return share + ", at least " + amountText(m.AtLeast, u)
}

func amountText(x float64, u Unit) string {
	switch u {
	case Bytes:
		return scenarios.FormatSize(int64(x))
	case Nanoseconds:
		return time.Duration(x).String()
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}
