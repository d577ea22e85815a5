package runner

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/initbench/initbench/results"
)

// Lines as Linux 6.1 printed them for runc 1.1.15 under a 12 MiB limit.
const (
	killedText  = "Memory cgroup out of memory: Killed process 823 (runc:[2:INIT]) total-vm:1564824kB, anon-rss:4900kB, file-rss:4kB, shmem-rss:8668kB, UID:0 pgtables:136kB oom_score_adj:0"
	summaryText = "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=r1-22,mems_allowed=0,oom_memcg=/a/pod/r1-22,task_memcg=/a/pod/r1-22,task=runc:[2:INIT],pid=823,uid=0"
)

// Catches a victim whose memory is taken from the wrong field or unit, or that
// loses its cgroup because the two lines are not paired.
func TestVictims(t *testing.T) {
	got := victims([]string{"something else", summaryText, killedText})
	if len(got) != 1 {
		t.Fatalf("%d victims, want 1", len(got))
	}
	want := results.Victim{PID: 823, Comm: "runc:[2:INIT]", AnonBytes: 4900 << 10, FileBytes: 4 << 10, ShmemBytes: 8668 << 10, Memcg: "/a/pod/r1-22", Line: killedText}
	if diff := cmp.Diff(want, got[0].Victim); diff != "" {
		t.Error(diff)
	}
	if inside, known := got[0].within("/a/pod"); !inside || !known {
		t.Errorf("within /a/pod: %v, %v; want true, true", inside, known)
	}
	if inside, _ := got[0].within("/a/po"); inside {
		t.Error("a cgroup whose name only begins alike claims the victim")
	}
}

// Catches a victim claimed by a trial it did not die in, when the kernel left out whose cgroup it was.
func TestVictimOfUnknownCgroup(t *testing.T) {
	got := victims([]string{killedText})
	if _, known := got[0].within("/a"); known {
		t.Error("a victim without the summary line claims to know its cgroup")
	}
}

// Catches a kmsg record whose prefix or dictionary ends up in the text.
func TestKmsgText(t *testing.T) {
	if got := kmsgText("6,1234,5678,-;the text; with more\n SUBSYSTEM=x\n"); got != "the text; with more" {
		t.Errorf("text = %q", got)
	}
}

// Catches a parser that crashes on, or believes, what a process called itself:
// comm may hold anything, brackets and commas too.
func FuzzParseKilled(f *testing.F) {
	f.Add(killedText)
	f.Add(strings.Replace(killedText, "runc:[2:INIT]", "a) total-vm:1kB, anon", 1))
	f.Add("Memory cgroup out of memory: Killed process 99999999999999999999 (x) total-vm:1kB, anon-rss:1kB, file-rss:1kB, shmem-rss:1kB")
	f.Fuzz(func(t *testing.T, line string) {
		v, ok := parseKilled(line)
		if ok && (v.AnonBytes < 0 || v.FileBytes < 0 || v.ShmemBytes < 0 || v.Line != line) {
			t.Errorf("%q: %+v", line, v)
		}
	})
}
