package main_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/testenv"
)

// Catches a plant of memory that is charged to somebody else, is not all touched, or outlives the payload's exec.
func TestPlantedMemory(t *testing.T) {
	const asked, slack = 48 << 20, 8 << 20 // of what init has by itself, in huge pages
	eachDriver(t, func(c *trial) {
		c.with("plant-anon=48MiB")
		await := c.payloadSpeaks()
		if said, code := c.create(); code != 0 {
			c.t.Fatalf("create: %d, %s", code, said)
		}
		m := c.memory()
		if m.AnonBytes < asked || m.AnonBytes > asked+2*slack {
			c.t.Errorf("init has %d bytes, want %d and some more", m.AnonBytes, asked)
		}
		if said, code := c.run(c.cli.Start(c.id)); code != 0 {
			c.t.Fatalf("start: %d, %s", code, said)
		}
		await()
		if m := c.memory(); m.AnonBytes > slack {
			c.t.Errorf("the payload has %d bytes, want none of the plant's", m.AnonBytes)
		}
	})
}

func (c *trial) memory() cgroupjoin.MemoryStat {
	c.t.Helper()
	m, err := cgroupjoin.ReadMemory(c.cgroup)
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

// payloadSpeaks returns a function that returns when init has become the payload, whose stamp it awaits.
func (c *trial) payloadSpeaks() func() {
	c.t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		c.t.Fatal(err)
	}
	// The payload holds for as long as somebody may write to its standard input: its cgroup is still there to be read.
	held, holding, err := os.Pipe()
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _, _ = held.Close(), holding.Close() }) // nothing is ever written
	c.stdin, c.stdout = held, in
	return func() {
		c.t.Helper()
		_, err := bufio.NewReader(out).ReadString('\n')
		if err = errors.Join(err, in.Close(), out.Close()); err != nil {
			c.t.Fatal(err)
		}
		c.stdout = nil
	}
}

// Catches a plant of time that is none: a create here takes a fifth of it.
func TestPlantedSleep(t *testing.T) {
	c := newTrial(t, cgroupjoin.Cgroupfs).with("plant-sleep=3s")
	began := time.Now()
	if said, code := c.create(); code != 0 {
		t.Fatalf("create: %d, %s", code, said)
	}
	if took := time.Since(began); took < 3*time.Second {
		t.Errorf("create took %v", took)
	}
}

// Catches an init that goes on after it did not understand its part.
func TestPlantIsReadStrictly(t *testing.T) {
	testenv.Require(t, testenv.File(binary()))
	cmd := exec.Command(binary(), "init")
	cmd.Env = []string{"_INITBENCH_PLANT=1 x"}
	out, err := cmd.CombinedOutput()
	want := "initbench-builtin: init: _INITBENCH_PLANT=\"1 x\" is not two numbers\n"
	if cmd.ProcessState.ExitCode() != 1 || string(out) != want {
		t.Errorf("%v: %q, want %q", err, out, want)
	}
}
