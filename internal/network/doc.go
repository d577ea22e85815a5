// Package network gives the containers of a run a network: one bridge with a subnet of each address pool, one
// network namespace a container, and addresses of these subnets in it. The work is done by real
// CNI plugins (bridge, host-local, loopback), each a process whose time and memory are recorded as a [Step].
//
// Whatever it makes is named after the network, whose name [Config.Intend] is told before anything is made:
//
//	NAME                        the bridge
//	/run/netns/NAME-CONTAINER   the namespaces
//	BASE/net/NAME               what libcni and host-local keep: results and addresses
//	BASE/pools                  the subnets, leased to NAME (internal/pool/lease)
//
// The ends of veth pairs that stay on the host are named by the plugin; they are known by their bridge.
//
// Freeing waits for no event and trusts no plugin: [Detach] takes a container's address whether its namespace,
// its processes or the runtime's state are still there or not, and [Clean] removes what the kernel and
// the disk list under such names, also where the process that made it was killed between any two steps.
//
// It refuses to change the machine for good: the bridge has no address, nothing is forwarded or masqueraded, so that no
// sysctl and no rule of a firewall would have to be restored. Containers reach each other and nobody else.
//
// internal/runner feeds it, for scenarios that ask for a network.
package network

//go:generate sh ../freestanding/build.sh launch/launch
