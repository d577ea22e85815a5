package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"
	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/pool/lease"
)

// Network is one bridge and its subnets. Containers may be attached and detached by several goroutines at a time.
type Network struct {
	Name    string
	Subnets []netip.Prefix // one a pool, in the order of the pools
	Steps   []Step         // of making it

	config   Config
	launcher string
	lock     *os.File
	bridge   *libcni.NetworkConfigList
	loopback *libcni.NetworkConfigList
}

// Missing names the plugins that are not there.
func Missing(plugins string) []string {
	var missing []string
	for _, name := range Plugins {
		if unix.Access(filepath.Join(orDefault(plugins), name), unix.X_OK) != nil {
			missing = append(missing, name)
		}
	}
	return missing
}

func orDefault(plugins string) string {
	if plugins == "" {
		return DefaultPlugins
	}
	return plugins
}

// Make leases a subnet of each pool. The bridge is made by the plugin, with the first container.
// What it made before it failed, it removes.
func Make(c Config) (n *Network, err error) {
	c.Plugins = orDefault(c.Plugins)
	if missing := Missing(c.Plugins); len(missing) > 0 {
		return nil, fmt.Errorf("network: no CNI plugins %v in %s: install containernetworking-plugins, or name their directory", missing, c.Plugins)
	}
	n = &Network{Name: newName(), config: c}
	if err := c.Intend(n.Name); err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Remove())
		}
	}()
	if err := n.makeDir(); err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	start := c.Now()
	if err := n.leaseSubnets(); err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	n.Steps = []Step{{Name: LeaseSubnets, StartNS: start, EndNS: c.Now()}}
	return n, n.configure()
}

// makeDir makes the network's directory and takes its lock, which lasts as long as this process or any plugin of it.
func (n *Network) makeDir() error {
	dir := networkDir(n.config.Base, n.Name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	n.lock = lock
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil || len(launcher) == 0 {
		return err
	}
	n.launcher = filepath.Join(dir, "launch")
	return writeLauncher(n.launcher)
}

func (n *Network) leaseSubnets() error {
	for _, p := range n.config.Pools {
		a, err := lease.Open(poolsDir(n.config.Base), p)
		if err != nil {
			return err
		}
		l, err := a.Next(n.Name)
		if err != nil {
			return err
		}
		n.Subnets = append(n.Subnets, l.Subnet)
	}
	return nil
}

func (n *Network) configure() error {
	bridge, err := bridgeConfig(n.config.Base, n.Name, n.Subnets)
	if err != nil {
		return fmt.Errorf("network: %w", err)
	}
	loopback, err := loopbackConfig(n.Name)
	if err != nil {
		return fmt.Errorf("network: %w", err)
	}
	if n.bridge, err = libcni.ConfListFromBytes(bridge); err != nil {
		return fmt.Errorf("network: %w", err)
	}
	if n.loopback, err = libcni.ConfListFromBytes(loopback); err != nil {
		return fmt.Errorf("network: %w", err)
	}
	return nil
}

// cni is libcni for one call, and what it starts.
func (n *Network) cni() (*libcni.CNIConfig, *runner) {
	r := &runner{now: n.config.Now, launcher: n.launcher, lock: n.lock}
	return libcni.NewCNIConfigWithCacheDir([]string{n.config.Plugins}, filepath.Join(networkDir(n.config.Base, n.Name), "cni"), r), r
}

// Attach makes a container's network namespace and gives it addresses. What it made before it failed stays for
// Detach, which the caller calls in any case.
func (n *Network) Attach(ctx context.Context, container string) (a Attachment, err error) {
	if !containerPattern.MatchString(container) {
		return a, fmt.Errorf("attach: %q is no name for a container", container)
	}
	a = Attachment{Container: container, NetNS: netnsPath(n.Name, container)}
	cni, run := n.cni()
	defer func() { a.Steps = run.steps }()
	start := n.config.Now()
	if err := makeNetNS(a.NetNS); err != nil {
		return a, fmt.Errorf("attach %s: %w", container, err)
	}
	run.steps = append(run.steps, Step{Name: MakeNetNS, StartNS: start, EndNS: n.config.Now()})
	if _, err := cni.AddNetworkList(ctx, n.loopback, runtimeConf(a, "lo")); err != nil {
		return a, fmt.Errorf("attach %s: %w", container, err)
	}
	result, err := cni.AddNetworkList(ctx, n.bridge, runtimeConf(a, ifName))
	if err != nil {
		return a, fmt.Errorf("attach %s: %w", container, err)
	}
	if a.Addresses, err = addresses(result); err != nil {
		return a, err
	}
	a.Veth, err = vethOf(result, n.Name)
	return a, err
}

// vethOf is the one interface of a result that is on the host and is not the bridge.
func vethOf(result types.Result, bridge string) (string, error) {
	r, err := types100.NewResultFromResult(result)
	if err != nil {
		return "", fmt.Errorf("attach: %w", err)
	}
	for _, i := range r.Interfaces {
		if i != nil && i.Sandbox == "" && i.Name != bridge {
			return i.Name, nil
		}
	}
	return "", nil
}

// NetNS is where a container's namespace is, or will be: the path to give the runtime.
func (n *Network) NetNS(container string) string { return netnsPath(n.Name, container) }

func runtimeConf(a Attachment, ifName string) *libcni.RuntimeConf {
	return &libcni.RuntimeConf{ContainerID: a.Container, NetNS: a.NetNS, IfName: ifName}
}

func addresses(result types.Result) ([]netip.Prefix, error) {
	r, err := types100.NewResultFromResult(result)
	if err != nil {
		return nil, fmt.Errorf("attach: %w", err)
	}
	var out []netip.Prefix
	for _, ip := range r.IPs {
		if ip == nil {
			return nil, errors.New("attach: the plugin's result has an address that is null")
		}
		p := prefixOf(ip.Address)
		if !p.IsValid() {
			return nil, fmt.Errorf("attach: the plugin's result has %s, which is no address with the length of a prefix", ip.Address.String())
		}
		out = append(out, p)
	}
	return out, nil
}

func prefixOf(n net.IPNet) netip.Prefix {
	addr, _ := netip.AddrFromSlice(n.IP) // which a plugin's result has been parsed into
	ones, _ := n.Mask.Size()
	return netip.PrefixFrom(addr.Unmap(), ones)
}

// Detach frees a container's addresses and removes its interface and its namespace. It does so in whatever state the container
// is: running, stopped, deleted, or never attached; twice is once.
func (n *Network) Detach(ctx context.Context, container string) (steps []Step, err error) {
	a := Attachment{Container: container, NetNS: netnsPath(n.Name, container)}
	path := a.NetNS
	if !isNetNS(path) {
		// Its interface has gone with it. The plugins are not given what they cannot
		// enter: they free the address and leave it at that.
		a.NetNS = ""
	}
	cni, run := n.cni()
	err = errors.Join(cni.DelNetworkList(ctx, n.bridge, runtimeConf(a, ifName)), cni.DelNetworkList(ctx, n.loopback, runtimeConf(a, "lo")))
	start := n.config.Now()
	err = errors.Join(err, removeNetNS(path))
	steps = append(run.steps, Step{Name: RemoveNetNS, StartNS: start, EndNS: n.config.Now()})
	if err != nil {
		return steps, fmt.Errorf("detach %s: %w", container, err)
	}
	return steps, nil
}

// Remove ends the network with whatever is attached to it. The subnets go back to their pools last of all.
func (n *Network) Remove() error {
	err := remove(n.config.Base, n.Name)
	if n.lock != nil {
		err = errors.Join(err, n.lock.Close())
	}
	return err
}
