package vm

import (
	"cmp"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// An image takes some 350 MB and is made again in half a minute. So each suite's
// most recently used one stays whatever its age, and of the others, which belong to
// other versions of initbench, at most keepImages-1 stay, and each only for keepUnused.
const (
	keepImages = 3
	keepUnused = 14 * 24 * time.Hour
)

// cached is an image's directory as prune sees it.
type cached struct {
	dir      string
	suite    string
	lastUsed time.Time
}

// markUsed dates the image's last use, on its lock: the image is never written again.
func (i *Image) markUsed() {
	now := time.Now()
	// An image dated too early goes too early, and is built again.
	_ = os.Chtimes(i.Dir+lockSuffix, now, now)
}

// prune removes images by the rule above, and what killed builds left. What is
// locked is in use or in the making and stays. What cannot be removed is tried
// again with the next guest: none is refused for that.
func prune(root string, now time.Time, log io.Writer) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return
	}
	var images []cached
	for _, e := range entries {
		name, half := strings.CutSuffix(e.Name(), buildingSuffix)
		suite, hash, _ := strings.Cut(name, "-")
		switch {
		case !e.IsDir() || !slices.Contains(Suites(), Suite(suite)) || len(hash) != hashLen:
		case half:
			removeUnlocked(filepath.Join(root, name), func(dir string) bool { return os.RemoveAll(dir+buildingSuffix) == nil })
		default:
			images = append(images, cached{filepath.Join(root, name), suite, lastUsed(filepath.Join(root, name))})
		}
	}
	for _, c := range surplus(images, now) {
		if removeUnlocked(c.dir, removeImage) {
			note(log, "removed the image %s, last used %s", filepath.Base(c.dir), c.lastUsed.Format(time.DateOnly))
		}
	}
}

// surplus picks what is to go.
func surplus(images []cached, now time.Time) []cached {
	slices.SortFunc(images, func(a, b cached) int {
		return cmp.Or(strings.Compare(a.suite, b.suite), b.lastUsed.Compare(a.lastUsed))
	})
	var gone []cached
	newer := map[string]int{}
	for _, c := range images {
		if n := newer[c.suite]; n > 0 && (n >= keepImages || now.Sub(c.lastUsed) > keepUnused) {
			gone = append(gone, c)
		}
		newer[c.suite]++
	}
	return gone
}

// lastUsed is zero, long ago, for an image without a lock: none of this version.
func lastUsed(dir string) time.Time {
	st, err := os.Stat(dir + lockSuffix)
	if err != nil {
		return time.Time{}
	}
	return st.ModTime()
}

// removeUnlocked has an image or its half removed while nobody else can take it. The lock's
// file stays: another process may have it open and be about to lock it.
func removeUnlocked(dir string, remove func(string) bool) bool {
	lock := flock.New(dir + lockSuffix)
	defer func() { _ = lock.Close() }() // drops the lock, whatever it says
	got, err := lock.TryLock()
	return err == nil && got && remove(dir)
}

// removeImage takes the name away first: what a kill leaves of the rest is no image.
func removeImage(dir string) bool {
	half := dir + buildingSuffix
	if os.RemoveAll(half) != nil || os.Rename(dir, half) != nil || os.RemoveAll(half) != nil {
		return false
	}
	_, hash, _ := strings.Cut(filepath.Base(dir), "-")
	_ = os.Remove(kvmMemoPath(filepath.Dir(dir), hash)) // of use with the image alone; most have none
	return true
}
