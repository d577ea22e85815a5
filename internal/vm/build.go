package vm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// build makes one image in a directory of its own: packages by mmdebstrap, a
// file system by mke2fs -d. Neither needs root, a loop device or a mount.
type build struct {
	work   string // its directory
	etcApt string // apt's configuration, which names the mirror
	recipe recipe
	log    io.Writer
}

// buildBytes is what a build takes on disk at its fullest: archive, tree and
// image side by side.
const buildBytes = 1800 << 20

func (b *build) run(ctx context.Context) error {
	began := time.Now()
	if err := b.check(); err != nil {
		return err
	}
	mirror, err := debianMirror(b.etcApt)
	if err != nil {
		return err
	}
	note(b.log, "building the %s image (once; half a minute and 200 MB to fetch)", b.recipe.Suite)
	for _, step := range []func(context.Context, aptSource) error{b.bootstrap, b.unpack, b.makeDisk, b.finish} {
		if err := step(ctx, mirror); err != nil {
			return fmt.Errorf("guest image: %w", err)
		}
	}
	note(b.log, "built in %.0f s", time.Since(began).Seconds())
	return nil
}

// tools a build runs, and the packages that have them.
var buildTools = []struct{ name, pkg string }{
	{"mmdebstrap", "mmdebstrap"}, {"mke2fs", "e2fsprogs"}, {"tar", "tar"},
}

// rootlessTools are needed on top by an ordinary user: a user namespace to install
// packages in, and fakeroot to remember who owns what.
var rootlessTools = []struct{ name, pkg string }{
	{"newuidmap", "uidmap"}, {"fakeroot", "fakeroot"},
}

func (b *build) check() error {
	tools := buildTools
	if os.Geteuid() != 0 {
		tools = append(tools[:len(tools):len(tools)], rootlessTools...)
	}
	var missing, packages []string
	for _, t := range tools {
		if _, err := exec.LookPath(t.name); err != nil {
			missing, packages = append(missing, t.name), append(packages, t.pkg)
		}
	}
	if len(missing) > 0 {
		return &EnvError{
			Problem: "the guest image cannot be built without " + strings.Join(missing, ", "),
			Remedy:  "apt-get install " + strings.Join(packages, " "),
		}
	}
	return checkSpace(b.work, buildBytes)
}

func (b *build) path(name string) string { return filepath.Join(b.work, name) }

// bootstrap installs the packages into rootfs.tar.
func (b *build) bootstrap(ctx context.Context, mirror aptSource) error {
	overlay, err := b.recipe.archive()
	if err != nil {
		return err
	}
	if err := os.WriteFile(b.path("overlay.tar"), overlay, 0o644); err != nil {
		return err
	}
	return b.command(ctx, "mmdebstrap", b.bootstrapArgs(mirror)...)
}

func (b *build) bootstrapArgs(mirror aptSource) []string {
	args := []string{
		"--mode=" + bootstrapMode(), "--format=tar", "--variant=minbase",
		"--include=" + strings.Join(b.recipe.Packages, ","),
		`--aptopt=APT::Install-Recommends "false"`,
		// Before the kernel's package runs its hooks: they read the initramfs configuration.
		"--essential-hook=tar-in " + b.path("overlay.tar") + " /",
		// The list of what the image is made of, for the manifest.
		`--customize-hook=chroot "$1" dpkg-query -W -f '${Package} ${Version}\n' >"$1/packages.txt"`,
	}
	if proxy := aptProxy(); proxy != "" {
		args = append(args, fmt.Sprintf("--aptopt=Acquire::http::Proxy %q", proxy))
	}
	for _, pattern := range b.recipe.Excludes {
		args = append(args, "--dpkgopt=path-exclude="+pattern)
	}
	return append(args, string(b.recipe.Suite), b.path("rootfs.tar"), mirror.line(b.recipe.Suite))
}

func bootstrapMode() string {
	if os.Geteuid() == 0 {
		return "root"
	}
	return "unshare"
}

// aptProxy is the proxy this machine's apt uses: a mirror behind it is reached no
// other way. No answer means no proxy.
func aptProxy() string {
	out, err := exec.Command("apt-config", "shell", "P", "Acquire::http::Proxy").Output()
	if err != nil {
		return ""
	}
	value, _ := strings.CutPrefix(strings.TrimSpace(string(out)), "P=")
	return strings.Trim(value, "'")
}

// unpack extracts the tree. Device nodes stay out: the kernel makes its own.
func (b *build) unpack(ctx context.Context, _ aptSource) error {
	if err := os.Mkdir(b.path("rootfs"), 0o755); err != nil {
		return err
	}
	return b.asRoot(ctx, "tar", "--extract", "--file", b.path("rootfs.tar"), "--directory", b.path("rootfs"),
		"--exclude=./dev/*", "--numeric-owner")
}

func (b *build) makeDisk(ctx context.Context, _ aptSource) error {
	return b.asRoot(ctx, "mke2fs", "-q", "-F", "-t", "ext4", "-L", "initbench",
		// No journal: the disk is a snapshot that is thrown away. No lazy initialisation:
		// it would write in the background while trials run.
		"-O", "^has_journal", "-E", "lazy_itable_init=0,root_owner=0:0", "-m", "0", "-N", "65536",
		"-d", b.path("rootfs"), b.path("disk.ext4"), fmt.Sprintf("%dk", b.recipe.DiskBytes>>10))
}

// asRoot runs a command that must see and keep the owners of the tree's files.
// fakeroot keeps them in a file between commands.
func (b *build) asRoot(ctx context.Context, name string, args ...string) error {
	if os.Geteuid() == 0 {
		return b.command(ctx, name, args...)
	}
	state := b.path("fakeroot.state")
	return b.command(ctx, "fakeroot", append([]string{"-i", state, "-s", state, "--", name}, args...)...)
}

// finish copies out what QEMU loads itself, writes the manifest and removes the rest.
func (b *build) finish(_ context.Context, _ aptSource) error {
	kernels, err := filepath.Glob(b.path("rootfs/boot/vmlinuz-*"))
	if err != nil || len(kernels) != 1 {
		return fmt.Errorf("the image has %d kernels, not one", len(kernels))
	}
	release := strings.TrimPrefix(filepath.Base(kernels[0]), "vmlinuz-")
	if err := os.Rename(kernels[0], b.path("vmlinuz")); err != nil {
		return err
	}
	if err := os.Rename(b.path("rootfs/boot/initrd.img-"+release), b.path("initrd.img")); err != nil {
		return err
	}
	if err := b.writeManifest(release); err != nil {
		return err
	}
	for _, name := range []string{"rootfs", "rootfs.tar", "overlay.tar", "fakeroot.state"} {
		if err := os.RemoveAll(b.path(name)); err != nil {
			return err
		}
	}
	return nil
}

func (b *build) writeManifest(kernel string) error {
	list, err := os.ReadFile(b.path("rootfs/packages.txt"))
	if err != nil {
		return err
	}
	m := manifest{Recipe: b.recipe, Kernel: kernel, Packages: strings.Split(strings.TrimSpace(string(list)), "\n")}
	data, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(b.path(manifestName), data, 0o644)
}

// command runs one tool; what it printed is part of the error. When the context
// ends it is asked first: mmdebstrap has a tree to remove.
func (b *build) command(ctx context.Context, name string, args ...string) error {
	var out bytes.Buffer
	cmd := b.tool(ctx, &out, name, args)
	err := runChild(cmd, os.Geteuid() == 0)
	if err != nil && cmd.Process == nil {
		// It was not started. A container's root may make no mount namespace, and then no mounts either.
		cmd = b.tool(ctx, &out, name, args)
		err = runChild(cmd, false)
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		if cmd.Process != nil {
			// What mmdebstrap started and did not wait for, or a kill would not let it: most
			// often nothing. It must not go on writing to what is about to be removed.
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
		return ctx.Err()
	}
	return fmt.Errorf("%s: %w: %s", name, err, lastLines(out.String(), 4))
}

func (b *build) tool(ctx context.Context, out io.Writer, name string, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
	// TMPDIR may be a tmpfs too small for a Debian tree.
	cmd.Env = append(os.Environ(), "TMPDIR="+b.work, "LC_ALL=C")
	return cmd
}

// lastLines is the end of a tool's output on one line.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " | ")
}

// errSpace is for tests to recognise.
var errSpace = errors.New("not enough disk space")
