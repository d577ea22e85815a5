package ociruntime

import (
	"fmt"
	"slices"
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/builtin/options"
	"github.com/initbench/initbench/internal/yamlpos"
	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/scenarios"
)

// Builtin is how the built-in runtime is to make a start. What is empty it does as
// libcontainer does: a sealed overlay, else a memfd, in the parent; the join last.
type Builtin struct {
	Clone    memfdclone.Where
	Strategy memfdclone.Strategy
	// Pad bytes are added to the binary, or it is grown to Size bytes. Both concern the file
	// that is executed ([Padded]), not its flags.
	Pad, Size int64
	Join      cgroupjoin.Mechanism
	Cgroup    cgroupjoin.When
	// Plant is a known cost, to try a measurement with.
	Plant options.Plant
}

// With returns b as a trial wants it: what the trial's build says, and what it leaves open from b.
func (b Builtin) With(build scenarios.Build) Builtin {
	if build.Clone != "" {
		b.Clone = build.Clone
	}
	if build.Strategy != "" {
		b.Strategy = build.Strategy
	}
	if build.BinaryBytes != 0 {
		b.Pad, b.Size = 0, build.BinaryBytes
	}
	return b
}

// Bytes is the size the binary is to have, base being its own.
func (b Builtin) Bytes(base int64) int64 {
	if b.Size != 0 {
		return b.Size
	}
	return base + b.Pad
}

// Flags are the global flags that tell the runtime. One that is executed from a copy
// made once is told so, but not how: that is its caller's doing.
func (b Builtin) Flags() []string {
	strategy := b.Strategy
	if b.Clone == memfdclone.Once {
		strategy = ""
	}
	var flags []string
	for _, f := range []struct{ name, value string }{
		{"--clone", string(b.Clone)}, {"--strategy", string(strategy)}, {"--join", string(b.Join)}, {"--cgroup", string(b.Cgroup)},
	} {
		if f.value != "" {
			flags = append(flags, f.name, f.value)
		}
	}
	return append(flags, b.Plant.Flags()...)
}

// Check says in one line what of b cannot be had together, whatever the driver.
func (b Builtin) Check() error {
	switch {
	case b.Pad < 0 || b.Size < 0:
		return fmt.Errorf("a size below zero")
	case b.Pad != 0 && b.Size != 0:
		return fmt.Errorf("pad adds to the binary and size says what it grows to: give one of them")
	case b.Pad > scenarios.MaxBinary || b.Size > scenarios.MaxBinary:
		return fmt.Errorf("a binary of more than %s", scenarios.FormatSize(scenarios.MaxBinary))
	}
	return b.options().Check()
}

// CheckDriver says in one line what of b the driver has no way to do.
func (b Builtin) CheckDriver(d cgroupjoin.Driver) error {
	return b.options().CheckDriver(d == cgroupjoin.Systemd)
}

func (b Builtin) options() options.Options {
	return options.Options{Clone: b.Clone, Strategy: b.Strategy, Join: b.Join, Cgroup: b.Cgroup, Plant: b.Plant}
}

// builtinName is the reference without options.
const builtinName = "builtin"

// cutBuiltin says whether s means the built-in runtime. A path may begin with the word, but
// not with the word and a colon: such a file is ./builtin:...
func cutBuiltin(s string) (options string, is bool) {
	if s == builtinName {
		return "", true
	}
	return strings.CutPrefix(s, builtinName+":")
}

// builtinKey is what can stand behind the colon.
type builtinKey struct {
	name string
	set  func(*Builtin, string) error
	get  func(Builtin) string
}

// builtinKeys are in canonical order.
var builtinKeys = []builtinKey{
	{"clone",
		func(b *Builtin, v string) error { return among("clone", v, memfdclone.Wheres(), &b.Clone) },
		func(b Builtin) string { return string(b.Clone) }},
	{"strategy",
		func(b *Builtin, v string) error { return among("strategy", v, memfdclone.Strategies(), &b.Strategy) },
		func(b Builtin) string { return string(b.Strategy) }},
	{"pad",
		func(b *Builtin, v string) (err error) { b.Pad, err = parsePadding("pad", v); return },
		func(b Builtin) string { return formatPadding(b.Pad) }},
	{"size",
		func(b *Builtin, v string) (err error) { b.Size, err = parsePadding("size", v); return },
		func(b Builtin) string { return formatPadding(b.Size) }},
	{"join",
		func(b *Builtin, v string) error { return among("join", v, cgroupjoin.Mechanisms(), &b.Join) },
		func(b Builtin) string { return string(b.Join) }},
	{"cgroup",
		func(b *Builtin, v string) error { return among("cgroup", v, cgroupjoin.Whens(), &b.Cgroup) },
		func(b Builtin) string { return string(b.Cgroup) }},
}

// among takes one of a closed set.
func among[T ~string](key, value string, all []T, to *T) error {
	if slices.Contains(all, T(value)) {
		*to = T(value)
		return nil
	}
	var words []string
	for _, w := range all {
		words = append(words, string(w))
	}
	return fmt.Errorf("%s %q%s", key, value, yamlpos.NotOneOf(value, words))
}

func parseBuiltin(whole, text string) (Ref, error) {
	ref := Ref{Kind: BuiltinRef, Name: builtinName}
	if whole == builtinName {
		return ref, nil
	}
	seen := map[string]bool{}
	for option := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(option, "=")
		err := ref.Builtin.set(key, value)
		if err == nil && seen[key] {
			err = fmt.Errorf("%s is said twice", key)
		}
		if err != nil {
			return Ref{}, &RefError{Ref: whole, Reason: printable(err.Error(), maxReason)}
		}
		seen[key] = true
	}
	if err := ref.Builtin.Check(); err != nil {
		return Ref{}, &RefError{Ref: whole, Reason: err.Error()}
	}
	return ref, nil
}

// maxReason holds the longest of our own words with what they quote of the user's.
const maxReason = 400

func (b *Builtin) set(key, value string) error {
	var names []string
	for _, k := range slices.Concat(builtinKeys, plantKeys) {
		if k.name == key {
			return k.set(b, printable(value, maxQuoted))
		}
	}
	for _, k := range builtinKeys { // of plants whoever wants one knows
		names = append(names, k.name)
	}
	return fmt.Errorf("option %s%s, each as key=value and a comma between two", quote(key), yamlpos.NotOneOf(key, names))
}

// ref is the canonical reference: options in the order of builtinKeys, sizes as scenarios writes them.
func (b Builtin) ref() string {
	var said []string
	for _, k := range slices.Concat(builtinKeys, plantKeys) {
		if v := k.get(b); v != "" {
			said = append(said, k.name+"="+v)
		}
	}
	if len(said) == 0 {
		return builtinName
	}
	return builtinName + ":" + strings.Join(said, ",")
}

// KeepVariable names the variable that, set to anything, has the built-in runtime do nothing but execute its binary until its standard
// input ends: what is being executed cannot be opened for writing.
const KeepVariable = "_INITBENCH_KEEP"
