package scenarios

import (
	"fmt"
	"slices"
)

// Enumerator is a way for a payload to be ready to hand out the subnets of an address pool.
type Enumerator string

const (
	// Eager makes a record of each subnet before it hands out the first, as libnetwork did before Docker 27.
	Eager Enumerator = "eager"
	// Lazy has one record, and computes what it says.
	Lazy Enumerator = "lazy"
)

// Enumerators lists the closed set.
func Enumerators() []Enumerator { return []Enumerator{Eager, Lazy} }

// Bounds of an enumeration, and the record of one that leaves it out: what Go's net.IPNet takes for an IPv6 subnet, with the address and
// the mask that it points at.
const (
	MaxSubnetBits  = 64
	MinRecordBytes = 8
	MaxRecordBytes = 4096
	recordBytes    = 80
)

// Enumerate has the payloads be allocators of address pools: each number of subnets and each way is a cell of its own.
type Enumerate struct {
	// Bits are log2 of the numbers of subnets, rising: of a pool its size less its base's length.
	Bits []int        `json:"bits"`
	How  []Enumerator `json:"how"`
	// RecordBytes is what a subnet's record takes.
	RecordBytes int64 `json:"record_bytes"`
}

// Enumeration is what one payload does. The zero value is none.
type Enumeration struct {
	Bits        int        `json:"bits,omitempty"`
	How         Enumerator `json:"how,omitempty"`
	RecordBytes int64      `json:"record_bytes,omitempty"`
}

// String is "eager 2^32"; nothing for none.
func (e Enumeration) String() string {
	if e == (Enumeration{}) {
		return ""
	}
	return fmt.Sprintf("%s 2^%d", e.How, e.Bits)
}

func (d *decoder) enumerate(path string, v node) *Enumerate {
	e := &Enumerate{RecordBytes: recordBytes, How: Enumerators()}
	d.mapping(path, "an enumeration", v, []field{
		{"bits", true, func(path string, v node) {
			d.each(path, v, func(p string, item node) { e.Bits = append(e.Bits, d.count(p, item)) })
		}},
		{"how", false, func(path string, v node) { e.How = words[Enumerator](d, path, v) }},
		{"record", false, func(path string, v node) { e.RecordBytes = d.size(path, v) }},
	})
	return e
}

// enumerateFlaw keeps it to what the payload can do.
func (s Scenario) enumerateFlaw() *flaw {
	e := s.Enumerate
	if e == nil {
		return nil
	}
	if len(e.Bits) == 0 || len(e.How) == 0 {
		return &flaw{"enumerate", "enumerate: nothing", "write bits and how, as in {bits: [4, 32], how: [eager, lazy]}"}
	}
	for i, bits := range e.Bits {
		path := fmt.Sprintf("enumerate.bits[%d]", i)
		switch {
		case bits < 1 || bits > MaxSubnetBits:
			return &flaw{path, fmt.Sprintf("%s %d", path, bits), fmt.Sprintf("write 1 to %d, log2 of a number of subnets", MaxSubnetBits)}
		case i > 0 && bits <= e.Bits[i-1]:
			return &flaw{path, fmt.Sprintf("enumerate.bits %d after %d", bits, e.Bits[i-1]), "write them from few to many, each once"}
		}
	}
	if f := closedFlaw("enumerate.how", "way", e.How, Enumerators()); f != nil {
		return f
	}
	if n := e.RecordBytes; n < MinRecordBytes || n > MaxRecordBytes {
		return &flaw{"enumerate.record", fmt.Sprintf("enumerate.record %d", n), fmt.Sprintf("write %d to %d bytes", MinRecordBytes, MaxRecordBytes)}
	}
	return s.besideEnumerate()
}

func (s Scenario) besideEnumerate() *flaw {
	for _, k := range []struct {
		key   string
		given bool
	}{
		{"joins", s.Joins != nil}, {"search", s.Search != nil}, {"cycles", s.Cycles > 0}, {"clock", s.Clock != RunsClock},
		{"clones", len(s.Clones) > 0}, {"strategies", len(s.Strategies) > 0}, {"sizes", len(s.Sizes) > 0}, {"headroom", s.Headroom != nil},
	} {
		if k.given {
			return &flaw{"enumerate", "enumerate beside " + k.key, "the payload is what is looked at there: leave " + k.key + " out"}
		}
	}
	return nil
}

// axes are those of the payload; a scenario without has one cell for each of the others.
func (e *Enumerate) axes() []axis {
	if e == nil {
		return nil
	}
	return []axis{
		axisOf("ways to enumerate", e.How, func(c *Cell, how Enumerator) { c.Enumerate.How, c.Enumerate.RecordBytes = how, e.RecordBytes }),
		axisOf("numbers of subnets", e.Bits, func(c *Cell, bits int) { c.Enumerate.Bits = bits }),
	}
}

// cells is how many of these there are for each other one.
func (e *Enumerate) cells() int {
	if e == nil {
		return 1
	}
	return len(e.How) * len(e.Bits)
}

// Connects tells whether any of the scenarios gives containers a network.
func (s Spec) Connects() bool {
	return slices.ContainsFunc(s.Scenarios, func(sc Scenario) bool { return sc.Network != nil })
}
