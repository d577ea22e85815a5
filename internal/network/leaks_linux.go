package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/pool/lease"
)

// Leaks lists all that is there of any network: of a live one too, so that a caller who has one asks for its name. What is made by base's
// processes is on disk below base; what the kernel has is known by its name, whoever made it.
func Leaks(base string) ([]Leak, error) {
	var all []Leak
	for _, list := range []func(string) ([]Leak, error){links, namespaces, addressLeases, subnetLeases, directories} {
		some, err := list(base)
		if err != nil {
			return nil, fmt.Errorf("leaks: %w", err)
		}
		all = append(all, some...)
	}
	return all, nil
}

// LeaksOf lists what there is of one container in any network: its namespace and its addresses. That its veth is gone follows from the
// former: the kernel removes it with either end's namespace.
func LeaksOf(base, container string) ([]Leak, error) {
	spaces, err := namespaces(base)
	if err != nil {
		return nil, fmt.Errorf("leaks of %s: %w", container, err)
	}
	addresses, err := addressLeases(base)
	if err != nil {
		return nil, fmt.Errorf("leaks of %s: %w", container, err)
	}
	return slices.DeleteFunc(append(spaces, addresses...), func(l Leak) bool { return l.Container != container }), nil
}

// LeaksOf is the function of that name for a container that was attached here, or was to be, and knows its veth besides. Where attaching
// failed, addresses of the network that name no container are listed too, as what they are: they are of one whose attaching failed. Of two at
// a time, whoever asks first has both.
func (n *Network) LeaksOf(a Attachment) ([]Leak, error) {
	all, err := LeaksOf(n.config.Base, a.Container)
	if err != nil {
		return nil, err
	}
	if len(a.Addresses) == 0 {
		nameless, err := n.nameless()
		if err != nil {
			return nil, fmt.Errorf("leaks of %s: %w", a.Container, err)
		}
		all = append(all, nameless...)
	}
	if a.Veth == "" {
		return all, err
	}
	plugged, err := links("")
	if err != nil {
		return nil, fmt.Errorf("leaks of %s: %w", a.Container, err)
	}
	for _, l := range plugged {
		if l.Kind == Veth && l.Name == a.Veth && l.Network == n.Name {
			l.Container = a.Container
			all = append(all, l)
		}
	}
	return all, nil
}

// Free frees what LeaksOf lists, without any plugin: nobody else may be attaching or detaching that container.
func Free(base string, leaks []Leak) (err error) {
	for _, l := range leaks {
		switch l.Kind {
		case NetNS:
			err = errors.Join(err, removeNetNS(l.Name))
		case AddressLease:
			err = errors.Join(err, freeAddress(base, l))
		case Veth:
			err = errors.Join(err, removeLink(l.Name))
		default:
			err = errors.Join(err, fmt.Errorf("free %s: it goes with its network", l))
		}
	}
	return err
}

// freeAddress removes one file of host-local's. The names that it gives its files are addresses, so that this leads nowhere else.
func freeAddress(base string, l Leak) error {
	if _, err := netip.ParseAddr(l.Name); err != nil || !namePattern.MatchString(l.Network) {
		return fmt.Errorf("free %s of %q: no address of ours", l, l.Network)
	}
	if err := os.Remove(filepath.Join(addressesDir(base, l.Network), l.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("free %s: %w", l, err)
	}
	return nil
}

// links are the bridges and what is plugged into them.
func links(string) ([]Leak, error) {
	all, err := listLinks()
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	bridges := map[int]string{}
	for _, l := range all {
		if l.Type() == "bridge" && namePattern.MatchString(l.Attrs().Name) {
			bridges[l.Attrs().Index] = l.Attrs().Name
		}
	}
	var veths, out []Leak
	for _, l := range all {
		if name := bridges[l.Attrs().MasterIndex]; name != "" {
			veths = append(veths, Leak{Kind: Veth, Name: l.Attrs().Name, Network: name})
		} else if name := bridges[l.Attrs().Index]; name != "" {
			out = append(out, Leak{Kind: Bridge, Name: name, Network: name})
		}
	}
	return append(veths, out...), nil
}

// listLinks asks again where the list changed while it was read.
func listLinks() (all []netlink.Link, err error) {
	const tries = 10
	for range tries {
		if all, err = netlink.LinkList(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return all, err
		}
	}
	return all, err
}

func namespaces(string) ([]Leak, error) {
	files, err := entries(netnsDir)
	var out []Leak
	for _, f := range files {
		if name, container, ours := networkOf(f); ours {
			out = append(out, Leak{NetNS, filepath.Join(netnsDir, f), name, container})
		}
	}
	return out, err
}

func addressLeases(base string) ([]Leak, error) {
	networks, err := entries(networksDir(base))
	var out []Leak
	for _, name := range networks {
		files, lerr := entries(addressesDir(base, name))
		err = errors.Join(err, lerr)
		for _, f := range files {
			if _, perr := netip.ParseAddr(f); perr != nil {
				continue // its lock, or where it was last
			}
			switch container, herr := holder(filepath.Join(addressesDir(base, name), f)); {
			case errors.Is(herr, fs.ErrNotExist): // freed meanwhile
			case herr != nil:
				err = errors.Join(err, herr)
			default:
				out = append(out, Leak{AddressLease, f, name, container})
			}
		}
	}
	return out, err
}

// nameless are the addresses of the network whose files name no container. host-local makes a file before it writes to it: what it was killed in
// between stays empty, and no DEL finds it. It has its store's lock meanwhile, so that no file is empty for a moment only while we have that.
func (n *Network) nameless() ([]Leak, error) {
	if some, err := n.namelessNow(); err != nil || len(some) == 0 {
		return nil, err
	}
	lock, err := lockWithin(context.Background(), filepath.Join(addressesDir(n.config.Base, n.Name), storeLock))
	if err != nil {
		return nil, err
	}
	some, err := n.namelessNow()
	err = errors.Join(err, lock.close())
	if len(some) > 0 && !lock.held {
		err = errors.Join(err, fmt.Errorf("whose %s is cannot be told: a plugin does not let go of %s", some[0], storeLock))
	}
	return some, err
}

func (n *Network) namelessNow() ([]Leak, error) {
	all, err := addressLeases(n.config.Base)
	return slices.DeleteFunc(all, func(l Leak) bool { return l.Network != n.Name || l.Container != "" }), err
}

// holder reads whose an address is in host-local's own file; empty where it does not say.
func holder(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read from
	const longest = 1 << 10
	data, err := io.ReadAll(io.LimitReader(f, longest))
	if err != nil {
		return "", err
	}
	return parseHolder(data), nil
}

// parseHolder takes the container from what host-local writes: CONTAINER, CR LF, INTERFACE.
func parseHolder(data []byte) string {
	container, _, _ := strings.Cut(string(data), "\r\n")
	if !containerPattern.MatchString(container) {
		return ""
	}
	return container
}

func subnetLeases(base string) ([]Leak, error) {
	var out []Leak
	for l, err := range lease.Leases(poolsDir(base)) {
		if err != nil {
			return out, err
		}
		if namePattern.MatchString(l.Owner) {
			out = append(out, Leak{Kind: SubnetLease, Name: l.Subnet.String(), Network: l.Owner})
		}
	}
	return out, nil
}

func directories(base string) ([]Leak, error) {
	names, err := entries(networksDir(base))
	var out []Leak
	for _, name := range names {
		if namePattern.MatchString(name) {
			out = append(out, Leak{Kind: Directory, Name: networkDir(base, name), Network: name})
		}
	}
	return out, err
}

// entries are the names in a directory, none where there is no such directory.
func entries(dir string) ([]string, error) {
	list, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	names := make([]string, 0, len(list))
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names, nil
}

// Clean removes all networks there are, and returns what it found of them. Call it when no run is under way. It
// waits for nobody but for a plugin that outlives the process which started it.
func Clean(ctx context.Context, base string) ([]Leak, error) {
	found, err := Leaks(base)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, l := range found {
		names = append(names, l.Network)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		err = errors.Join(err, removeDead(ctx, base, name))
	}
	return found, err
}

// CleanOne does so with the network of a name, such as one that a journal has.
func CleanOne(ctx context.Context, base, name string) error {
	if !namePattern.MatchString(name) {
		return fmt.Errorf("remove network %.60q: no name of ours", name)
	}
	return removeDead(ctx, base, name)
}

// removeDead first takes the lock of a network whose process is dead. As long as a plugin of its lives, that one
// has the lock with the descriptor it inherited, and could go on making what is being removed. What has hung for longer is not waited for.
func removeDead(ctx context.Context, base, name string) error {
	lock, err := lockWithin(ctx, filepath.Join(networkDir(base, name), lockFile))
	if err != nil {
		return fmt.Errorf("remove network %s: %w", name, err)
	}
	return errors.Join(remove(base, name), lock.close())
}

const (
	lockFile  = "lock" // of a network
	storeLock = "lock" // of host-local's addresses in it
)

// locked is an open file, if there was one, and whether its lock was had in time.
type locked struct {
	file *os.File
	held bool
}

func (l locked) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// lockWithin waits for the lock of a file that plugins have while they work. They take milliseconds, or a second under emulation.
func lockWithin(ctx context.Context, path string) (locked, error) {
	const longest, again = 10 * time.Second, 5 * time.Millisecond
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return locked{}, nil
	}
	if err != nil {
		return locked{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil || ctx.Err() != nil {
			return locked{file, err == nil}, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return locked{}, errors.Join(err, file.Close())
		}
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
}

// remove removes what there is of a network: links first, or the kernel would, later, with their namespaces; the lease of
// the subnet when nothing has an address of it any more.
func remove(base, name string) error {
	err := errors.Join(removeLinks(name), removeNamespaces(name))
	if err == nil {
		_, err = lease.FreeOwner(poolsDir(base), name)
	}
	if err == nil {
		err = os.RemoveAll(networkDir(base, name))
	}
	if err != nil {
		return fmt.Errorf("remove network %s: %w", name, err)
	}
	return nil
}

func removeLinks(name string) error {
	all, err := links("")
	for _, l := range all {
		if l.Network == name {
			err = errors.Join(err, removeLink(l.Name))
		}
	}
	return err
}

func removeLink(name string) error {
	l, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkDel(l)
	}
	var none netlink.LinkNotFoundError
	if errors.As(err, &none) || errors.Is(err, unix.ENODEV) {
		return nil // it went with its namespace
	}
	if err != nil {
		return fmt.Errorf("remove link %s: %w", name, err)
	}
	return nil
}

func removeNamespaces(name string) error {
	all, err := namespaces("")
	for _, l := range all {
		if l.Network == name {
			err = errors.Join(err, removeNetNS(l.Name))
		}
	}
	return err
}
