package report

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/initbench/initbench/internal/policy"
	"github.com/initbench/initbench/internal/verdict"
)

// gateList has a line for each gate of gateRecords, as scripts/bench/gates.sh prints it, judged by the default policy.
const (
	gateRecords = "../../docs/gates/records.tar.gz"
	gateList    = "../../docs/gates/list.txt"
)

// Catches a list of gates that says what their records do not, or leaves out one that went wrong.
func TestFindingsListTheirGates(t *testing.T) {
	var lines []string
	for _, dir := range unpacked(t, gateRecords) {
		run := stored(t, dir)
		v, err := verdict.Judge(verdict.Stored(run), policy.Default().Options())
		if err != nil {
			t.Fatal(err)
		}
		code, known := map[verdict.Ruling]int{verdict.Pass: 0, verdict.Improved: 0, verdict.Regressed: 1, verdict.Inconclusive: 3}[v.Ruling]
		if !known {
			t.Errorf("%s: %s", dir, v.Ruling)
		}
		headline, _, _ := strings.Cut(string(drawn(t, Table, v, Options{})), "\n")
		lines = append(lines, fmt.Sprintf("%d  %s  %s", code, filepath.Base(dir), headline))
	}
	list := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.WriteFile(gateList, []byte(list), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(gateList); err != nil || string(want) != list {
		t.Errorf("%s is not what the records give: go test -run Findings -update (%v)", gateList, err)
	}
	counts := map[string]int{}
	for _, line := range lines {
		name := strings.Fields(line)[1]
		switch i := strings.LastIndex(name, "-"); {
		case strings.HasPrefix(name, "aa-"):
			counts["aa"]++
		case strings.Contains(name, "-to-"):
			counts["upgrades"]++
		default:
			counts[name[:i]]++
		}
	}
	if diff := cmp.Diff(map[string]int{"aa": 20, "sleep-cgroupfs": 10, "sleep-systemd": 10, "anon": 10, "syscalls": 10, "upgrades": 12}, counts); diff != "" {
		t.Errorf("gates that were made (-want +got):\n%s", diff)
	}
	for _, line := range lines {
		switch kind, _, _ := strings.Cut(strings.Fields(line)[1], "-"); {
		case kind == "aa" && line[0] == '1':
			t.Errorf("a runtime is worse than itself: %s", line)
		case slices.Contains([]string{"sleep", "anon", "syscalls"}, kind) && line[0] != '1':
			t.Errorf("a planted change is not found: %s", line)
		}
	}
}

// unpacked has the runs of an archive in directories of their own, sorted by name.
func unpacked(t *testing.T, archive string) (dirs []string) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it was read
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	into := t.TempDir()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		file := filepath.Join(into, filepath.Clean("/"+h.Name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err == nil {
			err = os.WriteFile(file, text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		if dir := filepath.Dir(file); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return dirs
}
