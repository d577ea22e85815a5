package options

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/initbench/initbench/cgroupjoin/join"
	"github.com/initbench/initbench/memfdclone"
)

// Catches a flag that runtimes' callers pass and that is taken for something else.
func TestParse(t *testing.T) {
	for line, want := range map[string]Command{
		"--version":      {Verb: "version"},
		"--root /r -- x": {},
		"--root /r --systemd-cgroup --log /l --log-format json create --bundle /b --pid-file /p x": {
			Root: "/r", Systemd: true, Log: "/l", LogFormat: "json", Verb: "create", Bundle: "/b", PIDFile: "/p", ID: "x"},
		"--root=/r --clone=once --report /f create -b /b x": {
			Root: "/r", LogFormat: "text", Options: Options{Clone: memfdclone.Once}, Report: "/f", Verb: "create", Bundle: "/b", ID: "x"},
		"--root /r --strategy memfd --cgroup early --join procs start x": {Root: "/r", LogFormat: "text", Verb: "start", ID: "x",
			Options: Options{Strategy: memfdclone.Memfd, Cgroup: join.Early, Join: join.ByProcs}},
		"--root /r --plant-anon 4096 --plant-sleep 18ms --plant-syscalls 7 create -b /b x": {Root: "/r", LogFormat: "text", Verb: "create", ID: "x", Bundle: "/b",
			Options: Options{Plant: Plant{Anon: 4096, Sleep: 18 * time.Millisecond, Syscalls: 7}}},
		"kill x":           {Root: DefaultRoot, LogFormat: "text", Verb: "kill", ID: "x"},
		"kill x 9":         {Root: DefaultRoot, LogFormat: "text", Verb: "kill", ID: "x", Signal: "9"},
		"delete --force x": {Root: DefaultRoot, LogFormat: "text", Verb: "delete", ID: "x", Force: true},
	} {
		got, err := Parse(strings.Fields(line))
		if want == (Command{}) {
			if err == nil {
				t.Errorf("%q: %+v, want an error", line, got)
			}
			continue
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v\n%s", line, err, diff)
		}
	}
}

// Catches a command line that is half understood and does something all the same.
func TestParseRefuses(t *testing.T) {
	for line, want := range map[string]string{
		"":                           "no verb: want one of create, start, state, kill, delete",
		"run x":                      `verb "run" is not one of create`,
		"create":                     "create: no container ID",
		"create x y":                 `create: one container ID, and no "y" after it`,
		"create --console-socket /s": "create: flag provided but not defined: -console-socket",
		"state --force x":            "state: flag provided but not defined: -force",
		"kill x TERM y":              `kill: one container ID, and no "TERM" after it`,
		"--root / state x":           "--root must not be /",
		"--log-format xml state x":   `--log-format "xml" is not one of text, json`,
		"--strategy no state x":      `--strategy "no" is not one of memfd,`,
		"--plant-anon -1 state x":    "plant-anon of -1 bytes is not between",
		"--plant-sleep 5 state x":    `invalid value "5" for flag -plant-sleep`,
		"--join procs --cgroup x":    `--cgroup "x" is not one of late, early`,
	} {
		if c, err := Parse(strings.Fields(line)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %+v, %v; want one line with %q", line, c, err, want)
		}
	}
}

// Catches a join that is left to libcontainer although it would make another one, and the reverse.
func TestMechanism(t *testing.T) {
	for _, c := range []struct {
		options Options
		systemd bool
		want    join.Mechanism
		natural bool
	}{
		{Options{}, false, join.ByProcs, true},
		{Options{}, true, join.ByUnit, true},
		{Options{Cgroup: join.Late, Join: join.ByUnit}, true, join.ByUnit, true},
		{Options{Join: join.ByProcs}, false, join.ByProcs, true},
		{Options{Join: join.ByProcs}, true, join.ByProcs, false},
		{Options{Cgroup: join.Early}, false, join.ByBirth, false},
		{Options{Cgroup: join.Early}, true, join.ByBirth, false},
		{Options{Cgroup: join.Early, Join: join.ByProcs}, false, join.ByProcs, false},
		{Options{Cgroup: join.Early, Join: join.ByAttach}, true, join.ByAttach, false},
		{Options{Join: join.ByAttach}, true, join.ByAttach, false},
	} {
		if got, natural := c.options.Mechanism(c.systemd), c.options.Natural(c.systemd); got != c.want || natural != c.natural {
			t.Errorf("%+v, systemd %v: %s, natural %v; want %s, %v", c.options, c.systemd, got, natural, c.want, c.natural)
		}
	}
}

// Catches combinations that are let through and then make a start other than was asked for.
func TestCheck(t *testing.T) {
	for _, o := range []Options{
		{Strategy: memfdclone.None}, {Clone: memfdclone.InParent, Strategy: memfdclone.None}, {Clone: memfdclone.Nowhere, Strategy: memfdclone.Bind},
		{Clone: memfdclone.InInit, Strategy: memfdclone.MemfdMmap}, {Clone: memfdclone.Once, Strategy: memfdclone.Tmpfile},
		{Strategy: memfdclone.MemfdHugetlb}, {Join: join.ByBirth}, {Join: join.ByBirth, Cgroup: join.Late}, {Join: join.ByUnit, Cgroup: join.Early},
	} {
		if err := o.Check(); err == nil {
			t.Errorf("%+v is let through", o)
		}
	}
	for _, o := range []Options{
		{}, {Clone: memfdclone.Nowhere, Strategy: memfdclone.None}, {Clone: memfdclone.InInit, Strategy: memfdclone.Memfd},
		{Clone: memfdclone.Once, Strategy: memfdclone.MemfdTHP, Cgroup: join.Early}, {Strategy: memfdclone.Bind, Join: join.ByProcs}, {Join: join.ByAttach}, {Join: join.ByBirth, Cgroup: join.Early},
	} {
		if err := o.Check(); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
	for systemd, refused := range map[bool]int{true: 0, false: 2} {
		n := 0
		for _, m := range join.Mechanisms() {
			if (Options{Join: m}).CheckDriver(systemd) != nil {
				n++
			}
		}
		if n != refused {
			t.Errorf("systemd %v: %d mechanisms are refused, want %d", systemd, n, refused)
		}
	}
}
