package verdict

import (
	"fmt"
	"strings"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// NetworkSummary is what the containers of a cell had of networks, and what attaching and detaching them took: medians.
type NetworkSummary struct {
	// N containers were attached, with so many different addresses in all.
	N, Addresses int
	AttachNS     float64
	PeakBytes    float64 // NaN where no plugin's is known
	Steps        []NetworkStepSummary
}

// NetworkStepSummary is one step of them all, in the order that they are made in.
type NetworkStepSummary struct {
	Step      string
	N         int
	TookNS    float64
	PeakBytes float64 // NaN of a step that is no process
}

// attachments are those of the trials of a cell.
type attachments struct {
	attach, peaks []float64
	addresses     map[string]bool
	took, rss     map[string][]float64 // by step
}

func (a *attachments) add(r *results.Record) {
	n := r.Attachment
	ns, ok := n.AttachNS()
	if !ok {
		return
	}
	if a.took == nil {
		a.addresses, a.took, a.rss = map[string]bool{}, map[string][]float64{}, map[string][]float64{}
	}
	a.attach = append(a.attach, float64(ns))
	if bytes, known := n.PluginPeak(); known {
		a.peaks = append(a.peaks, float64(bytes))
	}
	for _, address := range n.Addresses {
		a.addresses[address] = true
	}
	for _, s := range n.Steps {
		a.took[s.Step] = append(a.took[s.Step], float64(s.TookNS))
		if s.MaxRSS != nil {
			a.rss[s.Step] = append(a.rss[s.Step], float64(*s.MaxRSS))
		}
	}
}

func (a *attachments) summary() NetworkSummary {
	out := NetworkSummary{N: len(a.attach), Addresses: len(a.addresses), AttachNS: middle(a.attach), PeakBytes: middle(a.peaks)}
	for _, step := range results.NetworkSteps() {
		if took := a.took[step]; len(took) > 0 {
			out.Steps = append(out.Steps, NetworkStepSummary{Step: step, N: len(took), TookNS: middle(took), PeakBytes: middle(a.rss[step])})
		}
	}
	return out
}

// networkText is the pools of a scenario's network.
func networkText(n *scenarios.Network) string {
	if n == nil {
		return ""
	}
	var pools []string
	for _, p := range n.Pools {
		pools = append(pools, p.String())
	}
	return strings.Join(pools, ", ")
}

func enumerateText(e *scenarios.Enumerate) string {
	if e == nil {
		return ""
	}
	return fmt.Sprintf("%v 2^%v, %d bytes each", e.How, e.Bits, e.RecordBytes)
}
