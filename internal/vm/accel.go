package vm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"
)

const kvmDevice = "/dev/kvm"

// kvmDeadline is how long a guest may take to come up with kvm. It takes two to
// four seconds where kvm works; where it does not, QEMU aborts at once or the
// guest hangs in its firmware.
const kvmDeadline = 20 * time.Second

// startAuto boots with kvm if a guest comes up with it inside the deadline, else
// with tcg. That /dev/kvm exists proves nothing. A refusal is remembered, so that
// the deadline is waited for once, and noted once: the facts of every guest have it.
func startAuto(ctx context.Context, o Options, q QEMU, img Image) (*Guest, error) {
	return startBy(ctx, kvmDevice, o, q, img)
}

func startBy(ctx context.Context, device string, o Options, q QEMU, img Image) (*Guest, error) {
	why, known := kvmUsable(device), false
	memo := kvmMemo{path: kvmMemoPath(filepath.Join(o.CacheDir, "guest"), img.Hash), BootID: bootID(), QEMU: q.Version, Image: img.Hash}
	if why == "" {
		why = memo.refusal()
		known = why != ""
	}
	if why == "" {
		g, err := tryKVM(ctx, o, q, img)
		if err == nil || ctx.Err() != nil {
			return g, err
		}
		why = "no guest boots with kvm here: " + shortly(err)
		memo.remember(why)
	}
	o.Accel = TCG
	if !known {
		note(o.Log, "emulating, since %s", why)
	}
	g, err := boot(ctx, o, q, img)
	if err == nil {
		g.facts.WhyNotKVM = why
	}
	return g, err
}

func tryKVM(ctx context.Context, o Options, q QEMU, img Image) (*Guest, error) {
	o.Accel, o.BootTimeout = KVM, min(kvmDeadline, o.BootTimeout)
	return boot(ctx, o, q, img)
}

// kvmUsable says why the device cannot even be opened; "" if it can.
func kvmUsable(device string) string {
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "there is no " + device
	case errors.Is(err, os.ErrPermission):
		return device + " may not be opened by this user (its group may)"
	case err != nil:
		return err.Error()
	}
	_ = f.Close() // nothing was done with it
	return ""
}

// kvmMemo remembers that kvm did not work: on this boot of the machine, with this
// QEMU and this image. A change of any of them is worth another try.
type kvmMemo struct {
	path   string
	BootID string `json:"boot_id"`
	QEMU   string `json:"qemu"`
	Image  string `json:"image"`
	Why    string `json:"why"`
}

func kvmMemoPath(root, hash string) string { return filepath.Join(root, "kvm-"+hash+".json") }

// refusal is the remembered reason, or "".
func (m kvmMemo) refusal() string {
	data, err := os.ReadFile(m.path)
	if err != nil {
		return ""
	}
	var old kvmMemo
	if json.Unmarshal(data, &old) != nil {
		return ""
	}
	why := old.Why
	if m.path, m.Why = "", ""; why == "" {
		return ""
	}
	if old.Why = ""; old != m {
		return ""
	}
	return why
}

func (m kvmMemo) remember(why string) {
	m.Why = why
	data, err := json.Marshal(m)
	if err != nil {
		return // strings only: cannot fail
	}
	// Not remembering costs the deadline again, no more.
	_ = renameio.WriteFile(m.path, data, 0o644)
}

// bootID changes with every boot of this machine.
func bootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// shortly is the cause alone, on one line: neither the console nor the assertion
// of its own that QEMU aborts with where kvm lacks something.
func shortly(err error) string {
	var death *DeathError
	if errors.As(err, &death) {
		return death.Reason
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// Acceleration is what a guest would run with here, and if not kvm, why.
func (f Facts) Acceleration() string {
	if f.WhyNotKVM == "" {
		return string(f.Accelerator)
	}
	return fmt.Sprintf("%s (%s)", f.Accelerator, f.WhyNotKVM)
}
