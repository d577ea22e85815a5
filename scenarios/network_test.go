package scenarios

import (
	"strings"
	"testing"

	"github.com/initbench/initbench/internal/pool"
)

const networked = "name: n\ntrials: 1\njudge: [oom.rate]\n"

// Catches a pool that is found out about only when containers are to have its addresses, and a refusal without the place, the number or what works.
func TestNetworksAreRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`network: {pools: [{"base":"fd0d:0ce5::/48","size":80}]}`,
			`f.yaml:4:51: network.pools[0]: {"base":"fd0d:ce5::/48","size":80} would be 4294967296 subnets, more than 16777216 (size - base is 32, at most 24 is advised): write a size of 64, which gives 65536`},
		{"network:\n  pools:\n    - {base: 10.0.0.0/8, size: 24}\n    - {base: 10.1.0.0/16, size: 24}",
			`f.yaml:7:33: network.pools[1]: base 10.1.0.0/16 overlaps that of pools[0], 10.0.0.0/8: write bases that have no address in common`},
		{`network: {pools: [{base: "fd0d::1/48", size: 64}]}`, `f.yaml:4:26: network.pools[0]: base "fd0d::1/48" has bits beyond its /48: write fd0d::/48`},
		{`network: {pools: [{base: 10.0.0.0/8}]}`, `f.yaml:4:19: a pool without size: add size`},
		{`network: {pools: [{base: 10.0.0.0/8, sise: 24}]}`, `f.yaml:4:38: unknown key "sise": did you mean size? else a pool has base, size`},
		{`network: {bridge: br0}`, `f.yaml:4:11: unknown key "bridge": a network has pools`},
		{"containers: 254\nconcurrent: true\nnetwork: {pools: [{base: 10.0.0.0/8, size: 24}]}",
			`f.yaml:6:44: network.pools[0]: a subnet of {"base":"10.0.0.0/8","size":24} has addresses for 253 containers, and 254 are started at once: write a smaller size, which is a larger subnet`},
		{"cycles: 100\nnetwork: {pools: [{base: 10.0.0.0/8, size: 24}]}", "metric oom.rate of a session"},
		{"lifecycle: {length: 2}\nnetwork: {pools: [{base: 10.0.0.0/8, size: 24}]}", "metric oom.rate of lives"},
	} {
		_, err := Parse("f.yaml", []byte(networked+c.text+"\n"))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

// Catches lives that leave leases and judge none, or that judge them without a network, and a subnet too small for those that are lived at once.
func TestLivesWithANetwork(t *testing.T) {
	const lives, connected = "name: n\ntrials: 2\nlifecycle: {length: 2}\n", "network: {pools: [{base: 10.0.0.0/8, size: 24}]}\n"
	for _, c := range []struct {
		text   string
		judged bool
		want   string
	}{
		{lives + connected, true, ""},
		{lives + connected + "judge: [leftover.lease, leftover.veth]\n", true, ""},
		{lives, false, ""},
		{lives + "judge: [leftover.lease]\n", false, "f.yaml:4:9: metric leftover.lease without a network: add a network"},
		{lives + "network: {pools: [{base: 10.0.0.0/8, size: 29}]}\n", false, "has addresses for 5 containers, and 12 are started at once"},
	} {
		s, err := Parse("f.yaml", []byte(c.text))
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s\n got %v\nwant %s", c.text, err, c.want)
			}
			continue
		}
		if err != nil || s.Judges("leftover.lease") != c.judged || s.Judges("leftover.veth") != c.judged || strings.Contains(s.metricWords(), "lease") != c.judged {
			t.Errorf("%s\n%v: judges leases %v, may judge %s", c.text, err, s.Judges("leftover.lease"), s.metricWords())
		}
	}
	n := Network{Pools: []pool.Written{{Base: "10.0.0.0/8", Size: 28}}}
	if err := n.Check(13); err != nil {
		t.Error(err)
	}
	if err := n.Check(14); err == nil || (&Network{}).Check(1) == nil {
		t.Errorf("room for 13: %v; no pools: %v", err, (&Network{}).Check(1))
	}
}

// Catches a scenario whose containers lose their network on the way to the plan, and warm-ups that leave the plugins cold.
func TestNetworksArePlanned(t *testing.T) {
	s, err := Parse("f.yaml", []byte(networked+`network: {pools: [{base: 10.0.0.0/8, size: 24}, {"base":"fd0d:0ce5::/48","size":64}]}`+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	spec, err := NewSpec([]Scenario{s}, gateRuntimes(), 1)
	if err != nil {
		t.Fatal(err)
	}
	trials := 0
	for trial := range spec.Trials() {
		if trials++; !trial.Network {
			t.Errorf("trial %d (warm-up: %v) has no network", trial.Index, trial.Warmup)
		}
	}
	pools := spec.NetworkOf("n").AddressPools()
	want, flaw := pool.Make([]pool.Written{{Base: "10.0.0.0/8", Size: 24}, {Base: "fd0d:ce5::/48", Size: 64}})
	if flaw != nil || trials == 0 || len(pools) != 2 || pools[0] != want[0] || pools[1] != want[1] {
		t.Errorf("%d trials with %v, want %v", trials, pools, want)
	}
	if !s.Timed() || !spec.Connects() || spec.NetworkOf("other") != nil {
		t.Errorf("timed %v, connects %v, another's network %v", s.Timed(), spec.Connects(), spec.NetworkOf("other"))
	}
}

func gateRuntimes() []Runtime {
	return []Runtime{{Name: "baseline", Ref: "a"}, {Name: "candidate", Ref: "b"}}
}

// Catches a network's metric that is judged where there is none.
func TestNetworkMetricsNeedANetwork(t *testing.T) {
	_, err := Parse("f.yaml", []byte("name: n\ntrials: 1\njudge: [start.latency, network.latency]\n"))
	if err == nil || !strings.HasPrefix(err.Error(), "f.yaml:3:24: metric network.latency without a network: ") {
		t.Errorf("%v", err)
	}
}

// Catches cells that are one although their payloads do two things, and an enumeration that the payload does not know.
func TestEnumerations(t *testing.T) {
	s, err := Parse("f.yaml", []byte(networked+"limits: [16MiB]\nenumerate: {bits: [4, 64]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	spec, err := NewSpec([]Scenario{s}, gateRuntimes(), 1)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, slot := range spec.Slots(s) {
		got = append(got, string(slot.Driver)+" "+slot.Enumerate.String())
	}
	const want = "cgroupfs eager 2^4, cgroupfs eager 2^64, cgroupfs lazy 2^4, cgroupfs lazy 2^64, systemd eager 2^4, systemd eager 2^64, systemd lazy 2^4, systemd lazy 2^64"
	if strings.Join(got, ", ") != want {
		t.Errorf("cells %v, want %s", got, want)
	}
	if n, err := spec.Size(); err != nil || n != 2*8+2*2 {
		t.Errorf("%d trials, %v; want 16 measured and 4 to warm up", n, err)
	}
	for trial := range spec.Trials() {
		if trial.Warmup != (trial.Enumerate == Enumeration{}) || !trial.Warmup && trial.Enumerate.RecordBytes != recordBytes {
			t.Errorf("trial %d, warm-up %v, enumerates %+v", trial.Index, trial.Warmup, trial.Enumerate)
		}
	}
	for text, want := range map[string]string{
		"enumerate: {bits: [65]}":                   "f.yaml:4:20: enumerate.bits[0] 65: write 1 to 64",
		"enumerate: {bits: [8, 4]}":                 "f.yaml:4:23: enumerate.bits 4 after 8",
		"enumerate: {bits: [4], how: [slow]}":       `f.yaml:4:30: way "slow": write eager or lazy`,
		"enumerate: {bits: [4], record: 1MiB}":      "f.yaml:4:32: enumerate.record 1048576: write 8 to 4096 bytes",
		"enumerate: {bits: [4]}\nclones: [init]":    "f.yaml:4:12: enumerate beside clones",
		"enumerate: {how: [eager]}":                 "an enumeration without bits",
		"enumerate: {bits: [4]}\nlimits: [1]":       "limit 1",
		"enumerate: {bits: [99999999999999999999]}": "out of range",
	} {
		if _, err := Parse("f.yaml", []byte(networked+text+"\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}
