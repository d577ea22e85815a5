package vm

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func hashOf(t *testing.T, r recipe) string {
	t.Helper()
	h, err := r.hash()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// An image whose hash left out what it is made of would be served for another.
func TestHashCoversTheRecipe(t *testing.T) {
	base := hashOf(t, recipeFor(Bookworm))
	if again := hashOf(t, recipeFor(Bookworm)); again != base {
		t.Errorf("two hashes of one recipe: %s, %s", base, again)
	}
	for name, change := range map[string]func(*recipe){
		"suite":    func(r *recipe) { r.Suite = Trixie },
		"version":  func(r *recipe) { r.Version++ },
		"packages": func(r *recipe) { r.Packages = append(r.Packages, "strace") },
		"a file":   func(r *recipe) { r.Files[0].Body += " " },
		"a link":   func(r *recipe) { r.Files[len(r.Files)-1].Link += "x" },
		"the disk": func(r *recipe) { r.DiskBytes++ },
		"excludes": func(r *recipe) { r.Excludes = nil },
	} {
		r := recipeFor(Bookworm)
		change(&r)
		if hashOf(t, r) == base {
			t.Errorf("%s: the hash did not change", name)
		}
	}
}

// The image must have the agent's unit, waiting for the port that QEMU gives it.
func TestArchiveHasTheAgentsUnit(t *testing.T) {
	r := recipeFor(Bookworm)
	data, err := r.archive()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for in := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		found[h.Name] = string(body) + h.Linkname
	}
	if len(found) != len(r.Files) {
		t.Errorf("%d files, want %d: two have one name", len(found), len(r.Files))
	}
	unit := found["./etc/systemd/system/initbench-agent.service"]
	if !strings.Contains(unit, `BindsTo=dev-virtio\x2dports-`+agentPort+`.device`) || !strings.Contains(unit, "vm-agent") {
		t.Errorf("unit:\n%s", unit)
	}
	if found["./etc/systemd/system/multi-user.target.wants/initbench-agent.service"] == "" {
		t.Error("nothing starts the agent")
	}
	if found["./etc/systemd/system/apt-daily.timer"] != "/dev/null" {
		t.Error("apt-daily.timer is not masked")
	}
}
