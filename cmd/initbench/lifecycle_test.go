package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/initbench/initbench/internal/journal"
	"github.com/initbench/initbench/internal/lifecycle"
)

// aLife is a record as the command stores it.
func aLife(t *testing.T, change func(*lifecycle.Record)) lifecycle.Record {
	t.Helper()
	s, err := lifecycle.Parse("create,delete")
	if err != nil {
		t.Fatal(err)
	}
	r := lifecycle.Record{Kind: lifecycle.RecordKind, Schema: lifecycle.Schema, Run: "r", Runtime: lifecycle.Runtime{Name: "crun", Ref: "crun"},
		Driver: "cgroupfs", Kernel: "6.1", Where: lifecycle.OnHost, Sequence: s, Steps: []lifecycle.Done{}, Left: []lifecycle.Left{}}
	if change != nil {
		change(&r)
	}
	return r
}

func lineOf(t *testing.T, r lifecycle.Record) string {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func outWith(t *testing.T, content string) *lifecycleFlags {
	t.Helper()
	f := &lifecycleFlags{runtimes: []string{"crun"}, length: 4, out: filepath.Join(t.TempDir(), "lives.jsonl")}
	if err := os.WriteFile(f.out, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return f
}

func contentOf(t *testing.T, f *lifecycleFlags) string {
	t.Helper()
	b, err := os.ReadFile(f.out)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Catches --out of a file that is not ours and is emptied, cut or written to, or is refused with another exit code than bad usage.
func TestOutRefusesWhatIsNotRecords(t *testing.T) {
	line := lineOf(t, aLife(t, nil))
	for _, content := range []string{"precious", "precious\n", line + "\nprecious", line + "\nprecious\n" + line[:30], "\n\n[1]", `{"a":1}`, "{\"a\":1}\n" + line[:5], strings.Replace(line, `"schema":`, `"schema":9`, 1)} {
		f := outWith(t, content)
		_, err := openLifeSink(f, nil, nil)
		if err == nil || exitCode(t.Context(), err, io.Discard) != exitUsage {
			t.Errorf("%q: %v", content, err)
		}
		if got := contentOf(t, f); got != content {
			t.Errorf("%q became %q", content, got)
		}
	}
}

// Catches a torn line that is cut before there is a record to put in its place, one that is not cut then, and a whole record that is lost.
func TestOutGoesOnBehindATornLine(t *testing.T) {
	first := lineOf(t, aLife(t, nil))
	next := aLife(t, func(r *lifecycle.Record) { r.Driver = "systemd" })
	for content, kept := range map[string]string{
		"": "", first + "\n": first + "\n", first + "\n" + first[:40]: first + "\n", first[:9]: "", first[:len(first)-1]: "", first: first + "\n",
	} {
		f := outWith(t, content)
		s, err := openLifeSink(f, nil, nil)
		if err != nil {
			t.Errorf("%q: %v", content, err)
			continue
		}
		if got := contentOf(t, f); got != content {
			t.Errorf("%q became %q before anything was lived", content, got)
		}
		if err := s.add(next); err != nil {
			t.Error(err)
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
		if got, want := contentOf(t, f), kept+lineOf(t, next)+"\n"; got != want {
			t.Errorf("%q became\n%s, want\n%s", content, got, want)
		}
	}
}

// Catches a new file that is made although nothing was lived, a directory found missing only then, and lines of another process that are cut off.
func TestOutIsWrittenOnlyWithARecord(t *testing.T) {
	f := outWith(t, "")
	if err := os.Remove(f.out); err != nil {
		t.Fatal(err)
	}
	s, err := openLifeSink(f, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(f.out); err == nil {
		t.Error("the file was made before anything was lived")
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	line := lineOf(t, aLife(t, nil))
	f = outWith(t, line[:20])
	if s, err = openLifeSink(f, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.out, []byte(line+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.add(aLife(t, nil)); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("written to a file that had changed: %v", err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	for _, out := range []string{filepath.Join(f.out, "x"), filepath.Join(filepath.Dir(f.out), "none", "x"), filepath.Dir(f.out)} {
		f.out = out
		if _, err := openLifeSink(f, nil, nil); err == nil || exitCode(t.Context(), err, io.Discard) != exitUsage {
			t.Errorf("--out %s: %v", out, err)
		}
	}
}

// Catches a rebuilt binary that is already lived, and a table of another --settle, or of two binaries in one that looks like one.
func TestOutKnowsTheSetting(t *testing.T) {
	rebuilt := aLife(t, func(r *lifecycle.Record) { r.Runtime.SHA256 = "ef" })
	f := outWith(t, lineOf(t, aLife(t, nil))+"\n"+lineOf(t, aLife(t, func(r *lifecycle.Record) { r.SettleNS = 7 }))+"\n")
	s, err := openLifeSink(f, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.has(rebuilt) || !s.has(aLife(t, nil)) || len(s.records) != 1 {
		t.Errorf("known %v, shown %+v", s.known, s.records)
	}
	if err := s.add(rebuilt); err != nil {
		t.Error(err)
	}
	var b strings.Builder
	if err := errors.Join(writeLives(&b, f, s.records), s.close()); err != nil {
		t.Error(err)
	}
	for _, head := range []string{"crun, cgroupfs driver, Linux 6.1, host, settled 0s: ", "crun (sha256 ef), cgroupfs driver, "} {
		if strings.Count(b.String(), head) != 1 {
			t.Errorf("%q is not there once:\n%s", head, &b)
		}
	}
}

// Catches a life that is lived again though it is there, one that is there as another of its sequence, and more lives shown than were asked for.
func TestOutKnowsEachLife(t *testing.T) {
	second := aLife(t, func(r *lifecycle.Record) { r.Life = 2 })
	f := outWith(t, lineOf(t, second)+"\n"+lineOf(t, aLife(t, func(r *lifecycle.Record) { r.Life = 4 }))+"\n")
	f.one, f.times, f.length = second.Sequence, 3, 0
	s, err := openLifeSink(f, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for life := range 5 {
		r := aLife(t, func(r *lifecycle.Record) { r.Life = lifeNumber(life) })
		if want := life == 1 || life == 3; s.has(r) != want {
			t.Errorf("life %d (written as %d) is there: %v, want %v", life+1, r.Life, !want, want)
		}
	}
	if len(s.records) != 1 || s.records[0].Life != 2 {
		t.Errorf("of 3 lives are shown: %+v", s.records)
	}
	left := []lifecycle.Left{{Kind: lifecycle.Cgroups, FreedBy: lifecycle.ByClean}}
	if err := s.add(aLife(t, func(r *lifecycle.Record) { r.Life, r.Left = 3, left })); err != nil {
		t.Error(err)
	}
	var b strings.Builder
	if err := errors.Join(writeLives(&b, f, s.records), s.close()); err != nil {
		t.Error(err)
	}
	for _, line := range []string{" lives  cgroup \n", "     1  clean  \n", "\n1 of 2 lives left something\n"} {
		if !strings.Contains(b.String(), line) {
			t.Errorf("%q is not there:\n%s", line, &b)
		}
	}
}

// Catches a life that says nothing, or was not lived, and is shown as one that left nothing.
func TestALifeThatSaysNothing(t *testing.T) {
	one, err := lifecycle.Parse("kill9@create:join,delete")
	if err != nil {
		t.Fatal(err)
	}
	missed := aLife(t, func(r *lifecycle.Record) {
		r.Sequence, r.Steps = one, []lifecycle.Done{{Step: "kill9@create:join", Missed: true, Message: "the runtime did not come to this point"}}
	})
	behind := aLife(t, func(r *lifecycle.Record) { r.Sequence, r.Behind = one, "kill9@create:join" })
	clean := aLife(t, func(r *lifecycle.Record) {
		r.Sequence, r.Steps = one, []lifecycle.Done{{Step: "kill9@create:join", Signal: "killed"}, {Step: "delete"}}
	})
	for want, r := range map[string]lifecycle.Record{"it says nothing: ": missed, "it was not lived: it begins with kill9@create:join, ": behind, "nothing was left\n": clean} {
		var b strings.Builder
		if err := writeLives(&b, &lifecycleFlags{one: one, times: 1}, []lifecycle.Record{r}); err != nil {
			t.Fatal(err)
		}
		if text := b.String(); !strings.Contains(text, want) || strings.Contains(text, "nothing was left") != (want == "nothing was left\n") || strings.Contains(text, "ended") != (r.Behind == "") {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
}

// Catches records with more faults than were asked for in the table of a command, and fewer that are left out.
func TestOutShowsWhatWasAskedFor(t *testing.T) {
	var all []lifecycle.Record
	for _, name := range []string{"create,delete", "kill9@create:join", "kill9@create:join,kill9@delete:exit"} {
		s, err := lifecycle.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, aLife(t, func(r *lifecycle.Record) { r.Sequence = s }))
	}
	for faults, want := range []int{1, 2, 3} {
		f := &lifecycleFlags{runtimes: []string{"crun"}, length: 4, faults: faults}
		if got := f.relevant(all); len(got) != want {
			t.Errorf("of %d with --faults %d: %d, want %d", len(all), faults, len(got), want)
		}
	}
}

// Catches two binaries of one name of which the guest lives the second twice.
func TestTwoRuntimesOfOneNameInAGuest(t *testing.T) {
	first, second := guestRuntime(0, "runc"), guestRuntime(1, "runc")
	if first == second || filepath.Base(first) != "runc" || filepath.Base(second) != "runc" {
		t.Errorf("%s and %s", first, second)
	}
}

// Catches lives that say nothing, also those of one driver alone, and end like an answer, one that says something and does not, a guest's command that keeps the host's from
// deciding, and misses that are counted among lives that left nothing.
func TestLivesThatSayNothing(t *testing.T) {
	one, err := lifecycle.Parse("kill9@create:nopoint")
	if err != nil {
		t.Fatal(err)
	}
	life := func(n int, d lifecycle.Done) lifecycle.Record {
		d.Step = one.String()
		return aLife(t, func(r *lifecycle.Record) { r.Sequence, r.Life, r.Steps = one, n, []lifecycle.Done{d} })
	}
	missed, said := lifecycle.Done{Missed: true}, lifecycle.Done{Signal: "SIGKILL"}
	otherDriver := func(r lifecycle.Record) lifecycle.Record {
		r.Driver = "systemd"
		return r
	}
	for name, c := range map[string]struct {
		flags   lifecycleFlags
		records []lifecycle.Record
		code    int
		text    string
	}{
		"one":         {lifecycleFlags{one: one, times: 1}, []lifecycle.Record{life(0, missed)}, exitInconclusive, "it says nothing: "},
		"each":        {lifecycleFlags{one: one, times: 2}, []lifecycle.Record{life(0, missed), life(2, missed)}, exitInconclusive, "\n0 of 0 lives left something\n2 say nothing: "},
		"as JSON":     {lifecycleFlags{one: one, times: 1, format: "json"}, []lifecycle.Record{life(0, missed)}, exitInconclusive, `"missed": true`},
		"some":        {lifecycleFlags{one: one, times: 2}, []lifecycle.Record{life(0, missed), life(2, said)}, exitPass, "\n0 of 1 lives left something\n1 say nothing: "},
		"of a driver": {lifecycleFlags{one: one, times: 1}, []lifecycle.Record{life(0, said), otherDriver(life(0, missed))}, exitInconclusive, "it says nothing: "},
		"in a guest":  {lifecycleFlags{one: one, times: 1, inGuest: true}, []lifecycle.Record{life(0, missed)}, exitPass, "it says nothing: "},
		"of all":      {lifecycleFlags{length: 1}, []lifecycle.Record{life(0, missed)}, exitPass, "\n1 say nothing: "},
	} {
		var b strings.Builder
		err := c.flags.answer(&b, c.records)
		if code := exitCode(t.Context(), err, io.Discard); code != c.code || !strings.Contains(b.String(), c.text) {
			t.Errorf("%s: exit code %d (%v), want %d, and %q in\n%s", name, code, err, c.code, c.text, &b)
		}
	}
}

// Catches lives in a guest that disturb the figures of another run on this machine.
func TestLivesInAGuestHoldTheMachine(t *testing.T) {
	t.Setenv("INITBENCH_STATE_DIR", t.TempDir())
	t.Setenv("PATH", "") // without QEMU there is no guest
	lock, err := journal.Lock(journal.Base())
	if err != nil {
		t.Fatal(err)
	}
	l := lives{lifecycleFlags: &lifecycleFlags{runtimes: []string{"crun"}, length: 1}, notes: io.Discard, sink: &lifeSink{}}
	var busy *journal.BusyError
	if err := l.inVM(t.Context()); !errors.As(err, &busy) || exitCode(t.Context(), err, io.Discard) != exitEnvironment {
		t.Errorf("beside a run: %v", err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := l.inVM(t.Context()); err == nil || errors.As(err, &busy) {
		t.Errorf("after it, without QEMU: %v", err)
	}
	if lock, err = journal.Lock(journal.Base()); err != nil {
		t.Fatalf("the machine is still held: %v", err)
	}
	if err := lock.Unlock(); err != nil {
		t.Error(err)
	}
}

// Catches an interruption that names a file which was not made, and one that does not say how to go on.
func TestAnInterruptionSaysWhatIsKept(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := outWith(t, "")
	if err := os.Remove(f.out); err != nil {
		t.Fatal(err)
	}
	s, err := openLifeSink(f, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := lives{lifecycleFlags: f, sink: s}
	if got := l.explain(ctx, ctx.Err()).Error(); got != "interrupted" {
		t.Errorf("before the first record: %q", got)
	}
	if err := errors.Join(s.add(aLife(t, nil)), s.close()); err != nil {
		t.Fatal(err)
	}
	if got := l.explain(ctx, ctx.Err()).Error(); got != "interrupted: "+f.out+" keeps what was lived; the same command goes on" {
		t.Errorf("after it: %q", got)
	}
}
