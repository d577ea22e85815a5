package pool

import (
	"fmt"
	"strings"
)

// Written is a pool as it stands in a file of somebody else's, who reads and stores it; what it is worth, [Make] says.
type Written struct {
	Base string `json:"base"`
	Size int    `json:"size"`
}

// Flaw is what is wrong with one of several pools.
type Flaw struct {
	// Index is the pool's, Key what of it is to blame: base or size.
	Index int
	Key   string
	*Error
}

// Make makes pools of what was written, and checks them as [CheckAll] does. There are none beside a flaw.
func Make(written []Written) ([]Pool, *Flaw) {
	if len(written) > MaxPools {
		return nil, &Flaw{MaxPools, keyBase, wrong(fmt.Sprintf("more than %d pools", MaxPools), "write fewer")}
	}
	pools := make([]Pool, 0, len(written))
	for i, w := range written {
		p, f := newPool(w.Base, w.Size)
		if f != nil {
			return nil, &Flaw{i, f.key, f.Error}
		}
		pools = append(pools, p)
	}
	if i, e := flawOf(pools); e != nil {
		return nil, &Flaw{i, keySize, e}
	}
	return pools, nil
}

// Room is how many containers a subnet of the pool has addresses for: all but the network's own, the gateway's and, with IPv4, the one
// for all; 2^62 stands for more.
func (p Pool) Room() int64 {
	const most = 62
	if p.hostBits() >= most {
		return 1 << most
	}
	return max(0, int64(1)<<p.hostBits()-3)
}

// Text is pools as [Parse] reads them: one as itself, several as a list.
func Text(pools []Written) string {
	words := make([]string, 0, len(pools))
	for _, w := range pools {
		words = append(words, w.String())
	}
	if len(words) == 1 {
		return words[0]
	}
	return "[" + strings.Join(words, ",") + "]"
}

// Written is the pool as it is written.
func (p Pool) Written() Written { return Written{Base: p.base.String(), Size: p.size} }

func (w Written) String() string { return fmt.Sprintf(`{"base":%q,"size":%d}`, w.Base, w.Size) }
