package verdict

import (
	"fmt"
	"time"
)

// unfinished is about a plan that was not made whole. Of an adaptive run the plan is only the most, and only what is not settled
// has been cut short.
func (j *judge) unfinished(v Verdict) []string {
	if !j.adaptive {
		return interrupted(v.Trials, j.budget)
	}
	open := 0
	for _, m := range v.Metrics {
		if m.WantsMore() && !m.Open && (m.Looks.Most == 0 || m.Looks.Blocks < m.Looks.Most) {
			open++
		}
	}
	if open == 0 {
		return nil
	}
	return []string{fmt.Sprintf("the run ended before %s settled%s", wasOrWere(open), j.timeOver())}
}

func (j *judge) timeOver() string {
	if j.design == nil || j.design.MaxTime == 0 {
		return ""
	}
	return fmt.Sprintf(": it makes trials for %s at most, and for longer by --max-time or max_time in its policy", j.design.MaxTime.Round(time.Second))
}

func wasOrWere(rows int) string {
	if rows == 1 {
		return "1 row was"
	}
	return fmt.Sprintf("%d rows were", rows)
}
