//go:build !linux

package vm

import (
	"context"
	"io"
	"net"
	"os/exec"
	"time"
)

// errLinux is the answer everywhere else: the guest's devices are given to QEMU as
// descriptors (memfd, socket pair), and its image is made with Debian's tools.
var errLinux = &EnvError{Problem: "the guest can only be booted on Linux", Remedy: "run this command on a Linux machine"}

func findQEMU(Suite) (QEMU, error) { return QEMU{}, errLinux }

type hypervisor struct{ done chan struct{} }

func launch(QEMU, machine, string, io.Writer) (*hypervisor, net.Conn, error) {
	return nil, nil, errLinux
}

func (*hypervisor) kill() {}

func (*hypervisor) waited() time.Duration { return 0 }

func (*hypervisor) reason() (why, said string) { return errLinux.Error(), "" }

func runChild(*exec.Cmd, bool) error { return errLinux }

func checkSpace(string, uint64) error { return errLinux }

// RunAgent serves inside the guest, which is Linux.
func RunAgent(context.Context) error { return errLinux }
