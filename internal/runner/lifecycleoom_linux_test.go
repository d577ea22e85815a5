package runner

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fullFifo is a file that nobody can write to before it has been read from: it stands for a memory.max whose write goes on and on.
func fullFifo(t *testing.T) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "memory.max")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() }) // of a test's own pipe
	raw, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var full error
	err = raw.Write(func(fd uintptr) bool {
		for full == nil {
			_, full = unix.Write(int(fd), make([]byte, 4096))
		}
		return true
	})
	if err != nil || !errors.Is(full, unix.EAGAIN) {
		t.Fatal(err, full)
	}
	return f
}

// Catches a step that returns while its write of memory.max is under way, since the run was interrupted: the write would go on killing
// whatever came next into the pod, and its limit of 0 would stay.
func TestTheSqueezeEndsBeforeItsStep(t *testing.T) {
	full := fullFifo(t)
	interrupts := make(chan os.Signal, 8)
	signal.Notify(interrupts, unix.SIGURG)
	defer signal.Stop(interrupts)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- whileSqueezed(ctx, full.Name(), cancel) }()
	<-interrupts // the context is over, and the write is not
	var got strings.Builder
	buf := make([]byte, 1<<20)
	for !strings.Contains(got.String(), "max") || !strings.Contains(got.String(), "0") {
		n, err := full.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		got.WriteString(strings.Trim(string(buf[:n]), "\x00"))
	}
	if err := <-ended; err != nil || got.String() != "0max" {
		t.Errorf("the limit was written as %q, %v; want 0, and then max", got.String(), err)
	}
}
