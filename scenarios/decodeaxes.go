package scenarios

import (
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
)

// unlimited is what a list of limits has for none.
const unlimited = "none"

// limits reads the ladder, a list of sizes or {from, to, step|factor}; a list may have none in it.
func (d *decoder) limits(path string, v node) (none bool, all []int64) {
	if v.Kind == aMapping {
		return false, d.ladder(path, v)
	}
	return d.sizesOrNone(path, v, d.size)
}

func (d *decoder) headroom(path string, v node) *Headroom {
	var h Headroom
	h.None, h.Bytes = d.sizesOrNone(path, v, d.signedSize)
	return &h
}

// sizesOrNone reads a list of sizes that may begin with none.
func (d *decoder) sizesOrNone(path string, v node, size func(string, node) int64) (none bool, all []int64) {
	d.each(path, v, func(p string, item node) {
		switch {
		case item.Kind != aText || item.Text != unlimited:
			all = append(all, size(p, item))
		case none || len(all) > 0:
			d.fail(item.Pos, p+" none after others", "write none first, and once")
		default:
			none = true
		}
	})
	return none, all
}

// signedSize is a size that may be below nothing.
func (d *decoder) signedSize(path string, v node) int64 {
	text, negative := strings.CutPrefix(v.Text, "-")
	if !negative || v.Kind != aText && v.Kind != aNumber {
		return d.size(path, v)
	}
	n, err := ParseSize(text)
	if err != nil {
		d.fail(v.Pos, path+" "+quoted(v.Text)+" is not a size", sizeHint(err))
	}
	return -n
}

// joins reads the axes of joins. One that is left out has the value of a join as runtimes make it.
func (d *decoder) joins(path string, v node) *Joins {
	j := Joins{Mechanisms: cgroupjoin.Mechanisms(), Cgroup: []cgroupjoin.When{cgroupjoin.Late, cgroupjoin.Early}, Siblings: []int{0}, Threads: []int{1}, Busy: []bool{false}}
	counts := func(to *[]int) func(string, node) {
		return func(path string, v node) {
			*to = nil
			d.each(path, v, func(p string, item node) { *to = append(*to, d.count(p, item)) })
		}
	}
	d.mapping(path, "joins", v, []field{
		{"mechanisms", false, func(p string, v node) { j.Mechanisms = words[cgroupjoin.Mechanism](d, p, v) }},
		{"cgroup", false, func(p string, v node) { j.Cgroup = words[cgroupjoin.When](d, p, v) }},
		{"siblings", false, counts(&j.Siblings)},
		{"threads", false, counts(&j.Threads)},
		{"busy", false, func(p string, v node) {
			j.Busy = nil
			d.each(p, v, func(p string, item node) { j.Busy = append(j.Busy, d.boolean(p, item)) })
		}},
	})
	return &j
}
