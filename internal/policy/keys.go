package policy

import (
	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// key is one that a mapping of a policy may have: what it means, what JSON Schema says of its value, and what reads it. The three tables are
// all there is: the parser, the schema and the table of docs/policy.md are made of them or tested against them.
type key struct {
	name, doc string
	schema    map[string]any
	read      func(d *decoder, path string, v node)
}

var keys = []key{
	{"scenarios", "the scenarios to judge by: names of the catalogue, or files", listOf(map[string]any{"type": "string"}), (*decoder).scenarios},
	{"drivers", "the cgroup drivers to measure under; a scenario without one of them is refused", listOf(enum(cgroupjoin.Drivers())), (*decoder).drivers},
	{"limits", "memory limits, rising, in the place of those of scenarios with a ladder; searches find their own", listOf(size), (*decoder).limits},
	{"max_time", "how long trials are made; what is not settled by then is inconclusive", map[string]any{"type": "string", "pattern": `^(none|([0-9]+(\.[0-9]*)?(ms|s|m|h))+)$`}, (*decoder).maxTime},
	{"alpha", "the chance of a false claim of change, over all looks and all rows that have a p value; intervals have the confidence 1 - alpha, a bracket of a search its own", map[string]any{"type": "number", "minimum": leastAlpha, "maximum": mostAlpha}, (*decoder).alpha},
	{"noisy_clock", "what becomes of a time that is not settled on the wall clock of an emulated CPU: warn leaves it open, fail makes the whole inconclusive", enum([]verdict.Severity{verdict.Warn, verdict.Fail}), (*decoder).noisyClock},
	{"metrics", "margin and severity of each metric; what is left out is as by default", metricsSchema(), (*decoder).metrics},
	{"ceilings", "absolute bounds on the candidate, in one line or as a mapping", listOf(map[string]any{"oneOf": []any{map[string]any{"type": "string"}, mappingOf(ceilingKeys, "metric", "at_most")}}), (*decoder).ceilings},
}

var metricKeys = []key{
	{"margin", "how much worse the candidate may be: a share, an amount in the metric's unit, or `5 %, at least 64`, the larger of both", scalar, (*decoder).margin},
	{"severity", "of a regression: fail rules, warn is only told, ignore is not judged", enum(severities()), (*decoder).severity},
}

var ceilingKeys = []key{
	{"metric", "the name of a metric", enum(verdict.MetricNames()), (*decoder).ceilingMetric},
	{"at_most", "the bound, in the metric's unit", scalar, (*decoder).ceilingAtMost},
	{"driver", "under this cgroup driver alone", enum(cgroupjoin.Drivers()), (*decoder).ceilingDriver},
	{"order", "in this order of clone and join; worst is the one in which most containers do not start; natural by default", enum(ceilingOrders()), (*decoder).ceilingOrder},
	{"limit", "at this memory limit alone; oom.rate has to have one", size, (*decoder).ceilingLimit},
	{"scenario", "in this scenario alone", map[string]any{"type": "string"}, (*decoder).ceilingScenario},
	{"severity", "of what is beyond it: fail by default", enum(severities()), (*decoder).ceilingSeverity},
}

var (
	scalar = map[string]any{"type": []any{"string", "number"}}
	size   = map[string]any{"type": []any{"string", "integer"}, "pattern": `^[0-9]+ ?(KiB|MiB|GiB)?$`}
)

func ceilingOrders() []sequence.Order { return append(sequence.Orders(), verdict.WorstOrder) }

func listOf(items map[string]any) map[string]any {
	return map[string]any{"type": "array", "items": items, "minItems": 1, "maxItems": maxItems}
}

func enum[T ~string](words []T) map[string]any {
	var all []any
	for _, w := range words {
		all = append(all, string(w))
	}
	return map[string]any{"type": "string", "enum": all}
}

func mappingOf(all []key, required ...string) map[string]any {
	properties := map[string]any{}
	for _, k := range all {
		properties[k.name] = described(k)
	}
	m := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		m["required"] = required
	}
	return m
}

func described(k key) map[string]any {
	out := map[string]any{"description": k.doc}
	for name, value := range k.schema {
		out[name] = value
	}
	return out
}

func metricsSchema() map[string]any {
	properties := map[string]any{}
	for _, name := range append(verdict.MetricNames(), scenarios.AllLeaks) {
		may := metricKeys
		if !verdict.HasMargin(name) {
			may = metricKeys[1:] // it has no margin: whatever is left behind counts
		}
		properties[name] = mappingOf(may)
	}
	return map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
}

func namesOf(all []key) (names []string) {
	for _, k := range all {
		names = append(names, k.name)
	}
	return names
}
