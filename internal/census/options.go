package census

import "slices"

// Options say what is counted and where it is read.
type Options struct {
	// Proc is where procfs is mounted; /proc if empty.
	Proc string
	// Cgroup is the cgroup v2 directory whose descendants are counted; /sys/fs/cgroup if empty.
	Cgroup string
	// StateDirs are directories whose entries are counted, such as a runtime's --root. One that is not there has none.
	StateDirs []string
	// Kinds restricts a census; all if empty.
	Kinds []Kind
}

func (o Options) withDefaults() Options {
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	if o.Cgroup == "" {
		o.Cgroup = "/sys/fs/cgroup"
	}
	if len(o.Kinds) == 0 {
		o.Kinds = MachineKinds()
	}
	return o
}

// tally is a census in the making: the same code counts and names, so that names cannot be of other objects than counts.
type tally struct {
	Census
	wanted []Kind
	named  bool
}

func (t *tally) wants(kinds ...Kind) bool {
	return slices.ContainsFunc(kinds, func(k Kind) bool { return slices.Contains(t.wanted, k) })
}

// counts says that a kind was read, though there may be none.
func (t *tally) counts(k Kind, n int64) {
	if t.wants(k) {
		t.Counts[k] += n
	}
}

// one counts an object, whose name is made only when it is asked for.
func (t *tally) one(k Kind, name func() string) {
	t.counts(k, 1)
	t.name(k, name)
}

func (t *tally) name(k Kind, name func() string) {
	if t.named && t.wants(k) {
		t.Names[k] = append(t.Names[k], name())
	}
}

// unread takes back what was counted of kinds: a part of a count is no count.
func (t *tally) unread(err error, kinds ...Kind) {
	for _, k := range kinds {
		if _, told := t.Unread[k]; t.wants(k) && !told {
			t.Unread[k] = err.Error()
		}
	}
}

// census leaves no kind in two places, and none that is wanted in neither.
func (t *tally) census() Census {
	for k := range t.Unread {
		delete(t.Counts, k)
		delete(t.Names, k)
	}
	for _, k := range t.wanted {
		_, counted := t.Counts[k]
		if _, told := t.Unread[k]; !counted && !told {
			t.Unread[k] = "nothing counts it here"
		}
	}
	if t.named {
		for k := range t.Counts {
			if t.Names[k] == nil && k.hasNames() {
				t.Names[k] = []string{}
			}
		}
	} else {
		t.Names = nil
	}
	return t.Census
}

// hasNames is false for what the kernel only counts.
func (k Kind) hasNames() bool {
	return !slices.Contains([]Kind{DyingCgroups, Sockets, ShmemPages, MemfdPages, TmpfsPages, Keys, Threads}, k)
}
