package join

import (
	"fmt"
	"slices"
	"testing"
)

// Catches a join offered where there is none, or refused where there is one.
func TestCheck(t *testing.T) {
	var can []string
	for i, driver := range []string{"cgroupfs", "systemd"} {
		for _, m := range Mechanisms() {
			for _, w := range Whens() {
				if Check(m, w, i == 1) == nil {
					can = append(can, fmt.Sprint(driver, " ", m, " ", w))
				}
			}
		}
	}
	want := []string{
		"cgroupfs procs late", "cgroupfs procs early", "cgroupfs birth late", "cgroupfs birth early",
		"systemd procs late", "systemd procs early", "systemd birth late", "systemd birth early",
		"systemd unit late", "systemd attach late", "systemd attach early",
	}
	if !slices.Equal(can, want) {
		t.Errorf("can %q, want %q", can, want)
	}
}

// Catches a word that is taken for another, and one that is refused without naming those there are.
func TestParse(t *testing.T) {
	for _, m := range Mechanisms() {
		if got, err := ParseMechanism(string(m)); err != nil || got != m {
			t.Errorf("%s: %s, %v", m, got, err)
		}
	}
	for _, w := range Whens() {
		if got, err := ParseWhen(string(w)); err != nil || got != w {
			t.Errorf("%s: %s, %v", w, got, err)
		}
	}
	if _, err := ParseMechanism("exec"); err == nil || err.Error() != `join "exec" is not one of procs, birth, unit, attach` {
		t.Errorf("exec: %v", err)
	}
	if _, err := ParseWhen("now"); err == nil || err.Error() != `cgroup "now" is not one of late, early` {
		t.Errorf("now: %v", err)
	}
	for m, w := range map[Mechanism]When{"exec": Late, ByProcs: "now"} {
		if err := Check(m, w, true); err == nil {
			t.Errorf("%s, %s: want an error", m, w)
		}
	}
}
