package verdict

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Unit is what a metric's numbers count.
type Unit string

const (
	Nanoseconds Unit = "ns"
	Bytes       Unit = "bytes"
	Fraction    Unit = "fraction"
	Counted     Unit = "count"
)

// Format writes x with three significant digits in the unit a reader would choose.
func (u Unit) Format(x float64) string {
	switch {
	case math.IsNaN(x):
		return "-"
	case math.IsInf(x, 1):
		return "inf"
	case math.IsInf(x, -1):
		return "-inf"
	}
	switch u {
	case Nanoseconds:
		return scaled(x, 1000, "ns", "µs", "ms", "s")
	case Bytes:
		return scaled(x, 1024, "B", "KiB", "MiB", "GiB")
	case Fraction:
		return Percent(x)
	}
	return significant(x)
}

// FormatChange writes a change of the metric with its sign.
func (m Metric) FormatChange(x float64) string {
	switch {
	case m.Relative:
		return signed(x, Percent(x))
	case m.Unit == Fraction:
		return points(x)
	case m.Name == StartThreshold && !math.IsNaN(x) && !math.IsInf(x, 0):
		return signed(x, signedSize(x))
	}
	return signed(x, m.Unit.Format(x))
}

// signedSize writes a difference of limits exactly, since both are of a grid.
func signedSize(x float64) string {
	if x < 0 {
		return "-" + exactSize(int64(-x))
	}
	return exactSize(int64(x))
}

// FormatMargin writes the metric's margin.
func (m Metric) FormatMargin() string { return m.Unit.formatMargin(m.Relative, m.Margin) }

func (u Unit) formatMargin(relative bool, x float64) string {
	if u == Bytes && !relative {
		return exactSize(int64(x))
	}
	if u == Counted && !relative {
		return significant(x)
	}
	text := strings.TrimSuffix(digits(x*100, 1), ".0")
	if u == Fraction && !relative {
		return text + " points"
	}
	return text + " %"
}

// Percent writes the fraction x as a percentage.
func Percent(x float64) string {
	switch {
	case math.IsNaN(x):
		return "-"
	case math.IsInf(x, 1):
		return "inf %"
	case math.IsInf(x, -1):
		return "-inf %"
	}
	return digits(x*100, 1) + " %"
}

func points(x float64) string {
	if math.IsNaN(x) {
		return "-"
	}
	return signed(x, digits(x*100, 1)) + " points"
}

// signed puts the plus before what is not negative; a minus is there already.
func signed(x float64, text string) string {
	if x > 0 && text[0] != '-' {
		return "+" + text
	}
	return text
}

// scaled divides by step until fewer than step remain, and names the unit reached.
func scaled(x, step float64, units ...string) string {
	i := 0
	for math.Abs(x) >= step && i < len(units)-1 {
		x /= step
		i++
	}
	return significant(x) + " " + units[i]
}

// significant writes three digits, but never drops one before the decimal point.
func significant(x float64) string {
	switch a := math.Abs(x); {
	case a >= 100 || a == math.Trunc(a):
		return digits(x, 0)
	case a >= 10:
		return digits(x, 1)
	}
	return digits(x, 2)
}

// digits writes x with n decimals, fewer when it is large, and never "-0".
func digits(x float64, n int) string {
	if math.Abs(x) >= 100 {
		n = 0
	}
	s := strconv.FormatFloat(x, 'f', n, 64)
	if v, err := strconv.ParseFloat(s, 64); err == nil && v == 0 {
		return strconv.FormatFloat(0, 'f', n, 64)
	}
	return s
}

// FormatP writes a p value: three decimals, or its order of magnitude.
func FormatP(p float64) string {
	switch {
	case math.IsNaN(p):
		return "-"
	case p >= 0.001:
		return fmt.Sprintf("%.3f", p)
	case p < 1e-9:
		return "<1e-9"
	}
	return fmt.Sprintf("%.0e", p)
}
