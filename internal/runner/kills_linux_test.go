package runner

import (
	"strings"
	"testing"
)

// Catches a trial that waits no more for its victim because of a neighbour's, whose cgroup the kernel did not print: its own line, still
// to come, was never read. And one that waits although every victim without a name is accounted for.
func TestNeighboursVictimIsNoReasonToStopWaiting(t *testing.T) {
	unnamed := strings.Replace(killedText, "process 823", "process 901", 1)
	k := kills{lines: []string{unnamed}}
	for _, cgroup := range []string{"/a/pod/r1-22", "/a/pod/r1-23"} {
		defer k.ask(cgroup)()
	}
	if k.unnamed(victims(k.lines)) {
		t.Error("one kill without a name, and two trials miss theirs: one of them gives up")
	}
	k.lines = append(k.lines, summaryText, killedText)
	all := victims(k.lines)
	if v := pick(all, "/a/pod/r1-22", false); v == nil || v.PID != 823 {
		t.Errorf("the named victim is %+v", v)
	}
	if !k.unnamed(all) {
		t.Error("the kill without a name can only be the other's: it waits")
	}
	if k.unnamed(all) {
		t.Error("one kill without a name is two trials'")
	}
}
