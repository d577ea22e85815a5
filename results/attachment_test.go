package results_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// connected is a trial with a network.
func connected() results.Record {
	return results.Record{
		Kind: "trial", Schema: 1, Runtime: candidate, Environment: "0123456789ab",
		Trial:   scenarios.Trial{Index: 5, Scenario: "network", Arm: "candidate", Driver: cgroupjoin.Cgroupfs, Order: sequence.Natural, BatchSize: 1, Network: true},
		Outcome: results.Started, StartNS: 500, Latency: started, ExitCode: new(int),
		Attachment: &results.Attachment{
			Name: "ib0123abcd", Addresses: []string{"10.88.0.2/24", "fd0d:ce5::2/64"},
			Steps: []results.NetworkStep{
				{Step: "make-netns", StartNS: 100, TookNS: 10}, {Step: "add-loopback", StartNS: 120, TookNS: 30, MaxRSS: ptr(8 << 20)},
				{Step: "add-bridge", StartNS: 160, TookNS: 90, MaxRSS: ptr(9 << 20)}, {Step: "del-bridge", StartNS: 900, TookNS: 1, MaxRSS: ptr(10 << 20)},
			},
		},
	}
}

// Catches a step that is lost between two, memory of detaching that is taken for attaching's, and a latency of half an attachment.
func TestAttachmentFigures(t *testing.T) {
	n := connected().Attachment
	if ns, ok := n.AttachNS(); !ok || ns != 150 {
		t.Errorf("AttachNS: %d, %v; want the 150 ns from 100 to 250", ns, ok)
	}
	if bytes, ok := n.PluginPeak(); !ok || bytes != 9<<20 {
		t.Errorf("PluginPeak: %d, %v; want the bridge's 9 MiB", bytes, ok)
	}
	half := *n
	half.Steps, half.Addresses = n.Steps[:2], nil
	for name, n := range map[string]*results.Attachment{"half": &half, "none": nil} {
		if ns, ok := n.AttachNS(); ok {
			t.Errorf("%s: AttachNS is %d", name, ns)
		}
		if bytes, ok := n.PluginPeak(); ok {
			t.Errorf("%s: PluginPeak is %d", name, bytes)
		}
	}
}

// Catches a plugin's peak that is claimed to be the largest while of another one no more is known than a bound.
func TestPluginPeakOfABound(t *testing.T) {
	n := connected().Attachment
	n.Steps[2].MaxRSS, n.Steps[2].AtMost = nil, ptr(90<<20)
	if bytes, ok := n.PluginPeak(); ok {
		t.Errorf("PluginPeak is %d, the loopback's; the bridge's is not known", bytes)
	}
	n = connected().Attachment
	n.Steps[3].MaxRSS, n.Steps[3].AtMost = nil, ptr(90<<20)
	if bytes, ok := n.PluginPeak(); !ok || bytes != 9<<20 {
		t.Errorf("PluginPeak: %d, %v; the one bound is of detaching", bytes, ok)
	}
}

// Catches a network that does not come back as it was stored, and one that no run writes and that is read all the same.
func TestAttachmentIsStrict(t *testing.T) {
	good := string(mustMarshal(t, connected()))
	line, err := results.DecodeLine([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(connected(), *line.Record); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for old, spoiled := range map[string]string{
		`"network":true,`:     ``,
		`"step":"make-netns"`: `"step":"make-tea"`,
		`"10.88.0.2/24"`:      `"10.88.0.2"`,
		`"fd0d:ce5::2/64"`:    `"fd0d:0ce5::2/64"`,
		`"took_ns":90`:        `"took_ns":-90`,
		`"name":"ib0123abcd"`: `"name":"ib\u001b[2J"`,
		`"addresses":["10.88`: `"addresses":["1/2","2/2","3/2","4/2","5/2","6/2","7/2","8/2","10.88`,
	} {
		text := strings.Replace(good, old, spoiled, 1)
		if text == good {
			t.Fatalf("%s is not in the record", old)
		}
		if _, err := results.DecodeLine([]byte(text)); err == nil {
			t.Errorf("%s is read", spoiled)
		}
	}
}
