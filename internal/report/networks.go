package report

import (
	"fmt"
	"math"

	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
)

// jsonNetwork is what the containers of a cell had of networks.
type jsonNetwork struct {
	N         int               `json:"n"`
	Addresses int               `json:"addresses"`
	Latency   number            `json:"network.latency"`
	Peak      number            `json:"network.memory.peak"`
	Steps     []jsonNetworkStep `json:"steps"`
}

type jsonNetworkStep struct {
	Step string `json:"step"`
	N    int    `json:"n"`
	Took number `json:"took_ns"`
	Peak number `json:"max_rss_bytes"`
}

// networkJSON is nil where no container was attached.
func networkJSON(s verdict.NetworkSummary) *jsonNetwork {
	if s.N == 0 {
		return nil
	}
	out := &jsonNetwork{N: s.N, Addresses: s.Addresses, Latency: number(s.AttachNS), Peak: number(s.PeakBytes)}
	for _, step := range s.Steps {
		out.Steps = append(out.Steps, jsonNetworkStep{step.Step, step.N, number(step.TookNS), number(step.PeakBytes)})
	}
	return out
}

// networks says what attaching and detaching took, step by step. It is nil where nothing was attached.
func networks(cells []verdict.CellSummary) *grid {
	g := &grid{
		title:  cells[0].Scenario + ": what CNI plugins took to attach and detach a container (medians; a plugin's peak memory behind its time)",
		keys:   keys(cells),
		header: conditions(cells, "attached", "addresses", "network.latency"),
	}
	columns := 0
	for _, c := range cells {
		if len(c.Network.Steps) > columns {
			columns = len(c.Network.Steps)
			g.header = g.header[:keys(cells)+3]
			for _, s := range c.Network.Steps {
				g.header = append(g.header, s.Step)
			}
		}
	}
	if columns == 0 {
		return nil
	}
	for _, c := range cells {
		row := condition(cells, c, fmt.Sprint(c.Network.N), fmt.Sprint(c.Network.Addresses), verdict.Nanoseconds.Format(c.Network.AttachNS))
		for _, step := range g.header[keys(cells)+3:] {
			row = append(row, networkStep(c.Network, step))
		}
		g.add(row...)
	}
	return g
}

func networkStep(n verdict.NetworkSummary, name string) string {
	for _, s := range n.Steps {
		if s.Step == name {
			text := verdict.Nanoseconds.Format(s.TookNS)
			if !math.IsNaN(s.PeakBytes) {
				text += phrase.After(", ", verdict.Bytes.Format(s.PeakBytes))
			}
			return text
		}
	}
	return "-"
}
