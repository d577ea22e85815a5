package scenarios

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/yamlpos"
	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/sequence"
)

// What a file that leaves a key out gets. DefaultTimeout is for one trial: a
// start takes under two seconds even in an emulated guest, so that half a minute means it hangs.
const (
	DefaultTimeout = 30 * time.Second
	defaultWarmup  = 1
)

// Parse reads one scenario; file is the name that errors give. Every error is an *Error.
func Parse(file string, data []byte) (Scenario, error) {
	if len(data) > MaxFileBytes {
		return Scenario{}, tooLarge(file)
	}
	root, err := yamlpos.Parse(file, data, scenarioFile)
	if err != nil {
		return Scenario{}, err
	}
	d := decoder{at: map[string]Position{"": root.Pos}}
	s := d.scenario(root)
	if d.err != nil {
		return Scenario{}, d.err
	}
	if f := s.flaw(); f != nil {
		return Scenario{}, &Error{Pos: d.where(f.path), Wrong: f.wrong, Right: f.right}
	}
	return s, nil
}

// decoder turns nodes into a Scenario. The first error stays and what comes
// after it is not looked at.
type decoder struct {
	at  map[string]Position // of the value at each path, such as limits[2] or payload.anon
	err *Error
}

// field is a key a mapping may have, and what reads its value.
type field struct {
	key      string
	required bool
	read     func(path string, v node)
}

func (d *decoder) fail(pos Position, wrong, right string) {
	if d.err == nil {
		d.err = &Error{Pos: pos, Wrong: wrong, Right: right}
	}
}

// where finds the position of a path, or of the nearest value around it that the file has.
func (d *decoder) where(path string) Position {
	for {
		if pos, ok := d.at[path]; ok {
			return pos
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
}

func (d *decoder) scenario(root node) Scenario {
	s := Scenario{Drivers: cgroupjoin.Drivers(), Warmup: defaultWarmup, Containers: 1, Timeout: DefaultTimeout}
	d.mapping("", "a scenario", root, []field{
		{"name", true, func(p string, v node) { s.Name = d.text(p, v) }},
		{"description", false, func(p string, v node) { s.Description = d.text(p, v) }},
		{"drivers", false, func(p string, v node) { s.Drivers = words[cgroupjoin.Driver](d, p, v) }},
		{"limits", false, func(p string, v node) { s.Unlimited, s.Limits = d.limits(p, v) }},
		{"search", false, func(p string, v node) { s.Search = d.search(p, v) }},
		{"place", false, func(p string, v node) { s.Place = cgroupjoin.Place(d.text(p, v)) }},
		{"orders", false, func(p string, v node) { s.Orders = words[sequence.Order](d, p, v) }},
		{"observe", false, func(p string, v node) { s.Observe = d.boolean(p, v) }},
		{"cycles", false, func(p string, v node) { s.Cycles = d.count(p, v) }},
		{"lifecycle", false, func(p string, v node) { s.Lives = d.lives(p, v) }},
		{"embedded", false, func(p string, v node) { s.Embedded = d.boolean(p, v) }},
		{"collector", false, func(p string, v node) { s.Collector = Collector(d.text(p, v)) }},
		{"watch", false, func(p string, v node) { s.Watch = d.watch(p, v) }},
		{"trials", !root.Has("search"), func(p string, v node) { s.Trials = d.count(p, v) }},
		{"warmup", false, func(p string, v node) { s.Warmup = d.count(p, v) }},
		{"containers", false, func(p string, v node) { s.Containers = d.count(p, v) }},
		{"concurrent", false, func(p string, v node) { s.Concurrent = d.boolean(p, v) }},
		{"timeout", false, func(p string, v node) { s.Timeout = d.duration(p, v) }},
		{"payload", false, func(p string, v node) { s.Payload = d.payload(p, v) }},
		{"judge", !root.Has("cycles") && !root.Has("lifecycle"), func(p string, v node) { s.Judge = d.texts(p, v) }},
		{"clones", false, func(p string, v node) { s.Clones = words[memfdclone.Where](d, p, v) }},
		{"strategies", false, func(p string, v node) { s.Strategies = words[memfdclone.Strategy](d, p, v) }},
		{"sizes", false, func(p string, v node) {
			d.each(p, v, func(p string, item node) { s.Sizes = append(s.Sizes, d.size(p, item)) })
		}},
		{"headroom", false, func(p string, v node) { s.Headroom = d.headroom(p, v) }},
		{"places", false, func(p string, v node) { s.Places = words[cgroupjoin.Place](d, p, v) }},
		{"clock", false, func(p string, v node) { s.Clock = Clock(d.text(p, v)) }},
		{"huge_pages", false, func(p string, v node) { s.HugePages = HugePages(d.text(p, v)) }},
		{"network", false, func(p string, v node) { s.Network = d.network(p, v) }},
		{"enumerate", false, func(p string, v node) { s.Enumerate = d.enumerate(p, v) }},
		{"joins", false, func(p string, v node) { s.Joins = d.joins(p, v) }},
		{"runtimes", false, func(p string, v node) { s.Runtimes = d.runtimes(p, v) }},
	})
	if s.limited() && s.Place == "" {
		s.Place = cgroupjoin.OnContainer
	}
	if s.Search != nil && !root.Has("trials") {
		s.Trials = s.Search.Most
	}
	s.sessionDefaults(root)
	return s
}

// mapping reads the fields of n and refuses any other key.
func (d *decoder) mapping(path, what string, n node, fields []field) {
	if !d.isA(path, n, aMapping, "write "+what+" as `key: value`") {
		return
	}
	for _, e := range n.Keys {
		f, ok := fieldNamed(fields, e.Name)
		if !ok {
			d.fail(e.Pos, "unknown key "+quoted(e.Name), yamlpos.DidYouMean(e.Name, keys(fields))+what+" has "+strings.Join(keys(fields), ", "))
			return
		}
		d.read(join(path, f.key), f.read, e.Value)
	}
	for _, f := range fields {
		if f.required && !n.Has(f.key) {
			d.fail(n.Pos, what+" without "+f.key, "add "+f.key)
		}
	}
}

func (d *decoder) read(path string, read func(string, node), v node) {
	if v.Kind == aNull {
		d.fail(v.Pos, path+" without a value", "write one, or leave the key out")
	}
	if d.err == nil {
		d.at[path] = v.Pos
		read(path, v)
	}
}

// each reads the items of a sequence; the count is checked before any is read.
func (d *decoder) each(path string, n node, read func(path string, v node)) {
	if !d.isA(path, n, aSequence, "write a list, as in [a, b]") {
		return
	}
	if len(n.Items) == 0 {
		d.fail(n.Pos, path+" is an empty list", "name at least one, or leave the key out")
		return
	}
	if len(n.Items) > MaxLimits {
		d.fail(n.Pos, fmt.Sprintf("%s: %d items", path, len(n.Items)), fmt.Sprintf("the most is %d", MaxLimits))
		return
	}
	for i, item := range n.Items {
		d.read(fmt.Sprintf("%s[%d]", path, i), read, item)
	}
}

// isA reports whether n looks like want, and fails if not.
func (d *decoder) isA(path string, n node, want yamlpos.Kind, right string) bool {
	if n.Kind == want {
		return true
	}
	d.fail(n.Pos, describe(path, n)+", not "+string(want), right)
	return false
}

// describe quotes the value, except where the whole file is the wrong kind of
// thing: what such a file says is nothing to repeat on a terminal.
func describe(path string, n node) string {
	switch {
	case path == "":
		return "the file is " + string(n.Kind)
	case n.Text == "":
		return path + " is " + string(n.Kind)
	}
	return path + " " + quoted(n.Text) + " is " + string(n.Kind)
}

func fieldNamed(fields []field, key string) (field, bool) {
	for _, f := range fields {
		if f.key == key {
			return f, true
		}
	}
	return field{}, false
}

func keys(fields []field) (names []string) {
	for _, f := range fields {
		names = append(names, f.key)
	}
	return names
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func (d *decoder) text(path string, v node) string {
	if !d.isA(path, v, aText, "write a word, or put it in quotes") {
		return ""
	}
	return v.Text
}

func (d *decoder) texts(path string, v node) (all []string) {
	d.each(path, v, func(p string, item node) { all = append(all, d.text(p, item)) })
	return all
}

// words reads a list of names from a closed set, which the scenario's flaws check.
func words[T ~string](d *decoder, path string, v node) (all []T) {
	for _, name := range d.texts(path, v) {
		all = append(all, T(name))
	}
	return all
}

func (d *decoder) boolean(path string, v node) bool {
	return d.isA(path, v, aBool, "write true or false") && v.Text == "true"
}

// count reads a whole number of at most MaxTrials, which no count in a scenario
// has reason to pass. Only plain decimal digits are one: YAML readers do not agree on
// what 0x10, 010, 1_000 and 1e3 are.
func (d *decoder) count(path string, v node) int {
	digits := strings.TrimPrefix(v.Text, "-")
	plain := !v.Quoted && digits != "" && (digits == "0" || digits[0] != '0') && strings.Trim(digits, "0123456789") == ""
	// The parser takes a number beyond 64 bits for text: it is still a number to whoever wrote it.
	if !plain && !d.isA(path, v, aNumber, "write a whole number such as 10") {
		return 0
	}
	n, err := strconv.Atoi(v.Text)
	switch {
	case !plain:
		d.fail(v.Pos, fmt.Sprintf("%s %s is not a whole number in plain digits", path, quoted(v.Text)), "write one such as 10")
	case err != nil || n > MaxTrials:
		d.fail(v.Pos, fmt.Sprintf("%s %s is out of range", path, quoted(v.Text)), fmt.Sprintf("the most is %d", MaxTrials))
	}
	return n
}

func (d *decoder) size(path string, v node) int64 {
	if v.Kind != aText && v.Kind != aNumber {
		d.isA(path, v, aText, "write a size such as 16MiB")
		return 0
	}
	n, err := ParseSize(v.Text)
	if err != nil {
		d.fail(v.Pos, path+" "+quoted(v.Text)+" is not a size", sizeHint(err))
	}
	return n
}

func sizeHint(err error) string {
	if e, ok := err.(*Error); ok {
		return e.Right
	}
	return err.Error()
}

func (d *decoder) duration(path string, v node) time.Duration {
	const right = "write a number and a unit, such as 500ms, 30s or 2m"
	if v.Kind != aText && v.Kind != aNumber {
		d.isA(path, v, aText, right)
		return 0
	}
	t, err := time.ParseDuration(v.Text)
	if err != nil || v.Kind == aNumber {
		d.fail(v.Pos, path+" "+quoted(v.Text)+" is not a duration", right)
	}
	return t
}

func (d *decoder) payload(path string, v node) (p Payload) {
	d.mapping(path, "a payload", v, []field{
		{"anon", true, func(path string, v node) { p.AnonBytes = d.size(path, v) }},
	})
	return p
}

func (d *decoder) runtimes(path string, v node) (all []Runtime) {
	d.each(path, v, func(p string, item node) { all = append(all, d.runtime(p, item)) })
	return all
}

func (d *decoder) runtime(path string, v node) (r Runtime) {
	d.mapping(path, "a runtime", v, []field{
		{"name", true, func(path string, v node) { r.Name = d.text(path, v) }},
		{"ref", true, func(path string, v node) { r.Ref, r.Pos = d.text(path, v), v.Pos }},
	})
	return r
}
