package pool

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func mustNew(t testing.TB, base string, size int) Pool {
	t.Helper()
	p, err := New(base, size)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// incident is the configuration that had the daemon list 2^32 subnets.
const incident = `{"base":"fd0d:0ce5::/48","size":80}`

// Catches a check that lets the incident pass, or that refuses it without its number of subnets and a size that works.
func TestTheIncidentIsRefused(t *testing.T) {
	_, err := ParseChecked("daemon.json", []byte(incident))
	const want = `daemon.json:1:33: {"base":"fd0d:ce5::/48","size":80} would be 4294967296 subnets, ` +
		`more than 16777216 (size - base is 32, at most 24 is advised): write a size of 64, which gives 65536`
	if err == nil || err.Error() != want {
		t.Errorf("said %v\nwant %s", err, want)
	}
	if pools, err := ParseChecked("daemon.json", []byte(strings.Replace(incident, "80", "64", 1))); err != nil || pools[0].Subnets().Int64() != 65536 {
		t.Errorf("%v, %v: the size that was advised is refused", pools, err)
	}
}

// Catches mistakes that are let in, and refusals without a place or a way out.
func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "f:1:1: the file is empty: write one pool as",
		"# nothing":                         "f:1:1: the file is empty",
		"[]":                                "f:1:1: no pool",
		"{}":                                "f:1:1: a pool without a base",
		`{"base":"10.0.0.0/8"}`:             "f:1:1: a pool without a size",
		`{"size":24}`:                       "f:1:1: a pool without a base",
		`{"base":"10.0.0.0/8","size":"24"}`: `f:1:29: size "24" is no length of a prefix`,
		`{"base":"10.0.0.0/8","size":024}`:  `size "024" is no length of a prefix`,
		`{"base":"10.0.0.0/8","size":-1}`:   `size "-1" is no length`,
		`{"base":"10.0.0.0/8","size":33}`:   "f:1:29: size 33 is more than the 32 bits of an address: write a size of 24, which gives 65536",
		`{"base":"10.0.0.0/8","size":7}`:    "f:1:29: size 7 is a larger network than the base 10.0.0.0/8: write a size from 8 to 30",
		`{"base":"10.0.0.1/8","size":24}`:   `f:1:9: base "10.0.0.1/8" has bits beyond its /8: write 10.0.0.0/8`,
		`{"base":"10.0.0/8","size":24}`:     `f:1:9: base "10.0.0/8" is no prefix`,
		`{"base":"::ffff:10.0.0.0/104","size":120}`:                       `f:1:9: base "::ffff:10.0.0.0/104" is an IPv4 address written as IPv6`,
		`{"base":"fe80::%eth0/64","size":64}`:                             `f:1:9: base "fe80::%eth0/64" is no prefix`,
		`{"base":8,"size":24}`:                                            "f:1:9: a base that is no text",
		`{"base":"10.0.0.0/8","size":24,"sise":1}`:                        `f:1:32: unknown key "sise": did you mean size? else a pool has base and size`,
		`{"base":"10.0.0.0/8","base":"10.0.0.0/8","size":24}`:             `f:1:22: key "base" a second time`,
		"- base: 10.0.0.0/8\n  size: 24\n- base: fd00::/8\n  size: 64":    "f:4:9: " + `{"base":"fd00::/8","size":64} would be 72057594037927936 subnets`,
		"- base: 10.0.0.0/8\n  size: 24\n- base: 10.1.0.0/16\n  size: 24": "f:4:9: base 10.1.0.0/16 overlaps that of pools[0], 10.0.0.0/8",
		`{"base":"10.0.0.0/8","size":32}`:                                 "gives 16777216 subnets of 1 addresses, which leave none for a container: write a size of 24",
		`{"base":"fd0d::/32","size":48}`:                                  "subnets of more than 2^64 addresses (an IPv6 size of at least 64 is advised): no size works with a base of /32: write a base of /40 or longer with a size of 64",
		`{"base":"::/0","size":128}`:                                      "would be 340282366920938463463374607431768211456 subnets",
		`{"base":"fd0d::/127","size":127}`:                                "no size works with a base of /127: write a shorter one",
		`{"base":"fd0d::/120","size":128}`:                                "write a size of 120, which gives 1",
		`[{"base":"10.0.0.0/8","size":24}`:                                "f:1:1: not JSON or YAML (",
		`[[[[[[[[[[[[`:                                                    "more than 8 levels",
		"&a {base: 10.0.0.0/8, size: 24}":                                 "f:1:1: an anchor (&) is not read here",
		"base: 10.0.0.0/8\nsize: 24\n---\nbase: 11.0.0.0/8\nsize: 24":     "a second YAML document",
		"base: \xff":                        "f:1:7: byte 0xff is not UTF-8",
		"base: \x1b[31m":                    "f:1:7: the unprintable character U+001B",
		strings.Repeat("-", MaxFileBytes+1): "f: more than 1048576 bytes",
		"[" + strings.Repeat("{base: a, size: 1},", MaxPools) + "{}]":      "more than 1000 pools",
		`{"default-address-pools": null}`:                                  "no pool",
		`{"default-address-pools": [{"base":"fd0d:0ce5::/48","size":80}]}`: "would be 4294967296 subnets",
	} {
		pools, err := ParseChecked("f", []byte(text))
		if err == nil {
			t.Errorf("%.60q: %v, want %s", text, pools, want)
			continue
		}
		if got := err.Error(); !strings.HasPrefix(got, "f:") || !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("%.60q:\n said %s\n want %s", text, got, want)
		}
	}
}

// Catches a form of Docker's that is not read.
func TestParseReads(t *testing.T) {
	want := []Pool{mustNew(t, "10.0.0.0/8", 24), mustNew(t, "fd0d:ce5::/48", 64)}
	for _, text := range []string{
		`[{"base":"10.0.0.0/8","size":24},{"base":"fd0d:0ce5::/48","size":64}]`,
		"# pools\n- base: 10.0.0.0/8\n  size: 24\n- {base: 'fd0d:0ce5::/48', size: 64}\n",
		"{\n  \"ipv6\": true,\r\n  \"default-address-pools\": [\n {\"base\": \"10.0.0.0/8\", \"size\": 24},\n{\"base\": \"fd0d:0ce5::/48\", \"size\": 64}]}",
	} {
		got, err := ParseChecked("f", []byte(text))
		if err != nil || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
			t.Errorf("%s: %v, %v; want %v", text, got, err, want)
		}
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "pool.json")
	if err := os.WriteFile(file, []byte(want[1].String()), 0o600); err != nil {
		t.Fatal(err)
	}
	data, err := ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Parse(file, data); err != nil || len(got) != 1 || got[0] != want[1] {
		t.Errorf("%v, %v; want %v, as it was printed", got, err, want[1])
	}
	for _, none := range []string{dir, filepath.Join(dir, "none")} {
		var e *Error
		if _, err := ReadFile(none); !errors.As(err, &e) || !strings.HasPrefix(err.Error(), none+": ") {
			t.Errorf("%s: %v", none, err)
		}
	}
}

func anyPool() *rapid.Generator[Pool] {
	return rapid.Custom(func(t *rapid.T) Pool {
		var addr netip.Addr
		if rapid.Bool().Draw(t, "v6") {
			addr = netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address")))
		} else {
			addr = netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "address")))
		}
		base := netip.PrefixFrom(addr, rapid.IntRange(0, addr.BitLen()).Draw(t, "base")).Masked()
		size := rapid.IntRange(base.Bits(), addr.BitLen()).Draw(t, "size")
		p, err := New(base.String(), size)
		if err != nil {
			t.Fatalf("%s, %d: %v", base, size, err)
		}
		return p
	}).Filter(func(p Pool) bool { return p.base.IsValid() })
}

// Catches two numbers with one subnet, a subnet outside of the base, of another size or with host bits, and a number that
// cannot be told from its subnet.
func TestAtIsInjective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPool().Draw(t, "pool")
		number := rapid.OneOf(rapid.Uint64Range(0, p.Last()), rapid.SampledFrom([]uint64{0, p.Last(), p.Last() / 2}))
		i, j := number.Draw(t, "i"), number.Draw(t, "j")
		a, b := p.At(i), p.At(j)
		if (i == j) != (a == b) || (i < j) != a.Addr().Less(b.Addr()) {
			t.Fatalf("subnets %d and %d are %v and %v", i, j, a, b)
		}
		if a.Bits() != p.Size() || a != a.Masked() || !p.Base().Contains(a.Addr()) {
			t.Fatalf("subnet %d is %v", i, a)
		}
		if back, ours := p.Index(a); !ours || back != i {
			t.Fatalf("%v has number %d, %v; want %d", a, back, ours, i)
		}
	})
}

// Catches advice that is not followed by who gives it.
func TestAdviceWorks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := anyPool().Draw(t, "pool").Base()
		size, works := Advise(base)
		if works {
			if p, err := New(base.String(), size); err != nil || p.Check() != nil {
				t.Fatalf("%s with the advised %d: %v, %v", base, size, err, p.Check())
			}
			return
		}
		for size := base.Bits(); size <= base.Addr().BitLen(); size++ {
			if p, err := New(base.String(), size); err == nil && p.Check() == nil {
				t.Fatalf("%s: no size is advised, and %d works", base, size)
			}
		}
	})
}

// Catches subnets that are computed wrongly at the edges of 32, 64 and 128 bits.
func TestAt(t *testing.T) {
	const most = 1<<64 - 1
	for _, c := range []struct {
		base string
		size int
		i    uint64
		want string
	}{
		{"fd0d:ce5::/48", 64, 0, "fd0d:ce5::/64"},
		{"fd0d:ce5::/48", 64, 65535, "fd0d:ce5:0:ffff::/64"},
		{"fd0d:ce5::/48", 80, 1 << 16, "fd0d:ce5:0:1::/80"},
		{"fd0d::/16", 80, most, "fd0d:ffff:ffff:ffff:ffff::/80"},
		{"::/0", 64, most, "ffff:ffff:ffff:ffff::/64"},
		{"::/0", 128, most, "::ffff:ffff:ffff:ffff/128"},
		{"fd0d::/64", 128, most, "fd0d::ffff:ffff:ffff:ffff/128"},
		{"0.0.0.0/0", 32, 1<<32 - 1, "255.255.255.255/32"},
		{"10.0.0.0/8", 24, 256, "10.1.0.0/24"},
		{"10.0.0.0/8", 8, 0, "10.0.0.0/8"},
	} {
		if got := mustNew(t, c.base, c.size).At(c.i); got.String() != c.want {
			t.Errorf("%s, %d: subnet %d is %v, want %s", c.base, c.size, c.i, got, c.want)
		}
	}
	for _, c := range []struct{ base, subnet string }{
		{"10.0.0.0/8", "11.0.0.0/24"}, {"10.0.0.0/8", "10.0.0.0/25"}, {"10.0.0.0/8", "10.0.0.1/24"}, {"10.0.0.0/8", "fd0d::/24"},
	} {
		if i, ours := mustNew(t, c.base, 24).Index(netip.MustParsePrefix(c.subnet)); ours {
			t.Errorf("%s is subnet %d of %s", c.subnet, i, c.base)
		}
	}
	if i, ours := mustNew(t, "::/0", 128).Index(netip.MustParsePrefix("1::/128")); ours {
		t.Errorf("a subnet beyond 2^64 has number %d", i)
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic beyond the last")
		}
	}()
	mustNew(t, "10.0.0.0/8", 9).At(2)
}
