package vm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// Image is a guest image in the cache, complete and never written again.
type Image struct {
	Dir    string
	Hash   string
	Suite  Suite
	Kernel string // release, such as 6.1.0-50-cloud-amd64
	// lock is held, shared, against whoever would remove the image.
	lock *flock.Flock
}

// Release lets go of the image: it may then be removed when others are newer.
func (i Image) Release() {
	if i.lock != nil {
		// The kernel drops the lock with the descriptor, whatever Close says.
		_ = i.lock.Close()
	}
}

func (i Image) disk() string   { return filepath.Join(i.Dir, "disk.ext4") }
func (i Image) kernel() string { return filepath.Join(i.Dir, "vmlinuz") }
func (i Image) initrd() string { return filepath.Join(i.Dir, "initrd.img") }

// manifest is kept with an image: what it is and what it was made of.
type manifest struct {
	Recipe   recipe   `json:"recipe"`
	Kernel   string   `json:"kernel"`
	Packages []string `json:"packages"` // name version
}

const manifestName = "manifest.json"

// Prepare returns the image for the suite, building it if the cache has none. It
// is the caller's until Release.
func Prepare(ctx context.Context, o Options) (Image, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Image{}, err
	}
	r := recipeFor(o.Suite)
	hash, err := r.hash()
	if err != nil {
		return Image{}, err
	}
	root := filepath.Join(o.CacheDir, "guest")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return Image{}, fmt.Errorf("guest image cache: %w", err)
	}
	dir := filepath.Join(root, string(o.Suite)+"-"+hash)
	img := Image{Dir: dir, Hash: hash, Suite: o.Suite, lock: flock.New(dir + lockSuffix)}
	b := &build{work: dir + buildingSuffix, etcApt: o.etcApt, recipe: r, log: o.Log}
	if err := img.obtain(ctx, b); err != nil {
		img.Release()
		return Image{}, err
	}
	img.markUsed()
	prune(root, time.Now(), o.Log)
	return img, nil
}

// What lies beside an image's directory.
const (
	lockSuffix     = ".lock"     // held shared to use the image, alone to make or remove it
	buildingSuffix = ".building" // a build, or a removal, under way or killed
)

// obtain takes the shared lock of an image that is there, after building it where
// it is not. The exclusive lock of a build is let go first, so that looking is
// always done under the lock that is kept.
func (i *Image) obtain(ctx context.Context, b *build) error {
	for {
		if err := i.locked(ctx, b.log, i.lock.TryRLock, i.lock.TryRLockContext); err != nil {
			return err
		}
		if i.open() == nil {
			return nil
		}
		if err := i.lock.Unlock(); err != nil {
			return fmt.Errorf("unlock guest image: %w", err)
		}
		if err := i.build(ctx, b); err != nil {
			return err
		}
	}
}

func (i *Image) build(ctx context.Context, b *build) (err error) {
	if err := i.locked(ctx, b.log, i.lock.TryLock, i.lock.TryLockContext); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.lock.Unlock()) }()
	if i.open() == nil {
		return nil // another process built it while this one waited
	}
	if err := b.into(ctx, i.Dir); err != nil {
		return err
	}
	return i.open()
}

// lockPoll is how often a lock held by another is tried again: flock has no way to
// wait and to be cancelled at once.
const lockPoll = 200 * time.Millisecond

func (i *Image) locked(ctx context.Context, log io.Writer,
	try func() (bool, error), wait func(context.Context, time.Duration) (bool, error)) error {
	got, err := try()
	if err == nil && !got {
		note(log, "another process is at the same image: waiting for it")
		got, err = wait(ctx, lockPoll)
	}
	if err != nil || !got {
		return fmt.Errorf("lock guest image: %w", err)
	}
	return nil
}

// open takes the directory for an image only if its manifest can be read and there
// is something in each file: a build renames the whole directory into place as its
// last act, but a machine that crashed may have kept the names alone.
func (i *Image) open() error {
	data, err := os.ReadFile(filepath.Join(i.Dir, manifestName))
	if err != nil {
		return fmt.Errorf("guest image: %w", err)
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("guest image %s: manifest: %w", i.Dir, err)
	}
	for _, name := range []string{i.disk(), i.kernel(), i.initrd()} {
		if st, err := os.Stat(name); err != nil || st.Size() == 0 {
			return fmt.Errorf("guest image: %s is missing or empty", name)
		}
	}
	i.Kernel = m.Kernel
	return nil
}

// into builds beside the final place and renames: a half-built image never has the
// name that is looked for.
func (b *build) into(ctx context.Context, dir string) error {
	// Left by a build that was killed: the lock is ours, so nobody uses it.
	if err := os.RemoveAll(b.work); err != nil {
		return fmt.Errorf("guest image: remove a killed build: %w", err)
	}
	if err := os.Mkdir(b.work, 0o755); err != nil {
		return fmt.Errorf("guest image: %w", err)
	}
	// After the rename there is nothing of this name left; otherwise the error to
	// report is the build's.
	defer func() { _ = os.RemoveAll(b.work) }()
	if err := b.run(ctx); err != nil {
		return err
	}
	// A directory here is not whole: it is no image.
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("guest image: %w", err)
	}
	if err := os.Rename(b.work, dir); err != nil {
		return fmt.Errorf("guest image: %w", err)
	}
	return nil
}

// note writes one progress line; a nil log is quiet.
func note(log io.Writer, format string, args ...any) {
	if log == nil {
		return
	}
	// Progress is not worth failing for.
	_, _ = fmt.Fprintf(log, "guest: "+format+"\n", args...)
}
