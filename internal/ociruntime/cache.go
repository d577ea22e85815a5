package ociruntime

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// cacheEntry is where one installed version lies:
//
//	runtimes/runc@v1.1.15/runc           the binary
//	runtimes/runc@v1.1.15/install.json   what was installed, an installRecord
//	runtimes/runc@v1.1.15.lock           held while the directory is replaced; not there without the directory
//	runtimes/.runc@v1.1.15.tmp-N/        an install under way, or what a killed one left
type cacheEntry struct {
	ref  Ref
	root string // runtimes/
}

// installRecord says what an install made, so that the binary can be checked
// before each use.
type installRecord struct {
	Ref    string `json:"ref"`
	SHA256 string `json:"sha256"`
	// Recipe is the command that built it; another recipe is another binary.
	Recipe    string `json:"recipe"`
	Toolchain string `json:"toolchain"`
}

func openCache(ref Ref, dir string) (cacheEntry, error) {
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return cacheEntry{}, &EnvError{What: "find the cache directory", Reason: "the environment names none",
				Remedy: "set HOME or XDG_CACHE_HOME", Err: err}
		}
		dir = filepath.Join(user, "initbench")
	}
	root, err := filepath.Abs(filepath.Join(dir, "runtimes"))
	if err == nil {
		err = os.MkdirAll(root, 0o755)
	}
	if err != nil {
		return cacheEntry{}, &EnvError{What: "make the cache directory", Reason: dir, Err: err}
	}
	return cacheEntry{ref: ref, root: root}, nil
}

func (c cacheEntry) dir() string        { return filepath.Join(c.root, c.ref.String()) }
func (c cacheEntry) binary() string     { return filepath.Join(c.dir(), c.ref.Name) }
func (c cacheEntry) recordPath() string { return filepath.Join(c.dir(), recordName) }
func (c cacheEntry) tempName() string   { return "." + c.ref.String() + ".tmp-" }

const recordName = "install.json"

// errStale is a cached binary that the same command would no longer make.
var errStale = errors.New("built in another way than now")

// lookup returns the cached binary if it is the one that was installed. An empty
// toolchain means that there is none to compare with, and any will do. The error
// is fs.ErrNotExist when nothing is cached.
func (c cacheEntry) lookup(toolchain string) (Binary, error) {
	rec, err := readRecord(c.recordPath())
	if err != nil {
		return Binary{}, err
	}
	// Two arms built by two compilers would differ in more than their version.
	if toolchain != "" && (rec.Toolchain != toolchain || rec.Recipe != recipe(c.ref)) {
		return Binary{}, fmt.Errorf("%w: by %s", errStale, printable(rec.Toolchain, maxQuoted))
	}
	sum, _, err := hashFile(c.binary())
	if err != nil {
		return Binary{}, err
	}
	if sum != rec.SHA256 {
		return Binary{}, fmt.Errorf("%s: SHA-256 is %s, installed was %s", c.binary(), sum, printable(rec.SHA256, 64))
	}
	return Binary{Ref: c.ref, Path: c.binary(), Toolchain: rec.Toolchain, Static: isStatic(c.binary())}, nil
}

func readRecord(path string) (installRecord, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return installRecord{}, err
	}
	var rec installRecord
	if err := json.Unmarshal(data, &rec); err != nil {
		return installRecord{}, fmt.Errorf("%s: %w", path, err)
	}
	return rec, nil
}

// lockPoll is how often a second install looks whether the first is done:
// flock(2) has no wait that a context can end.
const lockPoll = 200 * time.Millisecond

// lock keeps other installs of the same version out, those of other processes as
// well: each call opens the file anew, and flock(2) locks belong to an open file.
func (c cacheEntry) lock(ctx context.Context, note func(string)) (unlock func() error, err error) {
	for waited := false; ; {
		l := flock.New(filepath.Join(c.root, c.ref.String()+".lock"))
		locked, err := l.TryLock()
		if err == nil && !locked {
			if !waited {
				note("waiting for another install of it to end")
			}
			waited = true
			_, err = l.TryLockContext(ctx, lockPoll)
		}
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", l.Path(), err)
		}
		if lasts(l) {
			return func() error { return errors.Join(c.tidy(l), l.Close()) }, nil
		}
		if err := l.Close(); err != nil {
			return nil, fmt.Errorf("lock %s: %w", l.Path(), err)
		}
	}
}

// lasts reports whether the file that is locked is the one of that name. Whoever held the lock before may have removed it, and a third may hold
// the one that was made since.
func lasts(l *flock.Flock) bool {
	mine, err := l.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(l.Path())
	return err == nil && os.SameFile(mine, named)
}

// tidy removes a lock that guards nothing: of a version that there is not, nothing stays. The caller holds it.
func (c cacheEntry) tidy(l *flock.Flock) error {
	if _, err := os.Lstat(c.dir()); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return os.Remove(l.Path())
}

// removeLeftovers removes what killed installs left. The caller holds the lock.
func (c cacheEntry) removeLeftovers() error {
	names, err := os.ReadDir(c.root)
	if err != nil {
		return err
	}
	var errs []error
	for _, n := range names {
		if prefix := c.tempName(); len(n.Name()) > len(prefix) && n.Name()[:len(prefix)] == prefix {
			errs = append(errs, os.RemoveAll(filepath.Join(c.root, n.Name())))
		}
	}
	return errors.Join(errs...)
}

// publish makes the directory fresh, which holds the binary alone, the cache's
// entry. old is a free name on the same file system for what it replaces. The caller holds the lock.
func (c cacheEntry) publish(fresh, old, toolchain string) error {
	sum, _, err := hashFile(filepath.Join(fresh, c.ref.Name))
	if err != nil {
		return err
	}
	rec := installRecord{Ref: c.ref.String(), SHA256: sum, Recipe: recipe(c.ref), Toolchain: toolchain}
	data, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(fresh, recordName), append(data, '\n'), 0o644); err != nil {
		return err
	}
	// rename(2) replaces a directory only by an empty one.
	if err := os.Rename(c.dir(), old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(fresh, c.dir())
}

// hashFile returns the SHA-256 in hex and the size of what it read.
func hashFile(path string) (sum string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	// Closing a file that was only read loses nothing.
	defer func() { _ = f.Close() }()
	h := sha256.New()
	size, err = io.Copy(h, f)
	if err != nil {
		return "", 0, fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}
