package scenarios

import (
	"fmt"

	"github.com/initbench/initbench/internal/pool"
)

// maxNetworkPools are two for each family: an address of each is in every container.
const maxNetworkPools = 4

// Network is what the containers of a scenario are connected to: a bridge, and one subnet of each pool.
type Network struct {
	Pools []pool.Written `json:"pools"`
}

// AddressPools are the pools, which Validate has checked; none of a scenario without a network.
func (n *Network) AddressPools() []pool.Pool {
	if n == nil {
		return nil
	}
	pools, _ := pool.Make(n.Pools) // Validate has said what is wrong with them
	return pools
}

// Text is the pools as they are written on a command line; empty without a network.
func (n *Network) Text() string {
	if n == nil {
		return ""
	}
	return pool.Text(n.Pools)
}

// NetworkOf is that of a scenario by its name; nil where it has none.
func (s Spec) NetworkOf(scenario string) *Network {
	for _, sc := range s.Scenarios {
		if sc.Name == scenario {
			return sc.Network
		}
	}
	return nil
}

func (d *decoder) network(path string, v node) *Network {
	n := &Network{}
	d.mapping(path, "a network", v, []field{
		{"pools", true, func(path string, v node) {
			d.each(path, v, func(p string, item node) { n.Pools = append(n.Pools, d.pool(p, item)) })
		}},
	})
	return n
}

func (d *decoder) pool(path string, v node) (w pool.Written) {
	d.mapping(path, "a pool", v, []field{
		{"base", true, func(path string, v node) { w.Base = d.text(path, v) }},
		{"size", true, func(path string, v node) { w.Size = d.count(path, v) }},
	})
	return w
}

// networkFlaw refuses pools that nobody should have, and what a network makes no sense beside, before anything is made.
func (s Scenario) networkFlaw() *flaw {
	if s.Network == nil {
		return s.unconnectedFlaw()
	}
	if f := s.Network.flaw(s.atOnce()); f != nil {
		return f
	}
	switch {
	case s.Joins != nil:
		return &flaw{"network", "network beside joins", "no container is started there: leave network out"}
	case s.Cycles > 0:
		return &flaw{"network", "network beside cycles", "a session's census is of what the runtime leaves, and the network is not the runtime's: leave network out"}
	case s.Clock != RunsClock:
		return &flaw{"network", "network beside clock", "its steps are timed by the run's clock: leave network out"}
	}
	return nil
}

// Check refuses, as a scenario does, pools that nobody should have, and those that have no addresses for so many containers at once.
func (n *Network) Check(atOnce int64) error {
	if f := n.flaw(atOnce); f != nil {
		return &Error{Wrong: f.wrong, Right: f.right}
	}
	return nil
}

func (n *Network) flaw(atOnce int64) *flaw {
	if n := len(n.Pools); n < 1 || n > maxNetworkPools {
		return &flaw{"network.pools", fmt.Sprintf("network.pools: %d pools", n), fmt.Sprintf("write 1 to %d, such as {base: \"fd0d:0ce5::/48\", size: 64}", maxNetworkPools)}
	}
	pools, wrong := pool.Make(n.Pools)
	if wrong != nil {
		at := fmt.Sprintf("network.pools[%d]", wrong.Index)
		return &flaw{at + "." + wrong.Key, at + ": " + wrong.Wrong, wrong.Right}
	}
	for i, p := range pools {
		if p.Room() < atOnce {
			return &flaw{fmt.Sprintf("network.pools[%d].size", i), fmt.Sprintf("network.pools[%d]: a subnet of %s has addresses for %d containers, and %d are started at once", i, p, p.Room(), atOnce),
				"write a smaller size, which is a larger subnet"}
		}
	}
	return nil
}

// unconnectedFlaw keeps metrics of networks from what has none.
func (s Scenario) unconnectedFlaw() *flaw {
	for i, name := range s.Judge {
		if name == NetworkLatency || name == NetworkMemoryPeak || LeftoverKind(name).OfNetwork() {
			return &flaw{fmt.Sprintf("judge[%d]", i), "metric " + name + " without a network", `add a network, as in network: {pools: [{base: "fd0d:0ce5::/48", size: 64}]}`}
		}
	}
	return nil
}

// atOnce is how many containers have an address at the same time.
func (s Scenario) atOnce() int64 {
	switch {
	case s.Concurrent:
		return int64(s.Containers)
	case s.Lives != nil:
		return LivesAtOnce
	}
	return 1
}
