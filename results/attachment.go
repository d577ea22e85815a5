package results

import (
	"fmt"
	"net/netip"
	"slices"
)

// MaxAddresses of a container, one a pool, and MaxNetworkSteps of a trial: each step is made once, or a second time after it failed.
const (
	MaxAddresses    = 8
	MaxNetworkSteps = 32
)

// NetworkSteps are the names that a step may have, in the order that they occur in: the first three attach a container, the others detach it.
func NetworkSteps() []string {
	return []string{"make-netns", "add-loopback", "add-bridge", "del-bridge", "del-loopback", "remove-netns"}
}

// networkSteps is asked for every record of a network.
var networkSteps = NetworkSteps()

// attachSteps are those of attaching.
const attachSteps = 3

// Attachment is what a container's network took and was.
type Attachment struct {
	// Name is the network's: its bridge is called so.
	Name string `json:"name"`
	// Addresses with the length of the subnet's prefix, one a pool; empty where attaching failed.
	Addresses []string      `json:"addresses"`
	Steps     []NetworkStep `json:"steps"`
}

// NetworkStep is one thing that was done for it.
type NetworkStep struct {
	Step string `json:"step"`
	// StartNS is CLOCK_MONOTONIC when it began, as Record.StartNS is; TookNS how long it took.
	StartNS int64 `json:"start_ns"`
	TookNS  int64 `json:"took_ns"`
	// MaxRSS is the largest resident set of the plugin's process in bytes, or of a plugin that it ran; nil of a step that is no process. AtMost
	// stands in its place where no more is known than that it was not larger.
	MaxRSS *int64 `json:"max_rss_bytes,omitempty"`
	AtMost *int64 `json:"max_rss_at_most_bytes,omitempty"`
}

// AttachNS is network.latency: from the first step of attaching to the end of the last, where all were made.
func (n *Attachment) AttachNS() (ns int64, ok bool) {
	if n == nil || len(n.Steps) < attachSteps || len(n.Addresses) == 0 {
		return 0, false
	}
	for i, s := range n.Steps[:attachSteps] {
		if s.Step != networkSteps[i] {
			return 0, false
		}
	}
	last := n.Steps[attachSteps-1]
	return last.StartNS + last.TookNS - n.Steps[0].StartNS, true
}

// PluginPeak is network.memory.peak: of the plugin that had the most memory while the container was attached. There is none where any
// plugin's is known as a bound alone: that one may have had the most.
func (n *Attachment) PluginPeak() (bytes int64, ok bool) {
	if _, attached := n.AttachNS(); !attached {
		return 0, false
	}
	for _, s := range n.Steps[:attachSteps] {
		if s.AtMost != nil {
			return 0, false
		}
		if s.MaxRSS != nil {
			bytes, ok = max(bytes, *s.MaxRSS), true
		}
	}
	return bytes, ok
}

// checkAttachment refuses what no run writes.
func (r *Record) checkAttachment() error {
	n := r.Attachment
	if n == nil {
		return nil
	}
	if !r.Trial.Network {
		return fmt.Errorf("trial %d: a network of a trial that asks for none", r.Index)
	}
	if n.Name == "" || !isText(n.Name) || len(n.Addresses) > MaxAddresses || len(n.Steps) > MaxNetworkSteps {
		return fmt.Errorf("trial %d: a network named %.60q with %d addresses and %d steps", r.Index, n.Name, len(n.Addresses), len(n.Steps))
	}
	for _, a := range n.Addresses {
		if p, err := netip.ParsePrefix(a); err != nil || p.String() != a {
			return fmt.Errorf("trial %d: %.60q is no address with the length of a prefix", r.Index, a)
		}
	}
	for _, s := range n.Steps {
		if err := s.check(); err != nil {
			return fmt.Errorf("trial %d: network: %w", r.Index, err)
		}
	}
	return nil
}

func (s NetworkStep) check() error {
	if !slices.Contains(networkSteps, s.Step) {
		return fmt.Errorf("%.60q is no step", s.Step)
	}
	for _, n := range []*int64{&s.StartNS, &s.TookNS, s.MaxRSS, s.AtMost} {
		if n != nil && *n < 0 {
			return fmt.Errorf("%s: %d is below nothing", s.Step, *n)
		}
	}
	return nil
}
