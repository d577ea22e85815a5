package vm

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// QEMU is the binary that was found.
type QEMU struct {
	Path    string
	Version string // 7.2.22
}

// versionLine: "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)".
var versionLine = regexp.MustCompile(`^QEMU emulator version (\d+\.\d+(?:\.\d+)?)`)

func parseQEMUVersion(out string) (string, error) {
	m := versionLine.FindStringSubmatch(out)
	if m == nil {
		line, _, _ := strings.Cut(out, "\n")
		return "", fmt.Errorf("unknown version line %q", line)
	}
	return m[1], nil
}

func (q QEMU) major() int {
	head, _, _ := strings.Cut(q.Version, ".")
	n, _ := strconv.Atoi(head) // digits, by versionLine
	return n
}

// minQEMU is the first major version whose emulation is good enough for a suite's
// kernel. QEMU 7.2 boots 6.1 reliably, but mis-emulates text patching: 6.12 oopses
// or panics in most boots.
var minQEMU = map[Suite]int{Bookworm: 7, Trixie: 10}

// QEMUScript is the script of this repository that installs a newer QEMU beside
// the machine's own.
const QEMUScript = "scripts/guest-qemu10.sh"

// supports says in one line why not, with the remedy.
func (q QEMU) supports(s Suite) error {
	if q.major() >= minQEMU[s] {
		return nil
	}
	return &EnvError{
		Problem: fmt.Sprintf("suite %s needs QEMU %d or newer, this machine has %s", s, minQEMU[s], q.Version),
		Remedy:  QEMUScript + " installs that of bookworm-backports for initbench alone",
	}
}

// Accel is how the guest's processor is run.
type Accel string

const (
	AccelAuto Accel = "auto" // kvm if a guest boots with it, else tcg
	KVM       Accel = "kvm"
	TCG       Accel = "tcg"
)

// Clock is what the guest's time counts.
type Clock string

const (
	Wall         Clock = "wall"
	Instructions Clock = "instructions" // QEMU -icount: one instruction is two nanoseconds
)

// machine is one QEMU command line. Numbers are descriptors that QEMU inherits.
type machine struct {
	image     Image
	accel     Accel
	clock     Clock
	memoryMiB int
	cpus      int
	agentFD   int // a connected socket: the channel
	toolsFD   int // the tools disk, a tar in memory
}

// kernelCommandLine: a panic ends QEMU (panic=-1, -no-reboot), and an oops is one.
// Only the worst is printed on the emulated serial line, which is slow, but all of
// it stays in the kernel's log. Without the watchdog a guest that was not scheduled
// for a while does not report itself stuck, and without the check of the timer one that was not scheduled during it does not
// take its timer for broken ("IO-APIC + timer doesn't work!"); KVM's guests leave that check out too.
const kernelCommandLine = "root=/dev/vda rw console=ttyS0 quiet loglevel=3 panic=-1 oops=panic nowatchdog no_timer_check " +
	"log_buf_len=4M cgroup_no_v1=all fsck.mode=skip net.ifnames=0 " +
	"systemd.show_status=no systemd.firstboot=off systemd.machine_id=696e697462656e636820677565737421"

func (m machine) args() []string {
	args := []string{
		"-name", "initbench", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-machine", "q35", "-m", strconv.Itoa(m.memoryMiB) + "M", "-smp", strconv.Itoa(m.cpus),
	}
	args = append(args, m.accelArgs()...)
	return append(args,
		"-kernel", m.image.kernel(), "-initrd", m.image.initrd(), "-append", kernelCommandLine,
		// unsafe: nobody reads the snapshot after QEMU, so its flushes protect nothing.
		"-drive", "file="+commaSafe(m.image.disk())+",format=raw,if=none,id=root,snapshot=on,cache=unsafe",
		"-device", "virtio-blk-pci,drive=root",
		"-add-fd", fmt.Sprintf("fd=%d,set=1,opaque=tools", m.toolsFD),
		"-drive", "file=/dev/fdset/1,format=raw,if=none,id=tools,readonly=on,file.locking=off",
		"-device", "virtio-blk-pci,drive=tools",
		"-chardev", fmt.Sprintf("socket,id=agent,fd=%d", m.agentFD),
		"-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,name="+agentPort,
		"-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
		"-device", "virtio-rng-pci",
	)
}

func (m machine) accelArgs() []string {
	switch {
	case m.accel == KVM:
		return []string{"-accel", "kvm", "-cpu", "host"}
	case m.clock == Instructions:
		return []string{"-accel", "tcg,thread=single", "-icount", "shift=1,sleep=off"}
	default:
		return []string{"-accel", "tcg,thread=multi"}
	}
}

// commaSafe doubles commas, which separate options on QEMU's command line.
func commaSafe(s string) string { return strings.ReplaceAll(s, ",", ",,") }
