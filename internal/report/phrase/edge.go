package phrase

import (
	"fmt"
	"math"
	"strconv"

	"github.com/initbench/initbench/internal/verdict"
)

// Edge is a search's threshold and, behind it, between which limits the true one lies.
func Edge(s verdict.Sought) string {
	e := s.Edge
	switch {
	case e.Threshold == 0 && e.Lo == 0:
		return "not settled up to " + Fine(s.Search.To)
	case e.Threshold == 0:
		return "> " + Fine(e.Lo)
	case e.Lo == 0:
		return "<= " + Fine(e.Threshold)
	case e.Hi == 0:
		return Fine(e.Threshold) + " (> " + Bare(e.Lo) + ")"
	}
	return fmt.Sprintf("%s (%s, %s]", Fine(e.Threshold), Bare(e.Lo), Bare(e.Hi))
}

// EdgeCenter is the start threshold that an arm's search showed, or what it is above where none was shown.
func EdgeCenter(a verdict.Arm) string {
	switch {
	case !math.IsNaN(a.Center):
		return Fine(int64(a.Center))
	case a.Lo > 0:
		return "> " + Fine(int64(a.Lo))
	}
	return "not shown"
}

// EdgeSpread is where the threshold lies, for sure enough; empty where EdgeCenter says all.
func EdgeSpread(a verdict.Arm) string {
	switch {
	case a.N == 0 || math.IsNaN(a.Center):
		return ""
	case math.IsInf(a.Hi, 1):
		return "(> " + Bare(int64(a.Lo)) + ")"
	case a.Lo <= 0:
		return "(<= " + Bare(int64(a.Hi)) + ")"
	}
	return "(" + Bare(int64(a.Lo)) + ", " + Bare(int64(a.Hi)) + "]"
}

// Fine writes a limit of a search's grid exactly: one of 12.25 MiB is no 12.2 MiB.
func Fine(bytes int64) string { return Bare(bytes) + " MiB" }

// Bare is Fine without its unit.
func Bare(bytes int64) string { return strconv.FormatFloat(float64(bytes)/(1<<20), 'f', -1, 64) }
