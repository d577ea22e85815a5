package html

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"html/template"
	"math"
	"strconv"

	"github.com/initbench/initbench/internal/report/svg"
	"github.com/initbench/initbench/internal/verdict"
)

// drawing is a picture as it stands in the page. svg.Node has escaped what is in it.
type drawing = template.HTML

// figure is a picture, what it shows in words, and the same as numbers.
type figure struct {
	ID, Title, About string
	Wide             bool
	Drawing          drawing
	Tables           []table
}

// Lengths of a chart in its own unit. Charts are as wide as a telephone and are shown side by side where there is room, so
// that their text is neither shrunk there nor blown up here.
const (
	chartWidth = 440.0
	chartLeft  = 44.0
	chartRight = 14.0
	textWidth  = 6.1 // of a character at 11 px in the widest common sans-serif, about
	digitWidth = 6.9 // of a digit likewise; ticks are little else
)

// draw makes a drawing of a picture's parts; about is read out in its place.
func draw(width, height float64, about string, parts ...*svg.Node) drawing {
	root := svg.Element("svg", "viewBox", "0 0 "+svg.Value(width)+" "+svg.Value(height), "role", "img", "aria-label", about, "class", "chart")
	return encoded(root.Add(parts...))
}

// axis maps values to lengths.
type axis struct {
	lo, hi   float64 // values
	from, to float64 // lengths
	log      bool
}

// at is where a value is drawn, ends of an axis being walls.
func (a axis) at(x float64) float64 {
	lo, hi := a.lo, a.hi
	if a.log {
		x, lo, hi = math.Log(max(x, 1)), math.Log(max(lo, 1)), math.Log(max(hi, 1))
	}
	if !(hi > lo) || math.IsNaN(x) {
		return a.from
	}
	return a.from + min(1, max(0, (x-lo)/(hi-lo)))*(a.to-a.from)
}

// span is an axis for values from lo to hi, on a logarithmic scale where they lie far apart.
func span(lo, hi, from, to float64) axis {
	a := axis{lo: lo, hi: hi, from: from, to: to, log: lo > 0 && hi > 3*lo}
	switch {
	case a.log:
		a.lo, a.hi = lo/1.04, hi*1.04
	case hi > lo:
		pad := (hi - lo) * 0.04
		a.lo, a.hi = max(0, lo-pad), hi+pad
	default:
		a.lo, a.hi = lo*0.9, hi*1.1+1
	}
	return a
}

// ticks are round values on the axis, about n of them.
func (a axis) ticks(n int, base float64) []float64 {
	if a.log {
		return a.powers(n, base)
	}
	step := roundStep((a.hi-a.lo)/float64(n), base)
	if !(step > 0) {
		return nil
	}
	var all []float64
	for k := math.Ceil(a.lo / step); k*step <= a.hi && len(all) < 50; k++ {
		all = append(all, k*step)
	}
	return all
}

// powers are the ticks of a logarithmic axis: of sizes powers of two, every one or every few; else 1, 2, 3 and 5 times powers of ten.
func (a axis) powers(n int, base float64) []float64 {
	if base == 10 {
		return a.decades()
	}
	lo, hi := math.Ceil(math.Log2(max(1, a.lo))), math.Floor(math.Log2(max(1, a.hi)))
	every := max(1, math.Ceil((hi-lo)/float64(n)))
	var all []float64
	for k := lo; k <= hi; k += every {
		all = append(all, math.Exp2(k))
	}
	return all
}

func (a axis) decades() (all []float64) {
	steps := []float64{1, 2, 3, 5}
	if a.hi > 30*a.lo {
		steps = []float64{1}
	}
	for power := math.Pow(10, math.Floor(math.Log10(max(1, a.lo)))); power <= a.hi; power *= 10 {
		for _, k := range steps {
			if x := k * power; x >= a.lo && x <= a.hi {
				all = append(all, x)
			}
		}
	}
	return all
}

// roundStep is 1, 2 or 5 times a power of ten, or where sizes are drawn a power of two.
func roundStep(least, base float64) float64 {
	if !(least > 0) || math.IsInf(least, 0) {
		return 0
	}
	if base == 2 {
		return math.Exp2(math.Ceil(math.Log2(least)))
	}
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, k := range []float64{1, 2, 5, 10} {
		if k*power >= least*(1-1e-9) {
			return k * power
		}
	}
	return 10 * power
}

// across draws an axis below a chart: its ticks, their texts where they do not run into each other, and a rule up to top.
func (a axis) across(top, bottom float64, ticks []float64, name func(float64) string) *svg.Node {
	g := svg.Element("g")
	last := math.Inf(-1)
	for _, x := range ticks {
		at, text := a.at(x), name(x)
		g.Add(svg.Line(at, top, at, bottom, "grid"))
		half := digitWidth * float64(len([]rune(text))) / 2
		at = max(half+1, min(at, a.to+chartRight-half)) // neither the first nor the last one leaves the picture
		if at-half < last+4 {
			continue
		}
		last = at + half
		g.Add(svg.Label(at, bottom+14, "tick mid", text))
	}
	return g.Add(svg.Line(a.from, bottom, a.to, bottom, "axis"))
}

// shares draws the axis of fractions, 0 to 100 %, at the left.
func shares(y axis, right float64) *svg.Node {
	g := svg.Element("g")
	for _, f := range []float64{0, 0.25, 0.5, 0.75, 1} {
		g.Add(svg.Line(chartLeft, y.at(f), right, y.at(f), "grid"), svg.Label(chartLeft-6, y.at(f)+4, "tick end", fmt.Sprintf("%.0f %%", f*100)))
	}
	return g
}

// size names a limit exactly where it is of the grid that thresholds are searched on, else as a rounded figure.
func size(bytes int64) string {
	const quarter = 256 << 10
	if bytes >= quarter && bytes%quarter == 0 {
		return strconv.FormatFloat(float64(bytes)/(1<<20), 'f', -1, 64) + " MiB"
	}
	return verdict.Bytes.Format(float64(bytes))
}

// tickSize names a round size on an axis.
func tickSize(x float64) string { return verdict.Bytes.Format(x) }

func tickTime(x float64) string { return verdict.Nanoseconds.Format(x) }

// decoration is a drawing that says nothing the text beside it does not.
func decoration(width, height float64, class string, parts ...*svg.Node) drawing {
	root := svg.Element("svg", "viewBox", "0 0 "+svg.Value(width)+" "+svg.Value(height), "width", width, "height", height, "aria-hidden", "true", "class", class)
	return encoded(root.Add(parts...))
}

func encoded(n *svg.Node) drawing {
	var out bytes.Buffer
	// Nodes are structs of strings, which cannot fail to be written to memory.
	if err := xml.NewEncoder(&out).Encode(n); err != nil {
		return ""
	}
	return drawing(out.String())
}
