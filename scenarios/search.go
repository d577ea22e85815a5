package scenarios

import (
	"fmt"
	"strconv"
	"strings"
)

// Search makes a scenario one that looks for the start threshold: the smallest memory limit at which a container
// starts with a probability of at least Probability. Its trials have no limit of their own in the plan: the next one's
// follows from how those before it ended (internal/design), up to Most starts a cell. Sizes are bytes.
type Search struct {
	// From and To are the ends of the grid that is searched, Step its distance.
	From int64 `json:"from"`
	To   int64 `json:"to"`
	Step int64 `json:"step"`
	// Probability and Confidence are more than 0 and less than 1.
	Probability float64 `json:"probability"`
	Confidence  float64 `json:"confidence"`
	// Most is how many starts a cell of one arm may take.
	Most int `json:"most"`
}

// DefaultSearch is what a scenario file that says `search: {}` looks for.
func DefaultSearch() Search {
	return Search{From: 1 << 20, To: 64 << 20, Step: 256 << 10, Probability: 0.9, Confidence: 0.95, Most: 200}
}

// limited tells whether the scenario sets limits of its own, one by one or as it finds them.
func (s Scenario) limited() bool { return len(s.Limits) > 0 || s.Search != nil }

// AtMost gives a search no more starts than n.
func (s Scenario) AtMost(n int) Scenario {
	s.Trials = n
	if s.Search != nil {
		search := *s.Search
		search.Most, s.Search = n, &search
	}
	return s
}

func (d *decoder) search(path string, v node) *Search {
	s := DefaultSearch()
	d.mapping(path, "a search", v, []field{
		{"from", false, func(p string, v node) { s.From = d.size(p, v) }},
		{"to", false, func(p string, v node) { s.To = d.size(p, v) }},
		{"step", false, func(p string, v node) { s.Step = d.size(p, v) }},
		{"probability", false, func(p string, v node) { s.Probability = d.share(p, v) }},
		{"confidence", false, func(p string, v node) { s.Confidence = d.share(p, v) }},
		{"most", false, func(p string, v node) { s.Most = d.count(p, v) }},
	})
	return &s
}

// share reads a number between 0 and 1, in plain digits as count does.
func (d *decoder) share(path string, v node) float64 {
	const right = "write a number between 0 and 1, such as 0.95"
	if v.Kind != aNumber {
		d.isA(path, v, aNumber, right)
		return 0
	}
	x, err := strconv.ParseFloat(v.Text, 64)
	if err != nil || strings.Trim(v.Text, "0123456789.") != "" || !isShare(x) {
		d.fail(v.Pos, path+" "+quoted(v.Text), right)
	}
	return x
}

func isShare(x float64) bool { return x > 0 && x < 1 }

// searchFlaw keeps a search from being a ladder, a batch or a measurement of anything but its threshold.
func (s Scenario) searchFlaw() *flaw {
	q := s.Search
	if q == nil {
		return nil
	}
	for _, other := range []struct {
		key   string
		given bool
	}{{"limits", len(s.Limits) > 0 || s.Unlimited}, {"headroom", s.Headroom != nil}, {"containers", s.Containers > 1}} {
		if other.given {
			return &flaw{other.key, other.key + " beside a search", "a search finds its limits with one container after another: leave " + other.key + " out"}
		}
	}
	if s.Trials != q.Most {
		return &flaw{"trials", fmt.Sprintf("trials %d beside a search of at most %d starts", s.Trials, q.Most), "leave trials out: search.most says how many starts an arm may take in a cell"}
	}
	return q.flaw()
}

func (q Search) flaw() *flaw {
	switch {
	case q.From < MinLimit:
		return &flaw{"search.from", "search.from " + FormatSize(q.From), fmt.Sprintf("the least is %s, one page where pages are largest", FormatSize(MinLimit))}
	case q.To > MaxSize:
		return &flaw{"search.to", "search.to " + FormatSize(q.To), "the most is " + FormatSize(MaxSize)}
	case q.To <= q.From:
		return &flaw{"search.to", fmt.Sprintf("a search from %s to %s", FormatSize(q.From), FormatSize(q.To)), "write a search that rises"}
	case q.Step < MinLimit:
		return &flaw{"search.step", "search.step " + FormatSize(q.Step), fmt.Sprintf("the least is %s, one page where pages are largest", FormatSize(MinLimit))}
	case (q.To-q.From)/q.Step >= MaxLimits:
		return &flaw{"search.step", fmt.Sprintf("a search among %d limits", (q.To-q.From)/q.Step+1), fmt.Sprintf("the most is %d: write a larger step", MaxLimits)}
	case (q.To-q.From)%q.Step != 0:
		return &flaw{"search.to", fmt.Sprintf("search.to %s is no step of %s from %s", FormatSize(q.To), FormatSize(q.Step), FormatSize(q.From)),
			"the last one below is " + FormatSize(q.To-(q.To-q.From)%q.Step)}
	case !isShare(q.Probability):
		return &flaw{"search.probability", fmt.Sprintf("search.probability %v", q.Probability), "write a number between 0 and 1, such as 0.9"}
	case !isShare(q.Confidence):
		return &flaw{"search.confidence", fmt.Sprintf("search.confidence %v", q.Confidence), "write a number between 0 and 1, such as 0.95"}
	case q.Most < 1 || q.Most > MaxTrials:
		return rangeFlaw("search.most", q.Most, 1, MaxTrials)
	}
	return nil
}

// searchMetricFlaw keeps the one metric of searches and those of plans apart: the limits of a search follow from its
// outcomes, so that what else its trials show is of limits that nobody chose.
func (s Scenario) searchMetricFlaw() *flaw {
	for i, name := range s.Judge {
		if (name == StartThreshold) != (s.Search != nil) {
			path := fmt.Sprintf("judge[%d]", i)
			if s.Search == nil {
				return &flaw{path, "metric " + name + " without a search", "only a search finds it: add search: {}"}
			}
			return &flaw{path, "metric " + name + " of a search", "write " + StartThreshold}
		}
	}
	return nil
}
