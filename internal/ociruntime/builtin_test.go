package ociruntime

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/builtin/options"
	"github.com/initbench/initbench/internal/ociruntime/hostile"
	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/scenarios"
)

// Catches an option that is read as another, and one option set that is two references.
func TestBuiltinIsCanonical(t *testing.T) {
	for in, want := range map[string]struct {
		canonical string
		builtin   Builtin
	}{
		"builtin":                         {"builtin", Builtin{}},
		"builtin:size=16384KiB":           {"builtin:size=16MiB", Builtin{Size: 16 << 20}},
		"builtin:pad=1,clone=init":        {"builtin:clone=init,pad=1", Builtin{Clone: memfdclone.InInit, Pad: 1}},
		"builtin:clone=none":              {"builtin:clone=none", Builtin{Clone: memfdclone.Nowhere}},
		"builtin:join=attach,cgroup=late": {"builtin:join=attach,cgroup=late", Builtin{Join: cgroupjoin.ByAttach, Cgroup: cgroupjoin.Late}},
		"builtin:plant-syscalls=200,plant-anon=1024KiB,cgroup=late": {"builtin:cgroup=late,plant-anon=1MiB,plant-syscalls=200",
			Builtin{Cgroup: cgroupjoin.Late, Plant: options.Plant{Anon: 1 << 20, Syscalls: 200}}},
		"builtin:plant-sleep=18000us":     {"builtin:plant-sleep=18ms", Builtin{Plant: options.Plant{Sleep: 18 * time.Millisecond}}},
		"builtin:strategy=memfd":          {"builtin:strategy=memfd", Builtin{Strategy: memfdclone.Memfd}},
		"builtin:cgroup=early,join=procs": {"builtin:join=procs,cgroup=early", Builtin{Join: cgroupjoin.ByProcs, Cgroup: cgroupjoin.Early}},
		"builtin:strategy=memfd-thp,clone=once": {"builtin:clone=once,strategy=memfd-thp",
			Builtin{Clone: memfdclone.Once, Strategy: memfdclone.MemfdTHP}},
	} {
		ref, err := ParseRef(in)
		if err != nil || ref.Kind != BuiltinRef || ref.Builtin != want.builtin || ref.String() != want.canonical {
			t.Errorf("ParseRef(%q) = %+v, %v; want %s, %+v", in, ref, err, want.canonical, want.builtin)
		}
	}
}

// Catches an option that is let through, or refused without saying what would be right.
func TestBuiltinRefuses(t *testing.T) {
	for options, want := range map[string]string{
		"":                          "is not one of clone, strategy, pad, size, join, cgroup",
		"clone":                     `clone "" is not one of parent, init, once, none`,
		"clone=memfd":               `clone "memfd" is not one of parent, init, once, none`,
		"Clone=init":                `option "Clone": did you mean clone? else write one of clone, strategy, pad, size, join, cgroup, each as`,
		"strateyg=memfd":            `option "strateyg": did you mean strategy? else write one of clone, strategy`,
		"clone=onec":                `clone "onec": did you mean once? else write one of parent, init, once, none`,
		"clone=init,":               "is not one of clone, strategy",
		"clone=init clone=none":     "is not one of parent, init, once, none",
		"clone=init,clone=init":     "clone is said twice",
		"pad=16M":                   "16MiB",
		"pad=0":                     "between 1 and 1GiB",
		"size=2GiB":                 "between 1 and 1GiB",
		"size=1,pad=1":              "give one of them",
		"strategy=sendfile":         "is not one of memfd,",
		"strategy=none":             "that is clone=none",
		"clone=none,strategy=memfd": "clone=none makes no copy",
		"clone=init,strategy=bind":  "strategy=memfd alone",
		"clone=once,strategy=bind":  "needs a sealed memfd",
		"strategy=memfd-hugetlb":    "cannot be executed",
		"join=unit,cgroup=early":    "join unit: the call that makes the scope is the one that joins it",
		"join=birth":                "join=birth needs cgroup=early",
		"cgroup=soon":               "is not one of late, early",
		"plant=1MiB":                "is not one of clone, strategy",
		"plant-anon=0":              "plant-anon: 0 is no cost",
		"plant-anon=1M":             "1MiB",
		"plant-anon=2GiB":           "plant-anon of 2147483648 bytes is not between",
		"plant-sleep=-1s":           "plant-sleep: -1s is no cost",
		"plant-sleep=5":             "missing unit",
		"plant-sleep=2m":            "plant-sleep of 2m0s is not between 1ns and 1m0s",
		"plant-syscalls=many":       `plant-syscalls: "many" is no number`,
		"plant-syscalls=1000001":    "is not between 1 and 1000000",
		"clone=\x1b[31m":            "control character",
		"clone=\u202einit":          "did you mean init? else write one of parent",
	} {
		ref, err := ParseRef("builtin:" + options)
		var refErr *RefError
		if !errors.As(err, &refErr) || !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("ParseRef(builtin:%s) = %+v, %v; want a RefError of one line that says %q", options, ref, err, want)
		}
	}
}

// Catches a trial's build that loses to the reference, and an axis it says nothing of that is reset.
func TestBuiltinWith(t *testing.T) {
	b := Builtin{Clone: memfdclone.Once, Strategy: memfdclone.MemfdCopy, Pad: 1 << 20, Cgroup: cgroupjoin.Early}
	if got := b.With(scenarios.Build{}); got != b {
		t.Errorf("with nothing: %+v", got)
	}
	got := b.With(scenarios.Build{Clone: memfdclone.InParent, Strategy: memfdclone.Overlayfs, BinaryBytes: 64 << 20})
	want := Builtin{Clone: memfdclone.InParent, Strategy: memfdclone.Overlayfs, Size: 64 << 20, Cgroup: cgroupjoin.Early}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if b.Bytes(7<<20) != 8<<20 || got.Bytes(7<<20) != 64<<20 {
		t.Errorf("sizes %d, %d; want 8 and 64 MiB", b.Bytes(7<<20), got.Bytes(7<<20))
	}
}

// Catches a driver that is asked for a call it does not have.
func TestBuiltinCheckDriver(t *testing.T) {
	b := Builtin{Join: cgroupjoin.ByAttach, Cgroup: cgroupjoin.Early}
	if err := b.CheckDriver(cgroupjoin.Systemd); err != nil {
		t.Error(err)
	}
	if err := b.CheckDriver(cgroupjoin.Cgroupfs); err == nil || !strings.Contains(err.Error(), "systemd driver") {
		t.Errorf("attach under cgroupfs: %v", err)
	}
}

// Catches flags behind the verb, and one that the caller alone has to do with.
func TestBuiltinFlags(t *testing.T) {
	b := Builtin{Clone: memfdclone.Once, Strategy: memfdclone.MemfdTHP, Size: 1 << 24, Join: cgroupjoin.ByBirth, Cgroup: cgroupjoin.Early,
		Plant: options.Plant{Anon: 4096, Sleep: time.Second, Syscalls: 2}}
	cli := CLI{Binary: "/b", StateRoot: "/r", Options: b.Flags(), Report: "/report"}
	want := []string{"/b", "--root", "/r", "--clone", "once", "--join", "birth", "--cgroup", "early",
		"--plant-anon", "4096", "--plant-sleep", "1s", "--plant-syscalls", "2"}
	if got := cli.Start("x"); !slices.Equal(got, append(slices.Clone(want), "start", "x")) {
		t.Errorf("start: %q", got)
	}
	want = append(want, "--report", "/report", "create", "--bundle", "/d", "--pid-file", "/p", "x")
	for range 2 { // nothing of the first is in the second
		if got := cli.Create("x", "/d", "/p"); !slices.Equal(got, want) {
			t.Errorf("create: %q", got)
		}
	}
}

// Catches padding that can be compressed away, changes the binary, or differs from run to run.
func TestPadded(t *testing.T) {
	base := writeFile(t, filepath.Join(t.TempDir(), "runtime"), "#!/bin/sh\nexit 7\n", 0o600)
	dir := t.TempDir()
	path, err := Padded(base, 1<<16, dir)
	if err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(first) != 1<<16 || !bytes.HasPrefix(first, []byte("#!/bin/sh\nexit 7\n")) || bytes.Count(first, []byte{0}) > 1<<16/128 {
		t.Errorf("%d bytes, %d of them zero", len(first), bytes.Count(first, []byte{0}))
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o755 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if path, err = Padded(base, 1<<16, dir); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(first, again) {
		t.Errorf("a second time it differs: %v", err)
	}
}

// Catches a binary that is cut to a size it exceeds, and a half-made file left behind.
func TestPaddedRefuses(t *testing.T) {
	base := writeFile(t, filepath.Join(t.TempDir(), "runtime"), "0123456789", 0o755)
	dir := t.TempDir()
	if path, err := Padded(base, 9, dir); err == nil || !strings.Contains(err.Error(), "has 10 bytes already") {
		t.Errorf("got %s, %v", path, err)
	}
	if err := os.Mkdir(filepath.Join(dir, "runtime-11"), 0o755); err != nil {
		t.Fatal(err)
	}
	if path, err := Padded(base, 11, dir); err == nil {
		t.Errorf("got %s in place of a directory", path)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Catches a built-in runtime that is taken from PATH although one was named, and a
// missing one that is not said to be missing.
func TestResolveBuiltin(t *testing.T) {
	ref := Ref{Kind: BuiltinRef, Name: builtinName, Builtin: Builtin{Clone: memfdclone.InInit}}
	path := writeHostile(t, hostile.Silent)
	onPath := filepath.Join(t.TempDir(), builtinBinary)
	writeFile(t, onPath, "#!/bin/sh\n", 0o755)
	t.Setenv("PATH", filepath.Dir(onPath))
	for variable, want := range map[string]string{path: path, "": onPath} {
		t.Setenv(builtinVariable, variable)
		if bin, err := Resolve(context.Background(), ref, Options{}); err != nil || bin.Path != want || bin.Ref != ref {
			t.Errorf("%s=%s: %+v, %v; want %s", builtinVariable, variable, bin, err, want)
		}
	}
	t.Setenv("PATH", "/nonexistent")
	t.Setenv(builtinVariable, "")
	var envErr *EnvError
	if _, err := Resolve(context.Background(), ref, Options{}); !errors.As(err, &envErr) || !strings.Contains(err.Error(), "make build") {
		t.Errorf("got %v; want an EnvError that names make build", err)
	}
	t.Setenv(builtinVariable, "/nonexistent/x")
	if _, err := Resolve(context.Background(), ref, Options{}); err == nil || !strings.Contains(err.Error(), builtinVariable) {
		t.Errorf("got %v; want an error that names %s", err, builtinVariable)
	}
}
