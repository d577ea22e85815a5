package vm

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// A version that is misread would let a suite boot on a QEMU that breaks it.
func TestParseQEMUVersion(t *testing.T) {
	for out, want := range map[string]string{
		"QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\nCopyright\n":      "7.2.22",
		"QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2+deb13u1~bpo12+1)\nCopyright\n": "10.0.2",
		"QEMU emulator version 9.1\n":                "9.1",
		"qemu: error while loading shared libraries": "",
		"": "",
	} {
		got, err := parseQEMUVersion(out)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", out, got, err, want)
		}
	}
}

// trixie on QEMU 7.2 panics in most boots: it must be refused with the remedy.
func TestSupports(t *testing.T) {
	for _, test := range []struct {
		version string
		suite   Suite
		ok      bool
	}{
		{"7.2.22", Bookworm, true}, {"6.2", Bookworm, false}, {"7.2.22", Trixie, false}, {"9.2.0", Trixie, false}, {"10.0.2", Trixie, true}, {"11.0", Trixie, true},
	} {
		err := QEMU{Version: test.version}.supports(test.suite)
		var env *EnvError
		switch {
		case test.ok && err != nil:
			t.Errorf("%s on %s: %v", test.suite, test.version, err)
		case !test.ok && (!errors.As(err, &env) || !strings.Contains(env.Remedy, QEMUScript)):
			t.Errorf("%s on %s: %v; want the script as remedy", test.suite, test.version, err)
		}
	}
}

// value is what follows a flag.
func value(args []string, flag string) string {
	i := slices.Index(args, flag)
	if i < 0 || i+1 == len(args) {
		return ""
	}
	return args[i+1]
}

// A guest that writes to the cached image, reboots for ever after a panic, or
// counts another clock than its records say would spoil every run.
func TestMachineArgs(t *testing.T) {
	m := machine{image: Image{Dir: "/a,b"}, accel: TCG, clock: Wall, memoryMiB: 512, cpus: 2, agentFD: 3, toolsFD: 4}
	args := m.args()
	line := strings.Join(args, " ")
	for _, want := range []string{
		"file=/a,,b/disk.ext4,format=raw,if=none,id=root,snapshot=on", "-no-reboot", "panic=-1", "-m 512M", "-smp 2",
		"socket,id=agent,fd=3", "fd=4,set=1", "name=" + agentPort, "readonly=on",
	} {
		if !strings.Contains(line, want) {
			t.Errorf("no %q in %s", want, line)
		}
	}
	if slices.Contains(args, "-icount") {
		t.Errorf("wall clock with -icount: %s", line)
	}
	if got := value(args, "-accel"); got != "tcg,thread=multi" {
		t.Errorf("accelerator %q", got)
	}
	m.clock, m.cpus = Instructions, 1
	if args := m.args(); value(args, "-icount") != "shift=1,sleep=off" || value(args, "-smp") != "1" {
		t.Errorf("instructions clock: %s", args)
	}
	m.clock, m.accel = Wall, KVM
	if args := m.args(); value(args, "-accel") != "kvm" || value(args, "-cpu") != "host" {
		t.Errorf("kvm: %s", args)
	}
}
