package vm

import (
	"errors"
	"strings"
	"testing"
)

// An option that contradicts another must be refused in one line before anything
// is built or booted, and never be dropped silently.
func TestOptionsThatCannotBeMeant(t *testing.T) {
	for name, test := range map[string]struct {
		o    Options
		want string
	}{
		"suite":              {Options{Suite: "woody"}, "woody"},
		"clock":              {Options{Clock: "sundial"}, "sundial"},
		"accelerator":        {Options{Accel: "hvf"}, "hvf"},
		"instructions, cpus": {Options{Clock: Instructions, CPUs: 2}, "one processor"},
		"instructions, kvm":  {Options{Clock: Instructions, Accel: KVM}, "tcg"},
		"memory":             {Options{MemoryMiB: 64}, "256"},
		"negative memory":    {Options{MemoryMiB: -1}, "256"},
		"negative cpus":      {Options{CPUs: -1}, "-1"},
		"many cpus":          {Options{CPUs: 1000}, "1000"},
	} {
		err := test.o.Check()
		var usage *UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want one line with %q", name, err, test.want)
		}
	}
}

// The zero value is the documented default, and the instructions clock settles
// what it cannot share.
func TestOptionsDefaults(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/cache")
	o, err := Options{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	if o.Suite != Bookworm || o.Clock != Wall || o.Accel != AccelAuto || o.MemoryMiB != defaultMemoryMiB || o.CPUs < 1 || o.CPUs > 2 || o.CacheDir != "/cache/initbench" {
		t.Errorf("defaults: %+v", o)
	}
	o, err = Options{Clock: Instructions}.withDefaults()
	if err != nil || o.CPUs != 1 || o.Accel != TCG {
		t.Errorf("instructions clock: %d CPUs with %s, %v; want 1 with tcg", o.CPUs, o.Accel, err)
	}
}

// A machine without any cache directory is told what to set.
func TestOptionsWithoutACacheDirectory(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	_, err := Options{}.withDefaults()
	var env *EnvError
	if !errors.As(err, &env) || !strings.Contains(env.Remedy, "HOME") {
		t.Errorf("%v; want what to set", err)
	}
}
