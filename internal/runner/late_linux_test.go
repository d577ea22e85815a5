package runner

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// Catches a stamp that is lost because the machine stood still between the
// payload's write and our read, and a writer without end that holds up a trial.
func TestReadAfterTheDeadline(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = r.Close(), w.Close() }() // in-memory pipe of the test
	if _, err := io.WriteString(w, "written in time"); err != nil {
		t.Fatal(err)
	}
	if err := r.SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(&untilDeadline{f: r})
	if err != nil || string(got) != "written in time" {
		t.Errorf("read %q, %v", got, err)
	}
	endless := &untilDeadline{f: r, late: true, left: 10}
	if _, err := io.WriteString(w, strings.Repeat("x", 100)); err != nil {
		t.Fatal(err)
	}
	got, err = io.ReadAll(endless)
	if err != nil || len(got) != 10 {
		t.Errorf("read %d bytes, %v, of an endless writer's", len(got), err)
	}
}
