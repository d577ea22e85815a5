package ociruntime

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/initbench/initbench/scenarios"
)

// plantKeys have the built-in runtime cost more by a known amount; they come behind all others.
var plantKeys = []builtinKey{
	{"plant-anon",
		func(b *Builtin, v string) error { return plant("plant-anon", v, scenarios.ParseSize, &b.Plant.Anon) },
		func(b Builtin) string { return formatPadding(b.Plant.Anon) }},
	{"plant-sleep",
		func(b *Builtin, v string) error { return plant("plant-sleep", v, time.ParseDuration, &b.Plant.Sleep) },
		func(b Builtin) string { return unlessNone(b.Plant.Sleep) }},
	{"plant-syscalls",
		func(b *Builtin, v string) error { return plant("plant-syscalls", v, parseCount, &b.Plant.Syscalls) },
		func(b Builtin) string { return unlessNone(b.Plant.Syscalls) }},
}

// plant leaves it to options.Plant to say what is too much.
func plant[T int | int64 | time.Duration](key, s string, parse func(string) (T, error), to *T) error {
	n, err := parse(s)
	if err == nil && n <= 0 {
		err = fmt.Errorf("%s is no cost", s)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	*to = n
	return nil
}

func parseCount(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, errors.New(quote(s) + " is no number")
	}
	return n, nil
}

func unlessNone[T int | time.Duration](n T) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}
