package scenarios

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Catches a file of the catalogue that does not parse or is not found by its name.
func TestCatalogue(t *testing.T) {
	all, err := Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
		if s.Description == "" {
			t.Errorf("%s has no description to list", s.Name)
		}
		if found, err := Load(s.Name); err != nil || found.Name != s.Name {
			t.Errorf("Load(%q) is %q, %v", s.Name, found.Name, err)
		}
	}
	if got, want := strings.Join(names, " "), "address-pool charges density embedder free-order-charges free-order handle-leak hundred instructions join-latency lifecycle network oom-limits order-matrix pod-limit pod-thresholds startup thresholds"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Catches a name that is looked for on disk, or a miss that does not say what there is.
func TestLoadUnknownName(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("mine", []byte(base), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"mine", "", "..", "Startup", "startup\n"} {
		_, err := Load(name)
		var e *Error
		if !errors.As(err, &e) || !strings.HasSuffix(err.Error(), "write address-pool, charges, density, embedder, free-order-charges, free-order, handle-leak, hundred, instructions, join-latency, lifecycle, network, oom-limits, order-matrix, pod-limit, pod-thresholds, startup, thresholds, or the path of a .yaml file") {
			t.Errorf("%q: got %v", name, err)
		}
	}
}

// Catches a slip of the hand that gets no hint, and a hint at what nobody meant.
func TestLoadSuggestsANearName(t *testing.T) {
	for name, want := range map[string]string{
		"startpu": "did you mean startup? else", "oom-limit": "did you mean oom-limits? else", "order": "did you mean order-matrix? else",
		"hundreds": "did you mean hundred? else", "latency": "", "s": "", strings.Repeat("startup", 1<<16): "",
	} {
		_, err := Load(name)
		if err == nil || strings.Contains(err.Error(), "did you mean") != (want != "") || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: got %v, want %q", name, err, want)
		}
	}
}

// Catches a path that is taken for a name.
func TestLoadFile(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("mine.yaml", []byte(base), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"mine.yaml", "./mine.yaml"} {
		if s, err := Load(name); err != nil || s.Name != "mine" {
			t.Errorf("%s: got %q, %v", name, s.Name, err)
		}
	}
}

// Catches a read that hangs (a FIFO without a writer), that never ends (/dev/zero), or
// that takes a huge file into memory before it looks at its size.
func TestLoadFileRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	fifo, big, dangling := filepath.Join(dir, "fifo.yaml"), filepath.Join(dir, "big.yaml"), filepath.Join(dir, "link.yaml")
	if err := errors.Join(syscall.Mkfifo(fifo, 0o600), os.WriteFile(big, nil, 0o600),
		os.Truncate(big, 100<<20), os.Symlink("nowhere", dangling)); err != nil {
		t.Fatal(err)
	}
	const missing = "no such file: give the path of a scenario file, or a name of `initbench scenarios`"
	for name, want := range map[string]string{
		fifo:                        "this is a FIFO: give a scenario file",
		big + ":1:1":                "too large for a scenario: the most is 64KiB",
		dir:                         "this is a directory: give a scenario file",
		"/dev/zero":                 "this is a device: give a scenario file",
		dangling:                    missing,
		filepath.Join(dir, "a.yml"): missing,
	} {
		_, err := Load(strings.TrimSuffix(name, ":1:1"))
		if err == nil || err.Error() != name+": "+want {
			t.Errorf("got  %v\nwant %s: %s", err, name, want)
		}
	}
}

// Catches a cause that is lost on the way to the one line.
func TestLoadFileKeepsTheCause(t *testing.T) {
	if _, err := LoadFile("nowhere/a.yaml"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// Catches trust in a size that says less than there is to read.
func TestReadAllStopsAtTheLimit(t *testing.T) {
	endless := endlessReader{}
	if _, err := readAll("f.yaml", &endless); err == nil || err.Error() != "f.yaml:1:1: too large for a scenario: the most is 64KiB" {
		t.Errorf("got %v", err)
	}
	if endless.read > 4*MaxFileBytes {
		t.Errorf("%d bytes were read", endless.read)
	}
}

type endlessReader struct{ read int }

func (r *endlessReader) Read(p []byte) (int, error) {
	r.read += len(p)
	return len(p), nil
}

// Catches a gate of a fixed design that has grown beyond the minutes people wait for it, and a ladder
// that lost the rungs between which runc 1.1.15 changes: killed at 12 and 16 MiB, started at 20.
func TestFixedGateFitsItsTime(t *testing.T) {
	all := []Scenario{mustLoad(t, "startup"), mustLoad(t, "oom-limits"), mustLoad(t, "pod-limit"), mustLoad(t, "charges")}
	spec, err := NewSpec(all, []Runtime{{Name: "baseline", Ref: "a"}, {Name: "candidate", Ref: "b"}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if estimate, err := Estimate(spec, AssumedTrialCost); err != nil || estimate.Minutes() > 6 {
		t.Errorf("a gate takes %s, %v", estimate, err)
	}
	for _, s := range all[1:3] {
		for _, limit := range []string{"12MiB", "16MiB", "20MiB"} {
			if !hasLimit(s, limit) {
				t.Errorf("%s has no rung at %s", s.Name, limit)
			}
		}
	}
}

func hasLimit(s Scenario, limit string) bool {
	for _, l := range s.Limits {
		if FormatSize(l) == limit {
			return true
		}
	}
	return false
}
