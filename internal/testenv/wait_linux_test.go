package testenv

import (
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Catches a wait that a signal ends, one that is never over, and one that does not see what is there.
func TestAwait(t *testing.T) {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = unix.Close(pipe[0]), unix.Close(pipe[1]) }() // as good as never written to
	if err := Await(pipe[0], unix.POLLIN, 0); err == nil {
		t.Error("an empty pipe has something to read")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	waiting := unix.Gettid()
	interrupted := make(chan error, 1)
	go func() {
		defer func() { _, _ = unix.Write(pipe[1], []byte{1}) }() // Await tells when it is not there
		for range 100 {
			// What the runtime preempts itself with, to the thread that waits.
			if err := unix.Tgkill(os.Getpid(), waiting, unix.SIGURG); err != nil {
				interrupted <- err
				return
			}
			time.Sleep(100 * time.Microsecond)
		}
		interrupted <- nil
	}()
	if err := Await(pipe[0], unix.POLLIN, time.Minute); err != nil {
		t.Error(err)
	}
	if err := <-interrupted; err != nil {
		t.Error(err)
	}
}
