package runner

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/sequence"
)

// Catches an error of several lines that breaks the table or the message it is printed in, or that loses one of them.
func TestRecordsHaveTextsOfOneLine(t *testing.T) {
	two := errors.Join(errors.New("cgroup: busy"), errors.New("pipe: broken")).Error()
	given := results.Record{Reason: two, Warnings: []string{"observer: " + two, "plain"}, Leaks: []string{two}, Enforcement: &sequence.Enforcement{Why: two}}
	var m memory
	if err := (&collector{sink: &m}).store(concluded{Record: given}); err != nil {
		t.Fatal(err)
	}
	const one = "cgroup: busy; pipe: broken"
	r := m.records[0]
	if r.Reason != one || !slices.Equal(r.Warnings, []string{"observer: " + one, "plain"}) || r.Leaks[0] != one || r.Enforcement.Why != one {
		t.Errorf("%q, %q, %q, %q", r.Reason, r.Warnings, r.Leaks, r.Enforcement.Why)
	}
	if given.Warnings[0] != "observer: "+two || given.Enforcement.Why != two {
		t.Error("the trial's own texts were changed")
	}
	for text, want := range map[string]string{"": "", "a\n": "a", "\n\ta\n\n b\r\n": "a; b"} {
		if got := OneLine(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// Catches a record that speaks of a whole timeline where a part of it is stored, and a warning of every trial.
func TestCutTimelineIsInTheRecord(t *testing.T) {
	var long sequence.Timeline
	for i := range 20_000 {
		long.Events = append(long.Events, sequence.Event{NS: int64(i), Step: sequence.Exec, Comm: "sh", Detail: strings.Repeat("x", 100)})
	}
	var rec results.Record
	fitted, err := new(prepared).fit(long, &rec)
	if err != nil || fitted.Lost == 0 || len(rec.Warnings) != 1 || !strings.Contains(rec.Warnings[0], "the stored timeline is cut: ") {
		t.Errorf("%d lost, %v, warnings %q; want one that it is cut", fitted.Lost, err, rec.Warnings)
	}
	rec.Warnings = nil
	if fitted, err = new(prepared).fit(sequence.Timeline{Events: long.Events[:10]}, &rec); err != nil || len(fitted.Events) != 10 || len(rec.Warnings) > 0 {
		t.Errorf("%d events, %v, warnings %q; want all 10 and none", len(fitted.Events), err, rec.Warnings)
	}
}

// Catches a scope that went with its OOM-killed init, told as a runtime that puts containers elsewhere; and the reverse.
func TestWhyThereIsNoLeaf(t *testing.T) {
	cat := exec.Command("cat")
	stdin, err := cat.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cat.Start(); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(cat.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	init := &initProcess{pid: cat.Process.Pid, fd: fd}
	defer init.close()
	const elsewhere, gone = "was not where the driver puts it", "init had ended"
	if got := noLeaf(init); !strings.Contains(got, elsewhere) {
		t.Errorf("of a running init: %s", got)
	}
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := init.ended(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := noLeaf(init); !strings.Contains(got, gone) {
		t.Errorf("of one that has ended: %s", got)
	}
	if err := cat.Wait(); err != nil {
		t.Error(err)
	}
	if got := noLeaf(nil); !strings.Contains(got, elsewhere) {
		t.Errorf("of one that is not known: %s", got)
	}
}
