package vm

import (
	"context"
	"encoding/json"
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

// Prepare returns the image for the suite, building it if the cache has none.
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
	if img, err := openImage(dir, hash, o.Suite); err == nil {
		return img, nil
	}
	unlock, err := lockBuild(ctx, dir+".lock", o.Log)
	if err != nil {
		return Image{}, err
	}
	defer unlock()
	// Another process may have built it while this one waited.
	if img, err := openImage(dir, hash, o.Suite); err == nil {
		return img, nil
	}
	return (&build{work: dir + ".building", etcApt: o.etcApt, recipe: r, log: o.Log}).into(ctx, dir, hash)
}

// openImage takes a directory for an image only if its manifest can be read: a
// build renames the whole directory into place as its last act.
func openImage(dir, hash string, suite Suite) (Image, error) {
	data, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return Image{}, fmt.Errorf("guest image: %w", err)
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Image{}, fmt.Errorf("guest image %s: manifest: %w", dir, err)
	}
	return Image{Dir: dir, Hash: hash, Suite: suite, Kernel: m.Kernel}, nil
}

// lockPoll is how often a lock held by another build is tried again: flock has no
// way to wait and to be cancelled at once.
const lockPoll = 200 * time.Millisecond

func lockBuild(ctx context.Context, name string, log io.Writer) (unlock func(), err error) {
	lock := flock.New(name)
	got, err := lock.TryLock()
	if err == nil && !got {
		note(log, "another process is building the same image: waiting for it")
		got, err = lock.TryLockContext(ctx, lockPoll)
	}
	if err != nil || !got {
		return nil, fmt.Errorf("lock guest image build: %w", err)
	}
	// The kernel drops the lock with the descriptor, whatever Unlock says.
	return func() { _ = lock.Unlock() }, nil
}

// into builds beside the final place and renames: a half-built image never has the
// name that is looked for.
func (b *build) into(ctx context.Context, dir, hash string) (Image, error) {
	// Left by a build that was killed: the lock is ours, so nobody uses it.
	if err := os.RemoveAll(b.work); err != nil {
		return Image{}, fmt.Errorf("guest image: remove a killed build: %w", err)
	}
	if err := os.Mkdir(b.work, 0o755); err != nil {
		return Image{}, fmt.Errorf("guest image: %w", err)
	}
	// After the rename there is nothing of this name left; otherwise the error to
	// report is the build's.
	defer func() { _ = os.RemoveAll(b.work) }()
	if err := b.run(ctx); err != nil {
		return Image{}, err
	}
	// A directory here has no readable manifest: it is no image.
	if err := os.RemoveAll(dir); err != nil {
		return Image{}, fmt.Errorf("guest image: %w", err)
	}
	if err := os.Rename(b.work, dir); err != nil {
		return Image{}, fmt.Errorf("guest image: %w", err)
	}
	return openImage(dir, hash, b.recipe.Suite)
}

// note writes one progress line; a nil log is quiet.
func note(log io.Writer, format string, args ...any) {
	if log == nil {
		return
	}
	// Progress is not worth failing for.
	_, _ = fmt.Fprintf(log, "guest: "+format+"\n", args...)
}
