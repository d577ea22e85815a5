package vm

import (
	"fmt"
	"strings"
	"testing"
)

// dying reports whether the console has given the guest up.
func (c *console) isDying() bool {
	select {
	case <-c.dying:
		return true
	default:
		return false
	}
}

// A kernel that died must be told from one that only complains: waiting for the
// first wastes minutes, killing the second wastes the run.
func TestConsoleKnowsADyingKernel(t *testing.T) {
	for line, fatal := range map[string]bool{
		"[    1.234567] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)": true,
		"[    0.9] Oops: 0000 [#1] PREEMPT SMP NOPTI":                                                   true,
		"[    0.9] BUG: kernel NULL pointer dereference, address: 0000000000000008":                     true,
		"[    0.9] BUG: unable to handle page fault for address: ffffffff":                              true,
		"[    0.9] general protection fault, probably for non-canonical address":                        true,
		"[   99.9] watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [runc:123]":                        false,
		"[   99.9] BUG: workqueue lockup - pool cpus=0":                                                 false,
		"[   12.0] Memory cgroup out of memory: Killed process 412 (runc:[2:INIT])":                     false,
		"[   12.0] traps: runc[412] trap invalid opcode ip:0 sp:0 error:0":                              false,
	} {
		c := newConsole()
		fmt.Fprint(c, line+"\r\n")
		if c.isDying() != fatal {
			t.Errorf("%s: dying %v, want %v", line, !fatal, fatal)
		}
	}
}

// The serial line arrives in pieces of any size; a line must not be lost at a seam.
func TestConsoleJoinsPieces(t *testing.T) {
	c := newConsole()
	for _, b := range []byte("first\r\n\x1b[0;1mKernel pa") {
		fmt.Fprint(c, string(b))
	}
	if c.isDying() {
		t.Error("dying before the line was whole")
	}
	fmt.Fprint(c, "nic - not syncing\n\nunfinished")
	if !c.isDying() || c.fatalSaid() != "Kernel panic - not syncing" {
		t.Errorf("said %q", c.fatalSaid())
	}
	if got := strings.Join(c.tail(9), "|"); got != "first|Kernel panic - not syncing|unfinished" {
		t.Errorf("tail %q", got)
	}
}

// A guest that prints without end must not fill this process's memory.
func TestConsoleIsBounded(t *testing.T) {
	c := newConsole()
	fmt.Fprint(c, strings.Repeat("x", 1<<20))
	for i := range 3 * consoleLines {
		fmt.Fprintf(c, "\nline %d", i)
	}
	tail := c.tail(1 << 20)
	if len(tail) > consoleLines+1 || tail[len(tail)-1] != fmt.Sprintf("line %d", 3*consoleLines-1) {
		t.Errorf("%d lines, the last %q", len(tail), tail[len(tail)-1])
	}
	for _, line := range tail {
		if len(line) > consoleWidth {
			t.Fatalf("a line of %d bytes", len(line))
		}
	}
}
