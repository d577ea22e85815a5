package cgroupjoin

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// Kinds of things that outlive the process that made them, as the journal calls them.
const (
	KindCgroup = "cgroup" // absolute path of a directory below the cgroup2 mount
	KindUnit   = "unit"   // name of a systemd unit
)

// Item is one such thing.
type Item struct {
	Kind string
	Name string
}

// Every name begins with prefix, so that removal can tell ours from others'.
const (
	prefix     = "initbench-"
	topSlice   = "initbench.slice"
	supervisor = prefix + "supervisor"
)

// token keeps run and trial IDs free of '-', which nests slices, and of
// anything that systemd would escape.
var token = regexp.MustCompile(`^[a-z0-9]{1,32}$`)

func checkToken(what, s string) error {
	if !token.MatchString(s) {
		return fmt.Errorf("%s %q: want 1 to 32 of a-z and 0-9", what, s)
	}
	return nil
}

func runSlice(run string) string      { return prefix + run + ".slice" }
func runScope(run string) string      { return prefix + run + ".scope" }
func podSlice(run, id string) string  { return prefix + run + "-" + id + ".slice" }
func leafScope(run, id string) string { return prefix + run + "-" + id + ".scope" }
func treeName(run, id string) string  { return prefix + run + "-" + id }
func podSlicePath(run, id string) string {
	// systemd nests a slice by the dashes in its name.
	return filepath.Join(topSlice, runSlice(run), podSlice(run, id))
}

// layout is where a trial's tree lies. Paths are absolute.
type layout struct {
	top     string // made by us, below the host's base
	runtime string
	pod     string
	leaf    string
	// cgroupsPath is what the container's config says (linux.cgroupsPath).
	cgroupsPath string
	// units the driver or the runtime has systemd make, outermost first.
	units []string
}

// The tree's own cgroups are named after the tree, and the container's after the container.
func cgroupfsLayout(root, base, run, tree, id string) layout {
	top := filepath.Join(base, treeName(run, tree))
	leaf := filepath.Join(top, "pod", run+"-"+id)
	return layout{
		top:         top,
		runtime:     filepath.Join(top, "runtime"),
		pod:         filepath.Join(top, "pod"),
		leaf:        leaf,
		cgroupsPath: strings.TrimPrefix(leaf, root),
	}
}

func systemdLayout(root, base, run, tree, id string) layout {
	top := filepath.Join(base, treeName(run, tree))
	pod := filepath.Join(root, podSlicePath(run, tree))
	return layout{
		top:     top,
		runtime: filepath.Join(top, "runtime"),
		pod:     pod,
		leaf:    filepath.Join(pod, leafScope(run, id)),
		// runc and crun with --systemd-cgroup read this as SLICE:PREFIX:NAME and
		// name the scope PREFIX-NAME.scope.
		cgroupsPath: podSlice(run, tree) + ":initbench:" + run + "-" + id,
		units:       []string{podSlice(run, tree), leafScope(run, id)},
	}
}

// items lists what a tree consists of, in the order it is made.
func (l layout) items() []Item {
	items := []Item{{KindCgroup, l.top}}
	for _, u := range l.units {
		items = append(items, Item{KindUnit, u})
	}
	return items
}

// ownUnit reports whether a unit is of the kinds and names that initbench makes.
// A service called initbench-something is a user's.
func ownUnit(name string) bool {
	if name == topSlice {
		return true
	}
	ext := filepath.Ext(name)
	return strings.HasPrefix(name, prefix) && (ext == ".scope" || ext == ".slice") && !strings.Contains(name, "/")
}

// ofRun reports whether a unit or a cgroup is the run's.
func ofRun(name, run string) bool {
	rest, ours := strings.CutPrefix(name, prefix+run)
	return ours && (strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "."))
}

// ownCgroupName reports the same of a cgroup directory's name: one of our
// units' or one without a unit.
func ownCgroupName(name string) bool {
	switch filepath.Ext(name) {
	case ".scope", ".slice":
		return ownUnit(name)
	case "":
		return strings.HasPrefix(name, prefix)
	}
	return false
}

// holds reports whether the cgroup path (from the mount, as in /proc/PID/cgroup)
// goes through a directory called name.
func holds(path, name string) bool {
	for elem := range strings.SplitSeq(path, "/") {
		if elem == name {
			return true
		}
	}
	return false
}

// byRemoval orders units so that each can be removed when its turn comes:
// scopes, then slices from the innermost out.
func byRemoval(a, b string) int {
	return cmp.Or(
		strings.Compare(filepath.Ext(a), filepath.Ext(b)), // ".scope" < ".slice"
		strings.Count(b, "-")-strings.Count(a, "-"),
		strings.Compare(a, b),
	)
}
