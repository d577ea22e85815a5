package pool

import (
	"fmt"
	"strings"
	"testing"
)

// Catches a pool that is refused where it is read alone and let through among others, and blame that falls on the wrong one.
func TestMake(t *testing.T) {
	good := Written{"10.0.0.0/8", 24}
	for _, c := range []struct {
		second Written
		key    string
		want   string
	}{
		{Written{"fd0d:0ce5::/48", 64}, "", ""},
		{Written{"fd0d:0ce5::/48", 80}, keySize, "4294967296 subnets"},
		{Written{"fd0d::1/48", 64}, keyBase, "beyond its /48"},
		{Written{"10.1.0.0/16", 24}, keySize, "overlaps"},
		{Written{"192.168.0.0/16", 8}, keySize, "a larger network"},
	} {
		pools, f := Make([]Written{good, c.second})
		switch {
		case c.key == "" && (f != nil || len(pools) != 2 || pools[1].String() != `{"base":"fd0d:ce5::/48","size":64}`):
			t.Errorf("%s: %v, %+v", c.second, pools, f)
		case c.key != "" && (f == nil || f.Index != 1 || f.Key != c.key || !strings.Contains(f.Wrong, c.want) || pools != nil):
			t.Errorf("%s: %v, %+v; want %s to blame for %q", c.second, pools, f, c.key, c.want)
		}
	}
}

// Catches a subnet that is taken for one with room for a container more than host-local finds in it.
func TestRoom(t *testing.T) {
	for pool, want := range map[Written]int64{{"10.0.0.0/8", 24}: 253, {"10.0.0.0/24", 30}: 1, {"fd0d::/48", 64}: 1 << 62, {"fd0d::/112", 120}: 253} {
		p, err := New(pool.Base, pool.Size)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Room(); got != want {
			t.Errorf("%s has room for %d, want %d", p, got, want)
		}
	}
}

// Catches a list that is compared with itself, pool by pool, however long it is.
func TestMakeRefusesAListThatIsTooLong(t *testing.T) {
	most := make([]Written, MaxPools)
	for i := range most {
		most[i] = Written{fmt.Sprintf("172.%d.%d.0/24", i/256, i%256), 30}
	}
	if pools, f := Make(most); f != nil || len(pools) != MaxPools {
		t.Errorf("%d pools: %+v", MaxPools, f)
	}
	if _, f := Make(append(most, Written{"10.0.0.0/8", 24})); f == nil || f.Index != MaxPools || !strings.Contains(f.Wrong, "more than 1000 pools") {
		t.Errorf("one more: %+v", f)
	}
}
