package ociruntime

import (
	"fmt"
	"os"
	"path/filepath"
)

// PayloadPath is where the payload lies inside the container.
const PayloadPath = "/initbench-payload"

// Rootfs is a container's root directory. It is read-only in the container, so
// all trials of a run share one.
type Rootfs struct {
	Dir string // absolute
}

// rootDirs are the mount points of the bundle's config. They are made beforehand
// because a runtime that finds one missing makes it, and the next trial's root
// would then differ from the first one's.
var rootDirs = []string{"proc", "dev", "sys", "tmp"}

// MakeRootfs makes a root in dir, which it makes and which must not exist.
func MakeRootfs(dir string) (Rootfs, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Rootfs{}, fmt.Errorf("make root file system: %w", err)
	}
	if _, err := PayloadBinary(); err != nil {
		return Rootfs{}, err // before anything is made
	}
	dirs := []string{abs}
	for _, d := range rootDirs {
		dirs = append(dirs, filepath.Join(abs, d))
	}
	for _, d := range dirs {
		if err := mkdir(d); err != nil {
			return Rootfs{}, fmt.Errorf("make root file system: %w", err)
		}
	}
	if err := WritePayload(filepath.Join(abs, PayloadPath)); err != nil {
		return Rootfs{}, fmt.Errorf("make root file system: %w", err)
	}
	return Rootfs{Dir: abs}, nil
}

// mkdir makes one directory that anybody can enter, whatever the umask.
func mkdir(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}
