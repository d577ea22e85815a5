package report

import (
	"maps"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

type jsonSummary struct {
	Schema      int                 `json:"schema"`
	ID          string              `json:"id"`
	Cells       []jsonCell          `json:"cells"`
	Matrices    []jsonMatrix        `json:"matrices"`
	Joins       []jsonJoin          `json:"joins"`
	Ladders     []jsonLadder        `json:"ladders"`
	Searches    []jsonSought        `json:"searches"`
	Findings    []jsonFinding       `json:"findings"`
	Victims     []jsonVictim        `json:"victims"`
	Sessions    []jsonSession       `json:"sessions"`
	Lives       []jsonLives         `json:"lives"`
	Warnings    []string            `json:"warnings"`
	Notes       []string            `json:"notes"`
	Runtimes    []results.RuntimeID `json:"runtimes"`
	Trials      jsonTrials          `json:"trials"`
	Confidence  number              `json:"confidence"`
	Environment results.Environment `json:"environment"`
	// Environments has one a clock.
	Environments []results.Environment `json:"environments"`
}

type jsonCell struct {
	Scenario      string                  `json:"scenario"`
	Runtime       string                  `json:"runtime"`
	Driver        string                  `json:"driver"`
	Order         string                  `json:"order"`
	Build         *scenarios.Build        `json:"build,omitempty"`
	Place         cgroupjoin.Place        `json:"limit_place,omitempty"`
	Limit         *int64                  `json:"limit_bytes"`
	Enumerate     *scenarios.Enumeration  `json:"enumerate,omitempty"`
	Network       *jsonNetwork            `json:"network,omitempty"`
	Lane          verdict.Lane            `json:"lane"`
	Trials        int                     `json:"n"`
	NotCounted    int                     `json:"not_counted"`
	NotApplicable int                     `json:"order_not_applicable"`
	Outcomes      map[results.Outcome]int `json:"outcomes"`
	Start         jsonSpread              `json:"start.latency"`
	Create        jsonSpread              `json:"create.latency"`
	Batch         *jsonBatch              `json:"batch.total,omitempty"`
	ContainerPeak jsonArm                 `json:"container.memory.peak"`
	RuntimePeak   jsonArm                 `json:"runtime.memory.peak"`
	Failure       string                  `json:"failure,omitempty"`
	Imposing      *jsonImposing           `json:"imposing,omitempty"`
	Found         map[sequence.Found]int  `json:"found"`
	Charges       jsonCharges             `json:"charges"`
	Syscalls      jsonSides               `json:"start.syscalls"`
	PageFaults    jsonSides               `json:"start.pagefaults"`
}

type jsonImposing struct {
	Imposed       int    `json:"imposed"`
	NotApplicable int    `json:"not_applicable"`
	CouldNot      int    `json:"could_not"`
	Notifications number `json:"notifications"`
	HeldNS        number `json:"held_ns"`
}

type jsonCharges struct {
	Clone       number `json:"clone_bytes"`
	ToContainer number `json:"clone_to_container_bytes"`
	ToRuntime   number `json:"clone_to_runtime_bytes"`
	AtExec      number `json:"container.memory.charged_at_exec"`
}

type jsonSides struct {
	Container number `json:"container"`
	Runtime   number `json:"runtime"`
}

type jsonSpread struct {
	N      int    `json:"n"`
	Median number `json:"median"`
	P95    number `json:"p95"`
	P99    number `json:"p99"`
	Mean   number `json:"mean"`
	MeanLo number `json:"mean_lo"`
	MeanHi number `json:"mean_hi"`
}

type jsonBatch struct {
	N          int    `json:"n"`
	Containers int    `json:"containers"`
	Concurrent bool   `json:"concurrent"`
	Total      number `json:"median"`
	Fastest    number `json:"min"`
	Slowest    number `json:"max"`
	Each       number `json:"each"`
}

type jsonVictim struct {
	Scenario  string                 `json:"scenario"`
	Runtime   string                 `json:"runtime"`
	Driver    string                 `json:"driver"`
	Order     string                 `json:"order"`
	Build     *scenarios.Build       `json:"build,omitempty"`
	Place     cgroupjoin.Place       `json:"limit_place,omitempty"`
	Limit     *int64                 `json:"limit_bytes"`
	Enumerate *scenarios.Enumeration `json:"enumerate,omitempty"`
	Comm      string                 `json:"comm"`
	N         int                    `json:"n"`
	Anon      number                 `json:"anon_bytes"`
	File      number                 `json:"file_bytes"`
	Shmem     number                 `json:"shmem_bytes"`
}

func summaryJSON(s verdict.Summary) ([]byte, error) {
	out := jsonSummary{
		Schema: schema, ID: s.ID, Cells: []jsonCell{}, Victims: []jsonVictim{}, Warnings: list(s.Warnings),
		Runtimes: append([]results.RuntimeID{}, s.Runtimes...), Trials: jsonTrials(s.Trials),
		Confidence: number(s.Confidence), Environment: s.Environment, Environments: append([]results.Environment{}, s.Environments...),
		Matrices: matricesJSON(s.Matrices), Joins: joinsJSON(s.Joins), Sessions: sessionsJSON(s.Sessions), Lives: livesJSON(s.Lives),
		Ladders: laddersJSON(s.Ladders), Searches: searchesJSON(s.Searches), Findings: findingsJSON(s.Findings), Notes: list(s.Notes),
	}
	for _, c := range s.Cells {
		out.Cells = append(out.Cells, cellJSON(c))
	}
	for _, v := range s.Victims {
		out.Victims = append(out.Victims, jsonVictim{
			Scenario: v.Scenario, Runtime: v.Runtime, Driver: string(v.Driver), Order: string(v.Order),
			Build: buildJSON(v.Build), Place: v.Place, Limit: orNull(v.Limit), Enumerate: enumerationJSON(v.Enumerate), Comm: v.Comm, N: v.N,
			Anon: number(v.Anon), File: number(v.File), Shmem: number(v.Shmem),
		})
	}
	return indented(out)
}

func cellJSON(c verdict.CellSummary) jsonCell {
	out := jsonCell{
		Scenario: c.Scenario, Runtime: c.Runtime, Driver: string(c.Driver), Order: string(c.Order), Build: buildJSON(c.Build), Place: c.Place, Limit: orNull(c.Limit),
		Enumerate: enumerationJSON(c.Enumerate), Network: networkJSON(c.Network),
		Lane: c.Lane, Trials: c.Trials(), NotCounted: c.NotCounted, NotApplicable: c.NotApplicable, Failure: c.Failure,
		Outcomes: map[results.Outcome]int{}, Start: spreadJSON(c.Start), Create: spreadJSON(c.Create),
		ContainerPeak: medianJSON(c.ContainerPeak), RuntimePeak: medianJSON(c.RuntimePeak),
		Found: map[sequence.Found]int{}, Syscalls: sidesJSON(c.Counters.Syscalls), PageFaults: sidesJSON(c.Counters.PageFaults),
		Charges: jsonCharges{
			Clone: number(c.Charges.Clone), ToContainer: number(c.Charges.ToContainer),
			ToRuntime: number(c.Charges.ToRuntime), AtExec: number(c.Charges.AtExec),
		},
	}
	maps.Copy(out.Found, c.Found)
	if i := c.Imposing; i.Trials() > 0 {
		out.Imposing = &jsonImposing{i.Imposed, i.NotApplicable, i.CouldNot, number(i.Notifications), number(i.HeldNS)}
	}
	for _, o := range results.Outcomes() {
		out.Outcomes[o] = c.Outcomes[o]
	}
	if b := c.Batch; b.Containers > 0 {
		out.Batch = &jsonBatch{
			N: b.N, Containers: b.Containers, Concurrent: b.Concurrent,
			Total: number(b.Total), Fastest: number(b.Fastest), Slowest: number(b.Slowest), Each: number(b.Each),
		}
	}
	return out
}

// enumerationJSON is nil of a payload that enumerates nothing.
func enumerationJSON(e scenarios.Enumeration) *scenarios.Enumeration {
	if e == (scenarios.Enumeration{}) {
		return nil
	}
	return &e
}

func spreadJSON(s verdict.Spread) jsonSpread {
	return jsonSpread{
		N: s.N, Median: number(s.Median), P95: number(s.P95), P99: number(s.P99),
		Mean: number(s.Mean), MeanLo: number(s.MeanLo), MeanHi: number(s.MeanHi),
	}
}

func sidesJSON(s verdict.Sides) jsonSides { return jsonSides{number(s.Container), number(s.Runtime)} }
