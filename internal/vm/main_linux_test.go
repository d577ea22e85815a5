package vm

import (
	"context"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/initbench/initbench/internal/testenv"
)

// fakeQEMU makes the test binary stand in for QEMU, in one of the ways that a
// guest can come up or fail to.
const fakeQEMU = "INITBENCH_FAKE_QEMU"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "vm-agent" {
		exitOn(RunAgent(context.Background()))
	}
	if os.Getenv(fakeHolder) != "" {
		exitOn(beHolder())
	}
	if mode := os.Getenv(fakeQEMU); mode != "" {
		exitOn(beQEMU(mode))
	}
	testenv.Main(m)
}

// fakeHolder makes the test binary a process that boots a fake guest; its value is
// the static binary to give to it.
const fakeHolder = "INITBENCH_FAKE_HOLDER"

func beHolder() error {
	agent := os.Getenv(fakeHolder)
	if err := os.Unsetenv(fakeHolder); err != nil {
		return err
	}
	o := Options{Accel: TCG, Agent: agent, BootTimeout: time.Hour}.filled()
	_, err := boot(context.Background(), o, QEMU{Path: os.Args[0]}, Image{Suite: Bookworm})
	return err
}

// fakeLife is a named pipe that a fake QEMU keeps open while it lives.
const fakeLife = "INITBENCH_FAKE_LIFE"

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func beAgent(state string) error {
	sock, err := net.FileConn(os.NewFile(3, "agent"))
	if err != nil {
		return err
	}
	agent := &Agent{Env: os.Environ()}
	return agent.Serve(context.Background(), sock, hello{Agent: helloVersion, Kernel: "6.1.0-fake", State: state})
}

func beQEMU(mode string) error {
	switch mode {
	case "agent":
		return beAgent("running")
	case "degraded":
		return beAgent(mode)
	case "stranger":
		if _, err := os.NewFile(3, "agent").WriteString("{\"initbench_agent\":\"of old\"}\n"); err != nil {
			return err
		}
		time.Sleep(time.Hour)
	case "oops":
		fmt.Print("[    1.2] Oops: 0000 [#1] SMP\r\n[    1.3] RIP: 0010:text_poke+0x1\r\n")
		time.Sleep(time.Hour)
	case "abort":
		return fmt.Errorf("qemu: failed to set MSR 0x10a")
	case "alive":
		pipe, err := os.OpenFile(os.Getenv(fakeLife), os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		if _, err := pipe.WriteString("up"); err != nil {
			return err
		}
		time.Sleep(time.Hour)
	case "mute":
		fmt.Println("Probing EDD... ok")
		time.Sleep(time.Hour)
	}
	return nil
}
