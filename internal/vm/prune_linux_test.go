package vm

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/go-cmp/cmp"
)

// day is when an image was last used, in days before now.
type day int

// cacheWith makes a cache of image directories, each with its lock.
func cacheWith(t *testing.T, now time.Time, images map[string]day) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, age := range images {
		lock, used := filepath.Join(root, strings.TrimSuffix(name, buildingSuffix)+lockSuffix), now.AddDate(0, 0, -int(age))
		if err := os.MkdirAll(filepath.Join(root, name, "rootfs"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(lock, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(lock, used, used); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// dirs are the directories left, which is all that takes space.
func dirs(t *testing.T, root string) []string {
	t.Helper()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// Images of initbenches long gone fill a disk; a rule that takes one in use, the
// last of its suite or what is no image at all does worse.
func TestPrune(t *testing.T) {
	hash := func(digit string) string { return strings.Repeat(digit, hashLen) }
	for name, test := range map[string]struct {
		cache map[string]day
		gone  []string
	}{
		"old ones but the last of each suite": {
			map[string]day{"bookworm-" + hash("a"): 30, "bookworm-" + hash("b"): 20, "trixie-" + hash("a"): 400},
			[]string{"bookworm-" + hash("a")}},
		"all that were used lately, up to three": {
			map[string]day{"bookworm-" + hash("a"): 4, "bookworm-" + hash("b"): 3, "bookworm-" + hash("c"): 2, "bookworm-" + hash("d"): 1},
			[]string{"bookworm-" + hash("a")}},
		"killed builds": {
			map[string]day{"bookworm-" + hash("a"): 1, "bookworm-" + hash("b") + ".building": 0},
			[]string{"bookworm-" + hash("b") + ".building"}},
		"nothing that is not an image's": {
			map[string]day{"bookworm-" + hash("a"): 1, "bookworm-mine": 99, "forky-" + hash("a"): 99, "notes": 99}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			root := cacheWith(t, now, test.cache)
			want := slices.DeleteFunc(dirs(t, root), func(d string) bool { return slices.Contains(test.gone, d) })
			var log bytes.Buffer
			prune(root, now, &log)
			if diff := cmp.Diff(want, dirs(t, root)); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
			for _, d := range test.gone {
				if noted := strings.Contains(log.String(), "removed the image "+d+","); noted == strings.HasSuffix(d, buildingSuffix) {
					t.Errorf("%s: noted %v in %q", d, noted, &log)
				}
			}
		})
	}
}

// An image that a guest runs from, and one that is being built, are not to be removed.
func TestPruneLeavesWhatIsLocked(t *testing.T) {
	now := time.Now()
	old, half := "bookworm-"+strings.Repeat("a", hashLen), "bookworm-"+strings.Repeat("b", hashLen)
	root := cacheWith(t, now, map[string]day{old: 50, half + buildingSuffix: 50, "bookworm-" + strings.Repeat("c", hashLen): 1})
	before := dirs(t, root)
	used, built := flock.New(filepath.Join(root, old+lockSuffix)), flock.New(filepath.Join(root, half+lockSuffix))
	if err := used.RLock(); err != nil {
		t.Fatal(err)
	}
	if err := built.Lock(); err != nil {
		t.Fatal(err)
	}
	prune(root, now, nil)
	if diff := cmp.Diff(before, dirs(t, root)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	if err := used.Close(); err != nil {
		t.Fatal(err)
	}
	prune(root, now, nil)
	if got := dirs(t, root); slices.Contains(got, old) || !slices.Contains(got, half+buildingSuffix) {
		t.Errorf("once it is not in use any more: %v", got)
	}
	if err := built.Close(); err != nil {
		t.Fatal(err)
	}
}

// What Prepare returns must be locked until its Release, dated, and the occasion
// on which others go.
func TestPrepareLocksAndPrunes(t *testing.T) {
	fakeTools(t, goodDisk)
	o := options(t, t.TempDir())
	stale := filepath.Join(o.CacheDir, "guest", "bookworm-"+strings.Repeat("0", hashLen))
	if err := os.MkdirAll(stale, 0o755); err != nil {
		t.Fatal(err)
	}
	img, err := Prepare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale); !os.IsNotExist(err) {
		t.Errorf("an image without a lock's date: %v; want it gone", err)
	}
	if age := time.Since(lastUsed(img.Dir)); age > time.Hour {
		t.Errorf("last used %v ago", age)
	}
	refuse := func(string) bool { return true }
	if removeUnlocked(img.Dir, refuse) {
		t.Error("the image in use could be locked by another")
	}
	img.Release()
	if !removeUnlocked(img.Dir, refuse) {
		t.Error("the image is locked after its release")
	}
}
