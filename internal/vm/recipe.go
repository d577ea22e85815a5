package vm

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Where things are in the guest. All of it is on the ext4 disk: a runtime on
// tmpfs takes another path through its own code.
const (
	// GuestState is initbench's directory there.
	GuestState = "/var/lib/initbench"
	// GuestBin is first on every command's PATH; pushed binaries go here.
	GuestBin = GuestState + "/bin"
)

// agentPort is the virtio port's name on both sides.
const agentPort = "initbench.agent"

// recipe is everything that settles what an image is, and so what its hash covers.
type recipe struct {
	// Version changes when the way of building changes without a change of the fields below.
	Version  int      `json:"version"`
	Suite    Suite    `json:"suite"`
	Packages []string `json:"packages"`
	Files    []file   `json:"files"`
	// DiskBytes is the size of the sparse file system.
	DiskBytes int64    `json:"disk_bytes"`
	Excludes  []string `json:"excludes"` // dpkg path-exclude
}

// file is put into the image before the kernel package is unpacked.
type file struct {
	Path string `json:"path"`
	Body string `json:"body,omitempty"`
	Link string `json:"link,omitempty"` // instead of Body
}

// Suite is a Debian release that the guest can be.
type Suite string

const (
	Bookworm Suite = "bookworm" // kernel 6.1, systemd 252
	Trixie   Suite = "trixie"   // kernel 6.12, systemd 257
)

// Suites lists the closed set.
func Suites() []Suite { return []Suite{Bookworm, Trixie} }

// guestDisk leaves room for rootfs, runtimes, records and test binaries. It is
// sparse: only what is written takes space.
const guestDisk = 8 << 30

func recipeFor(s Suite) recipe {
	return recipe{
		Version: 1,
		Suite:   s,
		Packages: []string{
			"systemd", "systemd-sysv", "dbus", "udev", "kmod", "linux-image-cloud-amd64",
			"crun", "runc", // REF crun is a name on the guest's PATH, and so is REF runc: the distribution's
			"containernetworking-plugins", // the CNI plugins that give containers a network: /usr/lib/cni
			"procps", "iproute2", "less",  // for whoever looks around in the shell
		},
		Files:     slices.Concat(kernelFiles(), systemFiles(), maskFiles(), agentFiles()),
		DiskBytes: guestDisk,
		Excludes:  []string{"/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"},
	}
}

// kernelFiles makes a small initrd: QEMU's disk is all it has to find, and
// unpacking a general one takes seconds under emulation.
func kernelFiles() []file {
	return []file{
		{Path: "/etc/initramfs-tools/conf.d/initbench", Body: "MODULES=list\nCOMPRESS=zstd\n"},
		{Path: "/etc/initramfs-tools/modules", Body: "virtio_pci\nvirtio_blk\next4\n"},
		{Path: "/etc/modules-load.d/initbench.conf", Body: "virtio_console\noverlay\n"},
		{Path: "/etc/kernel-img.conf", Body: "do_symlinks = yes\n"},
	}
}

func systemFiles() []file {
	return []file{
		{Path: "/etc/hostname", Body: "initbench\n"},
		{Path: "/etc/hosts", Body: "127.0.0.1 localhost initbench\n"},
		{Path: "/etc/fstab", Body: "/dev/vda / ext4 defaults,noatime 0 0\n"},
		{Path: "/etc/systemd/journald.conf.d/initbench.conf",
			Body: "[Journal]\nStorage=volatile\nRuntimeMaxUse=8M\nRateLimitIntervalSec=0\nForwardToConsole=no\nForwardToSyslog=no\n"},
		{Path: "/etc/systemd/system.conf.d/initbench.conf",
			Body: "[Manager]\nDefaultTimeoutStopSec=10s\nStatusUnitFormat=name\n"},
		// Shared memory gets huge pages where a program asks for them, as anonymous memory does
		// on many distributions: the memfd-thp copies need it, and no runtime known asks.
		{Path: "/etc/tmpfiles.d/initbench.conf", Body: "w- /sys/kernel/mm/transparent_hugepage/shmem_enabled - - - - advise\n"},
		{Path: "/etc/profile.d/initbench.sh", Body: "PS1='initbench guest:\\w# '\n"},
		{Path: GuestBin + "/.keep"},
		{Path: "/etc/systemd/system/default.target", Link: "/usr/lib/systemd/system/multi-user.target"},
	}
}

// maskFiles takes away what would run beside a measurement or slow the boot.
func maskFiles() []file {
	var files []file
	for _, unit := range []string{
		"apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer",
		"e2scrub_all.timer", "e2scrub_reap.service", "man-db.timer", "systemd-tmpfiles-clean.timer",
		"getty@tty1.service", "serial-getty@ttyS0.service", "getty.target", "console-getty.service",
		"systemd-logind.service", "systemd-timesyncd.service", "systemd-networkd.service", "networking.service",
		"systemd-update-utmp.service", "systemd-update-utmp-runlevel.service", "systemd-pstore.service",
		"systemd-firstboot.service", "systemd-hwdb-update.service", "systemd-machine-id-commit.service",
		"systemd-sysusers.service", "systemd-random-seed.service", "systemd-journal-flush.service",
		// Modules that nothing here mounts or maps; what needs one still has it loaded on demand.
		"modprobe@.service",
	} {
		files = append(files, file{Path: "/etc/systemd/system/" + unit, Link: "/dev/null"})
	}
	return files
}

// agentFiles: the binary itself comes on a second disk, so that the image does
// not depend on the build of initbench.
func agentFiles() []file {
	// udev makes the port's name some time after the module is loaded. An agent that
	// ends takes the guest with it: the host sees that at once.
	const unit = `[Unit]
Description=initbench agent
Requires=dbus.socket
BindsTo=dev-virtio\x2dports-` + agentPort + `.device
After=dev-virtio\x2dports-` + agentPort + `.device dbus.socket systemd-tmpfiles-setup.service
FailureAction=poweroff-force
SuccessAction=poweroff-force

[Service]
Type=exec
ExecStartPre=/bin/tar -x -f /dev/vdb -C /
ExecStart=/usr/local/bin/initbench vm-agent
Delegate=yes
TasksMax=infinity
StandardOutput=journal+console
StandardError=journal+console

[Install]
WantedBy=multi-user.target
`
	return []file{
		{Path: "/etc/systemd/system/initbench-agent.service", Body: unit},
		{Path: "/etc/systemd/system/multi-user.target.wants/initbench-agent.service", Link: "../initbench-agent.service"},
	}
}

const hashLen = 16 // hex digits

// hash names the recipe: two recipes that differ in anything have two images.
func (r recipe) hash() (string, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("hash recipe: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:hashLen/2]), nil
}

// archive is the recipe's files as a tar, the same bytes each time.
func (r recipe) archive() ([]byte, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range r.Files {
		if err := addFile(w, f.Path, f.Link, 0o644, []byte(f.Body)); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return buf.Bytes(), nil
}

func addFile(w *tar.Writer, path, link string, mode int64, body []byte) error {
	h := &tar.Header{Name: "." + path, Mode: mode, Size: int64(len(body)), Typeflag: tar.TypeReg, ModTime: time.Unix(0, 0)}
	if link != "" {
		h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, link, 0
	}
	if err := w.WriteHeader(h); err != nil {
		return fmt.Errorf("archive %s: %w", path, err)
	}
	if link != "" {
		return nil
	}
	if _, err := w.Write(body); err != nil {
		return fmt.Errorf("archive %s: %w", path, err)
	}
	return nil
}
