package report

import (
	"maps"

	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

type jsonMatrix struct {
	Scenario   string          `json:"scenario"`
	Rows       []jsonMatrixRow `json:"rows"`
	Blanks     []jsonBlank     `json:"blanks"`
	Arithmetic jsonArithmetic  `json:"arithmetic"`
	Senseless  []jsonSenseless `json:"senseless"`
	Cells      int             `json:"planned_cells"`
	Reached    int             `json:"reached_cells"`
}

type jsonBlank struct {
	Runtime     string              `json:"runtime"`
	Clone       memfdclone.Where    `json:"clone,omitempty"`
	Strategy    memfdclone.Strategy `json:"strategy,omitempty"`
	BinaryBytes *int64              `json:"binary_bytes"`
	Driver      string              `json:"driver"`
	Order       string              `json:"order"`
	Why         string              `json:"why"`
}

type jsonMatrixRow struct {
	Runtime       string                 `json:"runtime"`
	Clone         memfdclone.Where       `json:"clone,omitempty"`
	Strategy      memfdclone.Strategy    `json:"strategy,omitempty"`
	BinaryBytes   *int64                 `json:"binary_bytes"`
	Driver        string                 `json:"driver"`
	Order         string                 `json:"order"`
	Lane          verdict.Lane           `json:"lane"`
	Trials        int                    `json:"n"`
	NotCounted    int                    `json:"not_counted"`
	NotApplicable int                    `json:"order_not_applicable"`
	Unconfirmed   int                    `json:"order_unconfirmed"`
	Found         map[sequence.Found]int `json:"found"`
	Payer         verdict.Payer          `json:"payer"`
	Reference     *jsonLimit             `json:"reference,omitempty"`
	CloneBytes    jsonRange              `json:"clone_bytes"`
	ToContainer   jsonRange              `json:"clone_to_container_bytes"`
	ToRuntime     jsonRange              `json:"clone_to_runtime_bytes"`
	Share         number                 `json:"clone_to_container_share"`
	Copy          jsonRange              `json:"copy_ns"`
	Latency       jsonArm                `json:"start.latency"`
	Thresholds    []jsonPlaced           `json:"start.threshold"`
	Limits        []jsonMatrixCell       `json:"limits"`
}

type jsonLimit struct {
	Place string `json:"limit_place,omitempty"`
	Limit *int64 `json:"limit_bytes"`
}

// jsonPlaced is a threshold of the limits in one place.
type jsonPlaced struct {
	Place string         `json:"limit_place"`
	Here  jsonThreshold  `json:"threshold"`
	Worst *jsonThreshold `json:"worst_order,omitempty"`
}

type jsonMatrixCell struct {
	jsonLimit
	jsonCount
	Prediction *jsonPrediction `json:"prediction,omitempty"`
	Open       verdict.Open    `json:"no_prediction,omitempty"`
}

type jsonPrediction struct {
	Outcome     results.Outcome `json:"outcome"`
	Clone       jsonRange       `json:"clone_to_container_bytes"`
	Init        jsonRange       `json:"init_bytes"`
	Limit       int64           `json:"limit_in_force_bytes"`
	AsPredicted bool            `json:"as_predicted"`
}

type jsonRange struct {
	N      int    `json:"n"`
	Median number `json:"median"`
	Min    number `json:"min"`
	Max    number `json:"max"`
}

type jsonArithmetic struct {
	AsPredicted    int                  `json:"as_predicted"`
	NotAsPredicted int                  `json:"not_as_predicted"`
	Open           map[verdict.Open]int `json:"no_prediction"`
	Margin         number               `json:"margin_bytes"`
	MarginWhy      string               `json:"margin_why"`
	Surprises      []string             `json:"surprises"`
}

type jsonSenseless struct {
	Why   string `json:"why"`
	Cells int    `json:"cells"`
}

func matricesJSON(all []verdict.Matrix) []jsonMatrix {
	out := []jsonMatrix{}
	for _, m := range all {
		j := jsonMatrix{
			Scenario: m.Scenario, Rows: []jsonMatrixRow{}, Arithmetic: arithmeticJSON(m.Arithmetic),
			Blanks: []jsonBlank{}, Senseless: []jsonSenseless{}, Cells: m.Cells, Reached: m.Reached,
		}
		for _, r := range m.Rows {
			j.Rows = append(j.Rows, matrixRowJSON(r))
		}
		for _, b := range m.Blanks {
			j.Blanks = append(j.Blanks, jsonBlank{
				b.Runtime, b.Build.Clone, b.Build.Strategy, orNull(b.BinaryBytes), string(b.Driver), string(b.Order), b.Why,
			})
		}
		for _, s := range m.Senseless {
			j.Senseless = append(j.Senseless, jsonSenseless(s))
		}
		out = append(out, j)
	}
	return out
}

func matrixRowJSON(r verdict.MatrixRow) jsonMatrixRow {
	out := jsonMatrixRow{
		Runtime: r.Runtime, Clone: r.Build.Clone, Strategy: r.Build.Strategy, BinaryBytes: orNull(r.BinaryBytes), Driver: string(r.Driver),
		Order: string(r.Order), Lane: r.Lane, Trials: r.Trials, NotCounted: r.NotCounted, NotApplicable: r.NotApplicable,
		Unconfirmed: r.Unconfirmed, Found: map[sequence.Found]int{}, Payer: r.Payer,
		CloneBytes: rangeJSON(r.Clone), ToContainer: rangeJSON(r.ToContainer), ToRuntime: rangeJSON(r.ToRuntime), Share: number(r.ContainerShare()),
		Copy: rangeJSON(r.Copy), Latency: medianJSON(r.Latency), Thresholds: []jsonPlaced{}, Limits: []jsonMatrixCell{},
	}
	maps.Copy(out.Found, r.Found)
	if r.Referred {
		out.Reference = &jsonLimit{string(r.ReferencePlace), orNull(r.ReferenceLimit)}
	}
	for _, t := range r.Thresholds {
		p := jsonPlaced{Place: string(t.Place), Here: thresholdJSON(t.Threshold)}
		if t.Worst != nil {
			worst := thresholdJSON(*t.Worst)
			p.Worst = &worst
		}
		out.Thresholds = append(out.Thresholds, p)
	}
	for _, c := range r.Cells {
		out.Limits = append(out.Limits, matrixCellJSON(c))
	}
	return out
}

func matrixCellJSON(c verdict.MatrixCell) jsonMatrixCell {
	out := jsonMatrixCell{jsonLimit: jsonLimit{string(c.Place), orNull(c.Limit)}, jsonCount: jsonCount(c.Count), Open: c.Open}
	if p := c.Prediction; p != nil {
		out.Prediction = &jsonPrediction{p.Outcome, rangeJSON(p.Clone), rangeJSON(p.Init), p.Limit, p.AsPredicted}
	}
	return out
}

func rangeJSON(r verdict.Range) jsonRange {
	if r.N == 0 {
		return jsonRange{Median: none, Min: none, Max: none}
	}
	return jsonRange{r.N, number(r.Median), number(r.Min), number(r.Max)}
}

func arithmeticJSON(a verdict.Arithmetic) jsonArithmetic {
	out := jsonArithmetic{
		AsPredicted: a.AsPredicted, NotAsPredicted: a.NotAsPredicted, Open: map[verdict.Open]int{},
		Margin: number(a.Margin), MarginWhy: a.MarginWhy, Surprises: list(a.Surprises),
	}
	maps.Copy(out.Open, a.Open)
	return out
}

// buildJSON is absent for a runtime as it is.
func buildJSON(b scenarios.Build) *scenarios.Build {
	if b == (scenarios.Build{}) {
		return nil
	}
	return &b
}
