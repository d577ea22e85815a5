package cgroupjoin

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Catches an ID that would nest slices differently, escape into another
// directory or be escaped by systemd.
func TestCheckToken(t *testing.T) {
	for _, ok := range []string{"a", "0", "t00042", strings.Repeat("x", 32)} {
		if err := checkToken("trial ID", ok); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "a-b", "A", "a/b", "..", "a.slice", "a b", "ä", "a\n", strings.Repeat("x", 33)} {
		err := checkToken("trial ID", bad)
		if err == nil || !strings.HasPrefix(err.Error(), "trial ID ") {
			t.Errorf("checkToken(%q) = %v, want an error that says what it is about", bad, err)
		}
	}
}

// Catches a path that does not agree with where runc, crun and systemd put things.
func TestLayouts(t *testing.T) {
	got := cgroupfsLayout("/cg", "/cg/system.slice/x.service", "run1", "t7", "t7")
	want := layout{
		top:         "/cg/system.slice/x.service/initbench-run1-t7",
		runtime:     "/cg/system.slice/x.service/initbench-run1-t7/runtime",
		pod:         "/cg/system.slice/x.service/initbench-run1-t7/pod",
		leaf:        "/cg/system.slice/x.service/initbench-run1-t7/pod/run1-t7",
		cgroupsPath: "/system.slice/x.service/initbench-run1-t7/pod/run1-t7",
	}
	compareLayouts(t, got, want)

	got = systemdLayout("/cg", "/cg/system.slice/x.service", "run1", "t7", "t7")
	want.pod = "/cg/initbench.slice/initbench-run1.slice/initbench-run1-t7.slice"
	want.leaf = want.pod + "/initbench-run1-t7.scope"
	want.cgroupsPath = "initbench-run1-t7.slice:initbench:run1-t7"
	want.units = []string{"initbench-run1-t7.slice", "initbench-run1-t7.scope"}
	compareLayouts(t, got, want)
}

// Catches a container that is put into another pod than its tree's, or under the name of the one before.
func TestLayoutsInOneTree(t *testing.T) {
	fs, sd := cgroupfsLayout("/cg", "/cg/x", "run1", "tree", "t8"), systemdLayout("/cg", "/cg/x", "run1", "tree", "t8")
	for got, want := range map[string]string{
		fs.pod: "/cg/x/initbench-run1-tree/pod", fs.leaf: "/cg/x/initbench-run1-tree/pod/run1-t8", fs.cgroupsPath: "/x/initbench-run1-tree/pod/run1-t8",
		sd.pod:         "/cg/initbench.slice/initbench-run1.slice/initbench-run1-tree.slice",
		sd.leaf:        "/cg/initbench.slice/initbench-run1.slice/initbench-run1-tree.slice/initbench-run1-t8.scope",
		sd.cgroupsPath: "initbench-run1-tree.slice:initbench:run1-t8",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if want := []string{"initbench-run1-tree.slice", "initbench-run1-t8.scope"}; !slices.Equal(sd.units, want) {
		t.Errorf("units %q, want %q", sd.units, want)
	}
}

func compareLayouts(t *testing.T, got, want layout) {
	t.Helper()
	if !slices.Equal(got.units, want.units) {
		t.Errorf("units %q, want %q", got.units, want.units)
	}
	got.units, want.units = nil, nil
	if got.top != want.top || got.runtime != want.runtime || got.pod != want.pod ||
		got.leaf != want.leaf || got.cgroupsPath != want.cgroupsPath {
		t.Errorf("layout\n%+v, want\n%+v", got, want)
	}
}

// Catches a journal that misses something a tree consists of, and a removal
// that would refuse what the journal names.
func TestLayoutItemsAreRemovable(t *testing.T) {
	for _, l := range []layout{cgroupfsLayout("/cg", "/cg", "r", "t", "t"), systemdLayout("/cg", "/cg", "r", "t", "t")} {
		items := l.items()
		if len(items) != 1+len(l.units) {
			t.Errorf("items %v for units %v", items, l.units)
		}
		for _, it := range items {
			if it.Kind == KindUnit && !ownUnit(it.Name) {
				t.Errorf("unit %s would not be removed", it.Name)
			}
		}
	}
}

// Catches the removal of what a user or another program made.
func TestOwnNames(t *testing.T) {
	tests := []struct {
		name         string
		unit, cgroup bool
	}{
		{"initbench.slice", true, true},
		{"initbench-r.slice", true, true},
		{"initbench-r-t.scope", true, true},
		{"initbench-r-t", false, true},
		{"initbench-supervisor", false, true},
		{"initbench-nightly.service", false, false},
		{"initbench-nightly.timer", false, false},
		{"initbench", false, false},
		{"initbenchmark.slice", false, false},
		{"system.slice", false, false},
		{"initbench-x/../../system.slice", false, false},
		{"-.slice", false, false},
		{"", false, false},
	}
	for _, tt := range tests {
		if got := ownUnit(tt.name); got != tt.unit {
			t.Errorf("ownUnit(%q) = %v", tt.name, got)
		}
		if got := ownCgroupName(tt.name); got != tt.cgroup {
			t.Errorf("ownCgroupName(%q) = %v", tt.name, got)
		}
	}
}

// Catches another run's units taken for this one's because the names begin alike.
func TestOfRun(t *testing.T) {
	for name, want := range map[string]bool{
		"initbench-ab.slice": true, "initbench-ab-t.scope": true, "initbench-ab-t": true,
		"initbench-abc.slice": false, "initbench-a.slice": false, "initbench.slice": false, "initbench-supervisor": false,
	} {
		if got := ofRun(name, "ab"); got != want {
			t.Errorf("ofRun(%q) = %v", name, got)
		}
	}
}

// Catches an order that stops a slice under its scopes.
func TestByRemoval(t *testing.T) {
	got := []string{"initbench.slice", "initbench-r-t.slice", "initbench-r.scope", "initbench-r.slice", "initbench-r-t.scope"}
	slices.SortFunc(got, byRemoval)
	want := []string{"initbench-r-t.scope", "initbench-r.scope", "initbench-r-t.slice", "initbench-r.slice", "initbench.slice"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Catches a limit that the kernel would turn into 0, and a wrong rounding.
func TestLimits(t *testing.T) {
	page := int64(os.Getpagesize())
	for _, bad := range []int64{-1, 0, 1024, page - 1} {
		if err := CheckLimit(bad); err == nil {
			t.Errorf("CheckLimit(%d): want an error", bad)
		}
	}
	if err := CheckLimit(page); err != nil {
		t.Error(err)
	}
	for asked, want := range map[int64]int64{page: page, 2*page - 1: page, 16 << 20: 16 << 20, 3*page + 1: 3 * page} {
		if got := InForce(asked); got != want {
			t.Errorf("InForce(%d) = %d, want %d", asked, got, want)
		}
	}
}
