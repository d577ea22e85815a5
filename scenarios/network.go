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
	if n := len(s.Network.Pools); n < 1 || n > maxNetworkPools {
		return &flaw{"network.pools", fmt.Sprintf("network.pools: %d pools", n), fmt.Sprintf("write 1 to %d, such as {base: \"fd0d:0ce5::/48\", size: 64}", maxNetworkPools)}
	}
	pools, wrong := pool.Make(s.Network.Pools)
	if wrong != nil {
		at := fmt.Sprintf("network.pools[%d]", wrong.Index)
		return &flaw{at + "." + wrong.Key, at + ": " + wrong.Wrong, wrong.Right}
	}
	for i, p := range pools {
		if need := s.atOnce(); p.Room() < need {
			return &flaw{fmt.Sprintf("network.pools[%d].size", i), fmt.Sprintf("network.pools[%d]: a subnet of %s has addresses for %d containers, and %d are started at once", i, p, p.Room(), need),
				"write a smaller size, which is a larger subnet"}
		}
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

// unconnectedFlaw keeps metrics of networks from what has none.
func (s Scenario) unconnectedFlaw() *flaw {
	for i, name := range s.Judge {
		if name == NetworkLatency || name == NetworkMemoryPeak {
			return &flaw{fmt.Sprintf("judge[%d]", i), "metric " + name + " without a network", `add a network, as in network: {pools: [{base: "fd0d:0ce5::/48", size: 64}]}`}
		}
	}
	return nil
}

// atOnce is how many containers have an address at the same time.
func (s Scenario) atOnce() int64 {
	if s.Concurrent {
		return int64(s.Containers)
	}
	return 1
}
