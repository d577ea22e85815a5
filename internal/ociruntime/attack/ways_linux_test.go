package attack

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/internal/testenv"
	"github.com/initbench/initbench/memfdclone"
)

// way is a runtime and how it protects itself.
type way struct {
	name     string
	runtime  string // its file in the directory of INITBENCH_TEST_RUNTIMES, or a path
	options  ociruntime.Builtin
	strategy memfdclone.Strategy
}

// perStart are the ways that protect each start by itself, and the one that does not.
func perStart() []way {
	ways := []way{
		{"none", "builtin", ociruntime.Builtin{Clone: memfdclone.Nowhere}, memfdclone.None},
		{"builtin", "builtin", ociruntime.Builtin{}, memfdclone.Overlayfs}, // where nobody asks for anything
		{"init memfd", "builtin", ociruntime.Builtin{Clone: memfdclone.InInit}, memfdclone.Memfd},
	}
	for _, s := range memfdclone.Strategies() {
		if s != memfdclone.None && s.Executable() == nil {
			ways = append(ways, way{"parent " + string(s), "builtin", ociruntime.Builtin{Clone: memfdclone.InParent, Strategy: s}, s})
		}
	}
	return append(ways,
		way{"runc 1.1.14", "runc@v1.1.14", ociruntime.Builtin{}, memfdclone.Bind},
		way{"runc 1.1.15", "runc@v1.1.15", ociruntime.Builtin{}, memfdclone.Memfd},
		way{"runc 1.2.6", "runc@v1.2.6", ociruntime.Builtin{}, memfdclone.Overlayfs},
		way{"runc 1.5.2", "runc@v1.5.2", ociruntime.Builtin{}, memfdclone.Overlayfs},
		way{"crun", "crun", ociruntime.Builtin{}, memfdclone.Bind},
	)
}

// at makes the site of a way.
func (w way) at(t *testing.T) *site {
	t.Helper()
	if w.strategy == memfdclone.MemfdTHP {
		withTHP(t)
	}
	if w.runtime != "crun" {
		path := filepath.Join(os.Getenv("INITBENCH_TEST_RUNTIMES"), w.runtime)
		testenv.Require(t, testenv.File(path))
		return newSite(t, path, w.options.Flags())
	}
	path, err := exec.LookPath("crun")
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, path, nil)
	// It is linked dynamically: the image has what it needs, as one that is out for it would.
	for _, dir := range []string{"/usr/lib", "/lib", "/lib64"} {
		s.mounts = append(s.mounts, specs.Mount{Destination: dir, Type: "bind", Source: dir, Options: []string{"rbind", "ro"}})
	}
	return s
}

// withTHP lets shared memory have huge pages where it asks for them, until the test ends.
func withTHP(t *testing.T) {
	t.Helper()
	const file = "/sys/kernel/mm/transparent_hugepage/shmem_enabled"
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, chosen, _ := strings.Cut(string(old), "[")
	chosen, _, _ = strings.Cut(chosen, "]")
	set := func(mode string) {
		if err := os.WriteFile(file, []byte(mode), 0o644); err != nil {
			t.Error(err)
		}
	}
	set("advise")
	t.Cleanup(func() { set(chosen) })
}

// ordinary are the capabilities that Docker and containerd give a container's root.
var ordinary = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP",
	"CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
}

// privileged are all there are.
var privileged = append([]string{
	"CAP_DAC_READ_SEARCH", "CAP_LINUX_IMMUTABLE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
	"CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
	"CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_LEASE", "CAP_AUDIT_CONTROL", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG",
	"CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
}, ordinary...)
