package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/initbench/initbench/internal/lifecycle"
)

// lifeRecords are those of scripts/bench/lives.sh, lifeList what it prints of them, of which findings has the first part.
const (
	lifeRecords = "../../docs/lives/records.jsonl.gz"
	lifeList    = "../../docs/lives/list.md"
	findings    = "../../docs/findings.md"
)

// Catches a table of lives that says what their records do not, and a runtime or a driver that is missing in it.
func TestFindingsListTheirLives(t *testing.T) {
	f, err := os.Open(lifeRecords)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it was read
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	records, err := livesIn(data)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "lives.jsonl")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := showLives(&out, &lifecycleFlags{from: []string{file}, format: "markdown"}); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(lifeList, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(lifeList); err != nil || !bytes.Equal(want, out.Bytes()) {
		t.Errorf("%s is not what the records give: go test ./cmd/initbench -run Findings -update (%v)", lifeList, err)
	}
	text, err := os.ReadFile(findings)
	if err != nil {
		t.Fatal(err)
	}
	overview, _, _ := strings.Cut(out.String(), "### ")
	for line := range strings.Lines(overview) {
		if !bytes.Contains(text, []byte(line)) {
			t.Errorf("%s does not have: %s", findings, line)
		}
	}
	var cells []string
	for _, tab := range lifecycle.Tables(records) {
		cells = append(cells, tab.Runtime.Name+" "+tab.Driver)
	}
	var want []string
	for _, runtime := range []string{"runc", "runc@v1.1.15", "runc@v1.2.6", "runc@v1.5.2", "crun"} {
		want = append(want, runtime+" cgroupfs", runtime+" systemd")
	}
	if !slices.Equal(cells, want) {
		t.Errorf("cells %q, want %q", cells, want)
	}
}
