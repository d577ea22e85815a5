package census

import (
	"maps"
	"slices"
)

// Census is how many objects of each kind there were. A kind is in Counts, in Unread, or was not asked for.
type Census struct {
	Counts map[Kind]int64 `json:"counts"`
	// Unread has the reason for each kind that could not be counted.
	Unread map[Kind]string `json:"unread,omitempty"`
	// Names has the objects' names where they were asked for. Pages and dying cgroups have none.
	Names map[Kind][]string `json:"names,omitempty"`
}

func newCensus() Census {
	return Census{Counts: map[Kind]int64{}, Unread: map[Kind]string{}, Names: map[Kind][]string{}}
}

// Kinds are those that were asked for, in the order in which they are shown.
func (c Census) Kinds() []Kind {
	return slices.DeleteFunc(slices.Concat(MachineKinds(), DescriptorKinds()), func(k Kind) bool {
		_, counted := c.Counts[k]
		_, unread := c.Unread[k]
		return !counted && !unread
	})
}

// Difference is one kind of which two censuses have not the same.
type Difference struct {
	Kind   Kind  `json:"kind"`
	Before int64 `json:"before"`
	After  int64 `json:"after"`
	// New and Gone are the names in one census and not in the other, where both have names.
	New  []string `json:"new,omitempty"`
	Gone []string `json:"gone,omitempty"`
	// Unread is why either count is missing; Before and After then say nothing.
	Unread string `json:"unread,omitempty"`
}

// Delta is how much more there is.
func (d Difference) Delta() int64 { return d.After - d.Before }

// Compare lists what became more or less, and what one of the two could not read. A kind whose count is the same
// but whose objects are others is listed too when both have names: one that leaked may hide behind one that went.
func Compare(before, after Census) []Difference {
	var all []Difference
	for _, k := range after.Kinds() {
		if d, differs := compareKind(k, before, after); differs {
			all = append(all, d)
		}
	}
	return all
}

func compareKind(k Kind, before, after Census) (d Difference, differs bool) {
	b, readBefore := before.Counts[k]
	a, readAfter := after.Counts[k]
	switch {
	case !readAfter:
		return Difference{Kind: k, Unread: after.Unread[k]}, true
	case !readBefore && before.Unread[k] != "":
		return Difference{Kind: k, Unread: "before: " + before.Unread[k]}, true
	case !readBefore:
		return Difference{Kind: k, Unread: "before: not asked for"}, true
	}
	d = Difference{Kind: k, Before: b, After: a}
	old, named := before.Names[k]
	if now, namedNow := after.Names[k]; named && namedNow {
		d.New, d.Gone = Beyond(old, now), Beyond(now, old)
	}
	return d, d.Delta() != 0 || len(d.New) > 0 || len(d.Gone) > 0
}

// Beyond lists what is in after more often than in before, in after's order.
func Beyond(before, after []string) []string {
	left := map[string]int{}
	for _, name := range before {
		left[name]++
	}
	var more []string
	for _, name := range after {
		if left[name]--; left[name] < 0 {
			more = append(more, name)
		}
	}
	return more
}

// more lists the kinds of which a census has more than an earlier one. What either could not read is in neither list.
func more(before, after Census) []Kind {
	var kinds []Kind
	for _, k := range slices.Sorted(maps.Keys(after.Counts)) {
		if b, read := before.Counts[k]; read && after.Counts[k] > b {
			kinds = append(kinds, k)
		}
	}
	return kinds
}
