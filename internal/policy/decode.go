package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/internal/yamlpos"
	"github.com/initbench/initbench/scenarios"
)

const (
	// maxItems bounds every list; the catalogue has a dozen scenarios, and a ladder of more limits is a search.
	maxItems = 256
	// An alpha of a half is a coin, one of a millionth needs more blocks than anybody makes.
	leastAlpha, mostAlpha     = 1e-6, 0.5
	leastMaxTime, mostMaxTime = 10 * time.Second, 24 * time.Hour
)

// Parse reads one policy; file is the name that errors give. Every error is a *scenarios.Error. What the file leaves out is
// as in the default policy.
func Parse(file string, data []byte) (Policy, error) {
	p := Default()
	p.File, p.Text = file, string(data)
	if err := p.parse(data); err != nil {
		return Policy{}, err
	}
	return p, nil
}

// parse puts what a file says in the place of what is there.
func (p *Policy) parse(data []byte) error {
	if len(data) > MaxFileBytes {
		return tooLarge(p.File)
	}
	root, err := read(p.File, data)
	if err != nil {
		return err
	}
	d := decoder{policy: p}
	d.mapping("", "a policy", root, keys)
	if d.err != nil {
		return d.err
	}
	return nil
}

// decoder turns nodes into a Policy. The first error stays, and what comes after it is not looked at.
type decoder struct {
	policy  *Policy
	ceiling verdict.Ceiling // that is being read
	metric  string          // likewise
	err     *scenarios.Error
}

func (d *decoder) fail(pos scenarios.Position, wrong, right string) {
	if d.err == nil {
		d.err = &scenarios.Error{Pos: pos, Wrong: wrong, Right: right}
	}
}

// mapping reads the keys that a mapping may have and refuses any other.
func (d *decoder) mapping(path, what string, n node, may []key) {
	if n.Kind != aMapping {
		d.fail(n.Pos, describe(path, n)+", not a mapping", "write "+what+" as `key: value`")
		return
	}
	for _, e := range n.Keys {
		i := slices.IndexFunc(may, func(k key) bool { return k.name == e.Name })
		if i < 0 {
			d.fail(e.Pos, "unknown key "+quoted(e.Name), yamlpos.DidYouMean(e.Name, namesOf(may))+what+" has "+strings.Join(namesOf(may), ", "))
			return
		}
		d.value(join(path, e.Name), e.Value, may[i].read)
	}
}

func (d *decoder) value(path string, v node, read func(d *decoder, path string, v node)) {
	if v.Kind == aNull {
		d.fail(v.Pos, path+" without a value", "write one, or leave the key out")
	}
	if d.err == nil {
		read(d, path, v)
	}
}

// each reads the items of a list, whose number is looked at first.
func (d *decoder) each(path string, n node, read func(path string, v node)) {
	switch {
	case n.Kind != aSequence:
		d.fail(n.Pos, describe(path, n)+", not a list", "write a list, as in [a, b]")
		return
	case len(n.Items) == 0:
		d.fail(n.Pos, path+" is an empty list", "name at least one, or leave the key out")
		return
	case len(n.Items) > maxItems:
		d.fail(n.Pos, fmt.Sprintf("%s: %d items", path, len(n.Items)), fmt.Sprintf("the most is %d", maxItems))
		return
	}
	for i, item := range n.Items {
		d.value(fmt.Sprintf("%s[%d]", path, i), item, func(_ *decoder, p string, v node) { read(p, v) })
	}
}

func (d *decoder) text(path string, v node) string {
	if v.Kind != aText {
		d.fail(v.Pos, describe(path, v)+", not text", "write a word, or put it in quotes")
	}
	return v.Text
}

// scalar is a text or a number as the file wrote it.
func (d *decoder) scalar(path string, v node, right string) string {
	if v.Kind != aText && v.Kind != aNumber {
		d.fail(v.Pos, describe(path, v), right)
	}
	return v.Text
}

// word reads one of a closed set.
func word[T ~string](d *decoder, path string, v node, all []T) T {
	got := T(d.text(path, v))
	if d.err == nil && !slices.Contains(all, got) {
		d.fail(v.Pos, path+" "+quoted(string(got)), yamlpos.DidYouMean(string(got), wordsOf(all))+"write "+strings.Join(wordsOf(all), ", "))
	}
	return got
}

func wordsOf[T ~string](all []T) (words []string) {
	for _, w := range all {
		words = append(words, string(w))
	}
	return words
}

// unique reads a list in which nothing stands twice.
func unique[T comparable](d *decoder, path string, v node, read func(path string, v node) T) (all []T) {
	d.each(path, v, func(p string, item node) {
		got := read(p, item)
		if d.err == nil && slices.Contains(all, got) {
			d.fail(item.Pos, p+" "+quoted(item.Text)+" a second time", "name each once")
		}
		all = append(all, got)
	})
	return all
}

func (d *decoder) scenarios(path string, v node) {
	d.policy.Scenarios, d.policy.named = unique(d, path, v, d.text), true
	d.policy.scenariosAt = nil
	for _, item := range v.Items {
		d.policy.scenariosAt = append(d.policy.scenariosAt, item.Pos)
	}
}

func (d *decoder) drivers(path string, v node) {
	d.policy.driversAt = v.Pos
	d.policy.Drivers = unique(d, path, v, func(p string, item node) cgroupjoin.Driver { return word(d, p, item, cgroupjoin.Drivers()) })
}

func (d *decoder) limits(path string, v node) {
	d.policy.Limits = unique(d, path, v, d.limit)
	if d.err == nil && !slices.IsSorted(d.policy.Limits) {
		d.fail(v.Pos, path+" do not rise", "write limits from small to large")
	}
}

func (d *decoder) limit(path string, v node) int64 {
	n := d.size(path, v)
	if d.err == nil && n < scenarios.MinLimit {
		d.fail(v.Pos, path+" "+quoted(v.Text), "the least is "+scenarios.FormatSize(scenarios.MinLimit))
	}
	return n
}

func (d *decoder) size(path string, v node) int64 {
	n, err := parseSize(d.scalar(path, v, "write a size such as 16MiB"))
	if err != nil {
		d.fail(v.Pos, path+" "+quoted(v.Text)+" is not a size", right(err))
	}
	return n
}

// parseSize lets a space stand before the unit.
func parseSize(text string) (int64, error) {
	return scenarios.ParseSize(strings.Replace(text, " ", "", 1))
}

// right is what an error says would be right.
func right(err error) string {
	if e, ok := err.(*scenarios.Error); ok {
		return e.Right
	}
	return err.Error()
}

func (d *decoder) maxTime(path string, v node) {
	const form = "write a duration such as 6m, or none"
	text := d.scalar(path, v, form)
	if text == "none" {
		d.policy.MaxTime = 0
		return
	}
	t, err := time.ParseDuration(text)
	switch {
	case d.err != nil:
	case err != nil:
		d.fail(v.Pos, path+" "+quoted(text)+" is not a duration", form)
	case t < leastMaxTime || t > mostMaxTime:
		d.fail(v.Pos, path+" "+quoted(text), fmt.Sprintf("write %s to %s, or none", leastMaxTime, mostMaxTime))
	}
	d.policy.MaxTime = t
}

func (d *decoder) alpha(path string, v node) {
	x, err := strconv.ParseFloat(v.Text, 64)
	if v.Kind != aNumber || err != nil || strings.ContainsAny(v.Text, "xXpP_") || !(x >= leastAlpha && x <= mostAlpha) {
		d.fail(v.Pos, path+" "+quoted(v.Text), fmt.Sprintf("write a number from %v to %v, such as 0.05", leastAlpha, mostAlpha))
	}
	d.policy.Alpha = x
}

func (d *decoder) noisyClock(path string, v node) {
	d.policy.NoisyClock = word(d, path, v, []verdict.Severity{verdict.Warn, verdict.Fail})
}

func (d *decoder) metrics(path string, v node) {
	if v.Kind != aMapping {
		d.fail(v.Pos, describe(path, v)+", not a mapping", "write metrics as `NAME: {margin: 5 %, severity: warn}`")
		return
	}
	for _, e := range v.Keys {
		if e.Name != scenarios.AllLeaks && !d.known(e.Name, e.Pos) {
			return
		}
		d.metric = e.Name
		d.value(join(path, e.Name), e.Value, func(d *decoder, path string, v node) { d.mapping(path, "a metric", v, metricKeys) })
	}
}

// known refuses a name that is no metric's.
func (d *decoder) known(name string, pos scenarios.Position) bool {
	names := verdict.MetricNames()
	if slices.Contains(names, name) {
		return true
	}
	d.fail(pos, "unknown metric "+quoted(name), yamlpos.DidYouMean(name, names)+"write one of "+strings.Join(names, ", "))
	return false
}

func (d *decoder) margin(path string, v node) {
	text := d.scalar(path, v, "write a margin such as 5 %")
	if d.err != nil {
		return
	}
	m, err := verdict.MarginOf(d.metric, text)
	if err != nil {
		wrong, form := "", err.Error()
		if rest, repeats := strings.CutPrefix(form, strconv.Quote(strings.TrimSpace(text))); repeats {
			wrong, form, _ = strings.Cut(rest, ": ")
		}
		d.fail(v.Pos, path+" "+quoted(text)+wrong, form)
	}
	d.policy.Margins[d.metric] = m
}

func severities() []verdict.Severity {
	return []verdict.Severity{verdict.Fail, verdict.Warn, verdict.Ignore}
}

func (d *decoder) severity(path string, v node) {
	d.policy.Severities[d.metric] = word(d, path, v, severities())
}

func describe(path string, n node) string {
	switch {
	case path == "":
		return "the file is " + string(n.Kind)
	case n.Text == "":
		return path + " is " + string(n.Kind)
	}
	return path + " " + quoted(n.Text) + " is " + string(n.Kind)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// quoted makes what a user wrote fit to stand in one line.
func quoted(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "..."
	}
	return strconv.Quote(s)
}
