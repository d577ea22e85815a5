package network

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"

	"github.com/initbench/initbench/internal/pool"
)

// Kind is the kind of a journal's entry that names a network.
const Kind = "network"

// DefaultPlugins is where Debian's containernetworking-plugins are.
const DefaultPlugins = "/usr/lib/cni"

// Plugins are the programs that a network needs.
var Plugins = []string{"bridge", "host-local", "loopback"}

// Config says what a network is made of.
type Config struct {
	// Base is where state is kept between processes, such as journal.Base().
	Base string
	// Plugins is the directory of the CNI plugins; empty is DefaultPlugins.
	Plugins string
	// Pools give the network one subnet each. They were checked (pool.CheckAll); lazily leased, any size will do.
	Pools []pool.Pool
	// Intend is told the network's name before anything is made: it writes it to the journal.
	Intend func(name string) error
	// Now reads the clock that steps are timed by, in nanoseconds.
	Now func() int64
}

// StepName is what a step does.
type StepName string

// The steps in the order that they occur in. host-local is run by bridge: its time and memory are in those.
const (
	LeaseSubnets StepName = "lease-subnets"
	MakeNetNS    StepName = "make-netns"
	AddLoopback  StepName = "add-loopback"
	AddBridge    StepName = "add-bridge"
	DelBridge    StepName = "del-bridge"
	DelLoopback  StepName = "del-loopback"
	RemoveNetNS  StepName = "remove-netns"
)

// Step is one thing that was done for a container's network.
type Step struct {
	Name           StepName
	StartNS, EndNS int64 // by Config.Now
	// MaxRSSBytes is the largest resident set of the plugin's process, or of one that it waited for (ru_maxrss), in bytes. 0 where
	// the step is no process, and where AtMostBytes is set.
	MaxRSSBytes int64
	// AtMostBytes is set where all that is known is that the plugin's peak was no larger: a child has the memory of whoever forked
	// it until its exec, and the kernel counts that in. A launcher of a few pages (launch/launch.c) forks the plugins where there is one.
	AtMostBytes int64
}

// Attachment is a container's place in the network.
type Attachment struct {
	Container string
	// NetNS is the path to give the runtime, as linux.namespaces[].path.
	NetNS     string
	Addresses []netip.Prefix
	// Veth is the end of its interface that is plugged into the bridge.
	Veth  string
	Steps []Step
}

// Leak is something of a network that is there.
type Leak struct {
	Kind    LeakKind
	Name    string
	Network string
	// Container is whose it is; empty of what all containers of the network share, of a veth, whose name does not say, and of an address
	// whose file was never written: its plugin was killed.
	Container string
}

// String is the kind and the name, as a trial's list of what it left has it.
func (l Leak) String() string {
	if l.Kind == AddressLease && l.Container == "" {
		return fmt.Sprintf("%s %s, which names no container", l.Kind, l.Name)
	}
	return fmt.Sprintf("%s %s", l.Kind, l.Name)
}

// LeakKind is what sort of thing a Leak is.
type LeakKind string

// What networks are made of, in the order to remove it in.
const (
	Veth         LeakKind = "veth"
	Bridge       LeakKind = "bridge"
	NetNS        LeakKind = "netns"
	AddressLease LeakKind = "address-lease" // a file in host-local's own store
	SubnetLease  LeakKind = "subnet-lease"
	Directory    LeakKind = "network-directory"
)

const (
	prefix   = "ib"
	netnsDir = "/run/netns" // as iproute2 has it: ip netns lists them
	// ifName is the container's interface.
	ifName = "eth0"
)

// newName fits an interface's 15 characters and is no other network's, nor, but for chance, anybody's.
func newName() string {
	var b [4]byte
	// crypto/rand.Read never returns an error; it ends the process instead.
	_, _ = rand.Read(b[:])
	return prefix + hex.EncodeToString(b[:])
}

var (
	namePattern      = regexp.MustCompile(`^` + prefix + `[0-9a-f]{8}$`)
	containerPattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$`) // CNI's own
)

// networkOf returns the network that a namespace's file is named after.
func networkOf(netns string) (name, container string, ours bool) {
	const n = len(prefix) + 8
	if len(netns) < n+2 || netns[n] != '-' {
		return "", "", false
	}
	name, container = netns[:n], netns[n+1:]
	return name, container, namePattern.MatchString(name) && containerPattern.MatchString(container)
}

func netnsPath(name, container string) string { return filepath.Join(netnsDir, name+"-"+container) }

func poolsDir(base string) string         { return filepath.Join(base, "pools") }
func networksDir(base string) string      { return filepath.Join(base, "net") }
func networkDir(base, name string) string { return filepath.Join(networksDir(base), name) }
func addressesDir(base, name string) string {
	return filepath.Join(networkDir(base, name), "ipam", name)
}

// cniVersion is what plugins from 1.0 on speak: Debian 12 has 1.1.1.
const cniVersion = "1.0.0"

type pluginList struct {
	CNIVersion string   `json:"cniVersion"`
	Name       string   `json:"name"`
	Plugins    []plugin `json:"plugins"`
}

type plugin struct {
	Type string `json:"type"`
	// Bridge is the bridge's name.
	Bridge string `json:"bridge,omitempty"`
	IPAM   *ipam  `json:"ipam,omitempty"`
}

type ipam struct {
	Type    string     `json:"type"`
	DataDir string     `json:"dataDir"`
	Ranges  [][]subnet `json:"ranges"`
}

type subnet struct {
	Subnet netip.Prefix `json:"subnet"`
}

// bridgeConfig leaves isGateway and ipMasq at their defaults, which are off.
func bridgeConfig(base, name string, subnets []netip.Prefix) ([]byte, error) {
	addresses := &ipam{Type: "host-local", DataDir: filepath.Dir(addressesDir(base, name))}
	for _, s := range subnets {
		addresses.Ranges = append(addresses.Ranges, []subnet{{s}})
	}
	return json.Marshal(pluginList{cniVersion, name, []plugin{{Type: "bridge", Bridge: name, IPAM: addresses}}})
}

func loopbackConfig(name string) ([]byte, error) {
	return json.Marshal(pluginList{cniVersion, name + "-lo", []plugin{{Type: "loopback"}}})
}
