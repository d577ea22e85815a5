package vm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A refusal must hold for exactly what was tried: forgotten, it costs the deadline
// each time; kept too long, kvm is never tried again after it was mended.
func TestKVMMemo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kvm.json")
	memo := kvmMemo{path: path, BootID: "b1", QEMU: "7.2", Image: "i1"}
	if why := memo.refusal(); why != "" {
		t.Errorf("nothing is known, but %q", why)
	}
	memo.remember("it aborted")
	if why := memo.refusal(); why != "it aborted" {
		t.Errorf("remembered %q", why)
	}
	for name, other := range map[string]kvmMemo{
		"another boot":  {path: path, BootID: "b2", QEMU: "7.2", Image: "i1"},
		"another QEMU":  {path: path, BootID: "b1", QEMU: "10", Image: "i1"},
		"another image": {path: path, BootID: "b1", QEMU: "7.2", Image: "i2"},
	} {
		if why := other.refusal(); why != "" {
			t.Errorf("%s: %q", name, why)
		}
	}
	if err := os.WriteFile(path, []byte("{half"), 0o644); err != nil {
		t.Fatal(err)
	}
	if why := memo.refusal(); why != "" {
		t.Errorf("a broken file says %q", why)
	}
}

// A missing or forbidden device is no reason to wait for a guest.
func TestKVMUsable(t *testing.T) {
	dir := t.TempDir()
	if why := kvmUsable(filepath.Join(dir, "kvm")); !strings.Contains(why, "there is no") {
		t.Errorf("missing device: %q", why)
	}
	device := filepath.Join(dir, "device")
	if err := os.WriteFile(device, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if why := kvmUsable(device); why != "" {
		t.Errorf("usable device: %q", why)
	}
}
