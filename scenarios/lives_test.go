package scenarios

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const livesFile = "name: lives\ntrials: 2\ndrivers: [systemd]\n"

// Catches lives that are planned otherwise than they are written: a second half of a block that lives everything once more, a warm-up
// that does, or a metric that nobody asked for.
func TestPlanOfLives(t *testing.T) {
	s, err := Parse("f.yaml", []byte(livesFile+"lifecycle: {length: 3}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if l := s.Lives; l.Faults != 1 || l.Settle != 2*time.Second || !slices.Equal(s.Judge, []string{AllLeftovers}) || !s.Judges("leftover.netns") || s.Judges("leak.netns") {
		t.Errorf("%+v judges %q", *s.Lives, s.Judge)
	}
	spec, err := NewSpec([]Scenario{s}, []Runtime{{Name: "baseline", Ref: "crun"}, {Name: "candidate", Ref: "runc"}}, 7)
	if err != nil {
		t.Fatal(err)
	}
	var times []int
	first := map[string]int{}
	for trial := range spec.Trials() {
		if trial.Warmup != (trial.Lives == 0) {
			t.Errorf("trial %+v", trial)
		}
		if !trial.Warmup {
			times = append(times, trial.Lives)
			first[trial.Arm] += trial.Lives
		}
	}
	if !slices.Equal(times, []int{1, 1, Repeated, Repeated}) || first["baseline"] != first["candidate"] {
		t.Errorf("lived %v times, of each arm %v", times, first)
	}
	if n, err := spec.Starts(); err != nil || n != 2*s.Lives.About().Int64()+2 {
		t.Errorf("%d starts: %v", n, err)
	}
}

// Catches lives that are found out to be too many, or to be none, only where containers are made.
func TestLivesAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"lifecycle: {}\n":                                 "f.yaml:4:12: lifecycle without length: add length",
		"lifecycle: {length: 9}\n":                        "f.yaml:4:21: lifecycle of length 9 with 1 faults: about ",
		"lifecycle: {length: 17}\n":                       "f.yaml:4:21: lifecycle: length 17: want 1 to 16",
		"lifecycle: {length: 3, faults: 17}\n":            "17 faults in a sequence",
		"lifecycle: {length: 3, sequences: [create]}\n":   "f.yaml:4:35: lifecycle.sequences beside length",
		"lifecycle: {sequences: ['create,create']}\n":     "create cannot follow create",
		"lifecycle: {sequences: [delete, delete]}\n":      "f.yaml:4:33: sequence delete a second time",
		"lifecycle: {length: 2, settle: 2h}\n":            "f.yaml:4:32: lifecycle.settle 2h0m0s: write 0s to 1m0s",
		"lifecycle: {length: 2}\ncycles: 20\n":            "lifecycle beside cycles",
		"lifecycle: {length: 2}\nlimits: [16MiB]\n":       "limits beside lifecycle",
		"lifecycle: {length: 2}\nobserve: true\n":         "observe beside lifecycle",
		"lifecycle: {length: 2}\njudge: [start.cpu]\n":    "metric start.cpu of lives",
		"lifecycle: {length: 2, deep: 1}\n":               `unknown key "deep"`,
		"judge: [leftover.mount]\n":                       "metric leftover.mount without lifecycle",
		"lifecycle: {length: 2}\njudge: [leftover.mnt]\n": `metric "leftover.mnt"`,
	} {
		_, err := Parse("f.yaml", []byte(livesFile+text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}
