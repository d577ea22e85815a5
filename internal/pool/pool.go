package pool

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"net/netip"
)

// Limits of the advice and of the arithmetic.
const (
	// MaxBits is log2 of the most subnets a pool should have: size - base. Whoever lists
	// the subnets of such a pool needs about a gigabyte.
	MaxBits = 24
	// MinIPv6Size leaves an IPv6 subnet 2^64 addresses, as many as an allocator with a
	// 64-bit number for each can tell apart.
	MinIPv6Size = 64
	// MinHostBits leave a container an address: beside the network's own there are the
	// gateway's and, with IPv4, the one for all.
	MinHostBits = 2

	// countable is log2 of the most subnets that a uint64 can name.
	countable = 64
)

// Pool is a range of addresses that subnets of one size are cut from. The zero value
// is none; [New] and [Parse] make them.
type Pool struct {
	base netip.Prefix
	size int
}

// New returns the pool of a base such as 10.0.0.0/8 and the length of its subnets'
// prefix. It refuses what is no pool; whether it is a wise one, [Pool.Check] says.
func New(base string, size int) (Pool, error) {
	p, err := newPool(base, size)
	if err != nil {
		return Pool{}, err.Error
	}
	return p, nil
}

// flaw is an error and the key that is to blame.
type flaw struct {
	*Error
	key string
}

const (
	keyBase = "base"
	keySize = "size"
)

func newPool(base string, size int) (Pool, *flaw) {
	prefix, err := parseBase(base)
	if err != nil {
		return Pool{}, &flaw{err, keyBase}
	}
	p := Pool{prefix, size}
	switch all := prefix.Addr().BitLen(); {
	case size < prefix.Bits():
		return Pool{}, &flaw{wrong(fmt.Sprintf("size %d is a larger network than the base %s", size, prefix),
			fmt.Sprintf("write a size from %d to %d", prefix.Bits(), all-MinHostBits)), keySize}
	case size > all:
		return Pool{}, &flaw{wrong(fmt.Sprintf("size %d is more than the %d bits of an address", size, all), p.advice()), keySize}
	}
	return p, nil
}

func parseBase(text string) (netip.Prefix, *Error) {
	const right = "write an address and a prefix's length, such as 10.0.0.0/8 or fd0d:0ce5::/48"
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return netip.Prefix{}, wrong("base "+quoted(text)+" is no prefix", right)
	case prefix.Addr().Is4In6():
		return netip.Prefix{}, wrong("base "+quoted(text)+" is an IPv4 address written as IPv6", "write it as IPv4")
	case prefix != prefix.Masked():
		return netip.Prefix{}, wrong(fmt.Sprintf("base %s has bits beyond its /%d", quoted(text), prefix.Bits()),
			fmt.Sprintf("write %s", prefix.Masked()))
	}
	return prefix, nil
}

func wrong(what, right string) *Error { return &Error{Wrong: what, Right: right} }

// Base is the range that the subnets are cut from.
func (p Pool) Base() netip.Prefix { return p.base }

// Size is the length of a subnet's prefix.
func (p Pool) Size() int { return p.size }

// Is6 tells whether it is an IPv6 pool.
func (p Pool) Is6() bool { return p.base.Addr().Is6() }

// String is the pool as Docker writes it.
func (p Pool) String() string { return fmt.Sprintf(`{"base":%q,"size":%d}`, p.base, p.size) }

// Bits is log2 of the number of subnets.
func (p Pool) Bits() int { return p.size - p.base.Bits() }

// Subnets is how many there are, to be printed.
func (p Pool) Subnets() *big.Int { return power(p.Bits()) }

func power(n int) *big.Int { return new(big.Int).Lsh(big.NewInt(1), uint(n)) }

// Last is the number of the last subnet, the first being 0. Of more than 2^64
// subnets only the first 2^64 have a number.
func (p Pool) Last() uint64 { return 1<<min(p.Bits(), countable) - 1 }

// At computes a subnet by its number. It panics on one beyond [Pool.Last], as an
// index beyond a slice does.
func (p Pool) At(i uint64) netip.Prefix {
	if i > p.Last() {
		panic(fmt.Sprintf("pool: subnet %d of %s, whose last is %d", i, p, p.Last()))
	}
	addr := p.base.Addr()
	shift := addr.BitLen() - p.size
	if addr.Is4() {
		a := addr.As4()
		// size 32 and base 0 apart, the number fits by the check above.
		binary.BigEndian.PutUint32(a[:], binary.BigEndian.Uint32(a[:])|uint32(i<<shift))
		return netip.PrefixFrom(netip.AddrFrom4(a), p.size)
	}
	a := addr.As16()
	hi, lo := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])
	over, low := shiftLeft(i, shift)
	binary.BigEndian.PutUint64(a[:8], hi|over)
	binary.BigEndian.PutUint64(a[8:], lo|low)
	return netip.PrefixFrom(netip.AddrFrom16(a), p.size)
}

// shiftLeft is i * 2^n as 128 bits. In Go a shift by 64 or more gives 0.
func shiftLeft(i uint64, n int) (hi, lo uint64) {
	if n >= 64 {
		return i << (n - 64), 0
	}
	return i >> (64 - n), i << n
}

// Index is the number of a subnet of this pool.
func (p Pool) Index(subnet netip.Prefix) (i uint64, ours bool) {
	if subnet.Bits() != p.size || subnet != subnet.Masked() || !p.base.Contains(subnet.Addr()) {
		return 0, false
	}
	addr := subnet.Addr().As16()
	hi, lo := binary.BigEndian.Uint64(addr[:8]), binary.BigEndian.Uint64(addr[8:])
	shift := p.base.Addr().BitLen() - p.size
	if shift >= 64 {
		i = hi >> (shift - 64)
	} else {
		i = lo>>shift | hi<<(64-shift)
	}
	i &= p.Last()
	return i, p.At(i) == subnet // more than 2^64 subnets: some have no number
}

// Overlaps tells whether an address is in both.
func (p Pool) Overlaps(other Pool) bool { return p.base.Overlaps(other.base) }

// Check says why nobody should be given this pool: its error is one line, with the number of
// subnets and a size that works. Subnets are computed here, not listed, so that a pool
// against the advice costs nothing but is refused all the same: whatever else is
// configured with it may list them.
func (p Pool) Check() error {
	if e := p.flaw(); e != nil {
		return e
	}
	return nil
}

func (p Pool) flaw() *Error {
	switch {
	case p.Bits() > MaxBits:
		return wrong(fmt.Sprintf("%s would be %s subnets, more than %s (size - base is %d, at most %d is advised)",
			p, p.Subnets(), power(MaxBits), p.Bits(), MaxBits), p.advice())
	case p.Is6() && p.size < MinIPv6Size:
		return wrong(fmt.Sprintf("%s gives %s subnets of more than 2^64 addresses (an IPv6 size of at least %d is advised)",
			p, p.Subnets(), MinIPv6Size), p.advice())
	case p.hostBits() < MinHostBits:
		return wrong(fmt.Sprintf("%s gives %s subnets of %d addresses, which leave none for a container", p, p.Subnets(), 1<<p.hostBits()), p.advice())
	}
	return nil
}

func (p Pool) hostBits() int { return p.base.Addr().BitLen() - p.size }

// advice names a size that Check accepts for this base, or a base where there is none.
func (p Pool) advice() string {
	size, works := Advise(p.base)
	if works {
		return fmt.Sprintf("write a size of %d, which gives %s", size, power(size-p.base.Bits()))
	}
	if p.base.Bits() > p.base.Addr().BitLen()-MinHostBits {
		return fmt.Sprintf("no size works with a base of /%d: write a shorter one", p.base.Bits())
	}
	const base = MinIPv6Size - MaxBits
	return fmt.Sprintf("no size works with a base of /%d: write a base of /%d or longer with a size of %d", p.base.Bits(), base, MinIPv6Size)
}

// Advise returns the size to give a base: 64 for IPv6 and 24 for IPv4, or as near to it as works.
func Advise(base netip.Prefix) (size int, works bool) {
	least, best, most := base.Bits(), 24, base.Addr().BitLen()-MinHostBits
	if base.Addr().Is6() {
		least, best = max(least, MinIPv6Size), MinIPv6Size
	}
	most = min(most, base.Bits()+MaxBits)
	return min(max(best, least), most), least <= most
}

// CheckAll checks each pool, and that no two have an address in common.
func CheckAll(pools []Pool) error {
	if i, e := flawOf(pools); e != nil {
		e.Wrong = fmt.Sprintf("pools[%d]: %s", i, e.Wrong)
		return e
	}
	return nil
}

func flawOf(pools []Pool) (int, *Error) {
	for i, p := range pools {
		if e := p.flaw(); e != nil {
			return i, e
		}
		for j, before := range pools[:i] {
			if p.Overlaps(before) {
				return i, wrong(fmt.Sprintf("base %s overlaps that of pools[%d], %s", p.base, j, before.base), "write bases that have no address in common")
			}
		}
	}
	return 0, nil
}
