package lease

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"

	"github.com/initbench/initbench/internal/pool"
)

// Lease is a subnet that somebody has.
type Lease struct {
	Pool   pool.Pool
	Index  uint64 // the subnet's number in the pool
	Subnet netip.Prefix
	Owner  string
}

// ExhaustedError says that a pool has no subnet left.
type ExhaustedError struct{ Pool pool.Pool }

func (e *ExhaustedError) Error() string {
	return fmt.Sprintf("lease: all %s subnets of %s are taken: free some, or give another pool", e.Pool.Subnets(), e.Pool)
}

// Allocator leases subnets of one pool. Any number of processes may have one for the same
// directory and pool; one is for one goroutine at a time.
type Allocator struct {
	dir  string // of all pools
	pool pool.Pool
	// next is where to look first. It only saves looking again at what this process
	// took: what is taken is on disk.
	next uint64
}

// Open returns an allocator that keeps its leases below dir, and makes what is not there yet.
func Open(dir string, p pool.Pool) (*Allocator, error) {
	a := &Allocator{dir: dir, pool: p}
	if err := os.MkdirAll(a.links(), 0o755); err != nil {
		return nil, fmt.Errorf("lease: %w", err)
	}
	return a, nil
}

// links is the directory of this pool's leases.
func (a *Allocator) links() string { return filepath.Join(a.dir, folder(a.pool)) }

// folder names a pool's directory, from which poolOf reads the pool back: nothing else tells it.
func folder(p pool.Pool) string {
	return fmt.Sprintf("%s-%d-%d", p.Base().Addr(), p.Base().Bits(), p.Size())
}

func poolOf(name string) (p pool.Pool, ours bool) {
	parts := strings.Split(name, "-")
	if len(parts) != 3 {
		return p, false
	}
	size, err := strconv.Atoi(parts[2])
	if err != nil {
		return p, false
	}
	p, err = pool.New(parts[0]+"/"+parts[1], size)
	return p, err == nil && folder(p) == name // or one pool would have two directories
}

// Next leases a subnet that nobody has, nor any address of it in another pool of the
// same directory.
func (a *Allocator) Next(owner string) (l Lease, err error) {
	if !isName(owner) {
		return Lease{}, fmt.Errorf("lease: %q cannot own a lease: use letters, digits, dots and dashes", owner)
	}
	unlock, err := lock(a.dir)
	if err != nil {
		return Lease{}, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	others, err := a.others()
	if err != nil {
		return Lease{}, err
	}
	return a.search(owner, others)
}

// isName keeps owners to what is the same in a path, in a message and in a terminal.
func isName(s string) bool {
	return s != "" && len(s) <= 200 && strings.IndexFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '.')
	}) < 0
}

// search tries the subnets in turn, from the one after the last that was given, once around.
func (a *Allocator) search(owner string, others []Lease) (Lease, error) {
	last := a.pool.Last()
	for i, left := a.next, last; ; {
		subnet := a.pool.At(i)
		skip := covered(a.pool, subnet, others)
		if skip == 0 {
			err := os.Symlink(owner, filepath.Join(a.links(), strconv.FormatUint(i, 10)))
			if err == nil {
				a.next = after(i, 1, last)
				return Lease{a.pool, i, subnet, owner}, nil
			}
			if !errors.Is(err, fs.ErrExist) {
				return Lease{}, fmt.Errorf("lease: %w", err)
			}
			skip = 1
		}
		if left < skip {
			return Lease{}, &ExhaustedError{a.pool}
		}
		left, i = left-skip, after(i, skip, last)
	}
}

// after steps around the end: last + 1 is 2^64 in the largest pools.
func after(i, step, last uint64) uint64 {
	if step > last-i {
		return step - (last - i) - 1
	}
	return i + step
}

// covered is how many subnets from this one on have an address in another pool's lease; 0 where
// this one has none. Without it a lease of another size would be met 2^16 times over, or more.
func covered(p pool.Pool, subnet netip.Prefix, others []Lease) uint64 {
	for _, o := range others {
		if !o.Subnet.Overlaps(subnet) {
			continue
		}
		if o.Subnet.Bits() >= subnet.Bits() {
			return 1
		}
		first, known := p.Index(netip.PrefixFrom(o.Subnet.Addr(), p.Size()))
		at, _ := p.Index(subnet)
		width := p.Size() - o.Subnet.Bits()
		if !known || width >= 64 {
			return math.MaxUint64 // all of this pool lies in it
		}
		return 1<<width - (at - first)
	}
	return 0
}

// others are the leases of other pools that have addresses of this one.
func (a *Allocator) others() ([]Lease, error) {
	var out []Lease
	for l, err := range Leases(a.dir) {
		if err != nil {
			return nil, err
		}
		if l.Pool != a.pool && l.Pool.Overlaps(a.pool) {
			out = append(out, l)
		}
	}
	return out, nil
}

// Free ends a lease. One that is gone already is no error; one that somebody else has by now is.
func (a *Allocator) Free(l Lease) error { return free(a.dir, l) }

func free(dir string, l Lease) (err error) {
	unlock, err := lock(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	link := filepath.Join(dir, folder(l.Pool), strconv.FormatUint(l.Index, 10))
	owner, err := os.Readlink(link)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("lease: %w", err)
	case owner != l.Owner:
		return fmt.Errorf("lease: %s is %s's, not %s's", l.Subnet, owner, l.Owner)
	}
	if err := os.Remove(link); err != nil {
		return fmt.Errorf("lease: %w", err)
	}
	return nil
}

// FreeOwner ends all leases that an owner has in any pool below dir, and returns them.
func FreeOwner(dir, owner string) (freed []Lease, err error) {
	for l, err := range Leases(dir) {
		if err != nil {
			return freed, err
		}
		if l.Owner != owner {
			continue
		}
		if err := free(dir, l); err != nil {
			return freed, err
		}
		freed = append(freed, l)
	}
	return freed, nil
}

// Leases lists the leases of all pools below dir. What is no lease there is passed over: nothing of it
// was made here. A lease that ends meanwhile may be listed or not.
func Leases(dir string) iter.Seq2[Lease, error] {
	return func(yield func(Lease, error) bool) {
		folders, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			yield(Lease{}, fmt.Errorf("lease: %w", err))
			return
		}
		for _, f := range folders {
			if p, ours := poolOf(f.Name()); ours && !leasesOf(dir, p, yield) {
				return
			}
		}
	}
}

func leasesOf(dir string, p pool.Pool, yield func(Lease, error) bool) bool {
	links, err := os.ReadDir(filepath.Join(dir, folder(p)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return yield(Lease{}, fmt.Errorf("lease: %w", err))
	}
	for _, entry := range links {
		i, err := strconv.ParseUint(entry.Name(), 10, 64)
		if err != nil || i > p.Last() {
			continue
		}
		owner, err := os.Readlink(filepath.Join(dir, folder(p), entry.Name()))
		if err == nil && !yield(Lease{p, i, p.At(i), owner}, nil) {
			return false
		}
	}
	return true
}

// lock keeps a search apart from whoever frees. The kernel lets go of it when a
// process ends, whichever way; each call has a descriptor of its own, so that two goroutines exclude each other too.
func lock(dir string) (unlock func() error, err error) {
	l := flock.New(filepath.Join(dir, "lock"))
	if err := l.Lock(); err != nil {
		return nil, fmt.Errorf("lease: lock %s: %w", dir, err)
	}
	return l.Close, nil
}
