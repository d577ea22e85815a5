package cgroupjoin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Spec is what a trial asks of its tree.
type Spec struct {
	// ID tells the run's trees apart: 1 to 32 of a-z and 0-9.
	ID string
	// AncestorLimit is the pod's memory.max in bytes, 0 for none.
	AncestorLimit int64
}

func (s Spec) check() error {
	if err := checkToken("trial ID", s.ID); err != nil {
		return err
	}
	if s.AncestorLimit == 0 {
		return nil
	}
	return CheckLimit(s.AncestorLimit)
}

// podMaker is what the two drivers do differently: everything about the
// container's side of a tree.
type podMaker interface {
	layout(tree, id string) layout
	// makePod makes the pod with its limits.
	makePod(ctx context.Context, l layout, s Spec) error
	// keptUnits names those of the units that systemd still holds of containers whose cgroups are gone.
	keptUnits(ctx context.Context, units []string) ([]string, error)
	// removePod removes pod and leaf; the processes in them are dead by then.
	removePod(ctx context.Context, l layout) error
}

func (h *Host) maker(d Driver) (podMaker, error) {
	if !slices.Contains(h.opts.Drivers, d) {
		return nil, fmt.Errorf("driver %s was not among those the run was opened with", d)
	}
	if d == Systemd {
		return systemdMaker{h}, nil
	}
	return cgroupfsMaker{h}, nil
}

// Names lists what Make will make, in that order, and what the runtime will
// have systemd make in it.
func (h *Host) Names(d Driver, s Spec) ([]Item, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	m, err := h.maker(d)
	if err != nil {
		return nil, err
	}
	return m.layout(s.ID, s.ID).items(), nil
}

// Tree is one trial's cgroups. Its methods may be called concurrently, Remove excepted.
type Tree struct {
	host    *Host
	maker   podMaker
	id      string
	lay     layout
	removed bool

	mu     sync.Mutex
	births []*os.File // directories of the cgroups the runtime's processes were born in, the last one in use
	last   Reading    // as the kernel's counters stood
	before Reading    // the last when the tree was renewed
	// earlier are the scopes of the containers it had before it was renewed. A vacant tree does not show that systemd keeps one.
	earlier []string
}

// Make makes a trial's cgroups. On an error nothing of them is left.
func (h *Host) Make(ctx context.Context, d Driver, s Spec) (*Tree, error) {
	items, err := h.Names(d, s)
	if err != nil {
		return nil, err
	}
	for _, it := range items {
		if err := h.opts.Journal(it.Kind, it.Name); err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
	}
	m, err := h.maker(d)
	if err != nil {
		return nil, err
	}
	t := &Tree{host: h, maker: m, id: s.ID, lay: m.layout(s.ID, s.ID)}
	// Before anything is made: a tree that is there is not ours to remove.
	if err := makeCgroup(t.lay.top); err != nil {
		return nil, err
	}
	if err := t.fill(ctx, s); err != nil {
		_, rerr := t.Remove(ctx)
		return nil, errors.Join(fmt.Errorf("trial cgroups %s (%s): %w", s.ID, d, err), rerr)
	}
	return t, nil
}

func (t *Tree) fill(ctx context.Context, s Spec) error {
	if err := toggle(t.lay.top, "+", t.host.controllers); err != nil {
		return err
	}
	if err := makeCgroup(t.lay.runtime); err != nil {
		return err
	}
	if err := t.host.limit(t.lay.runtime, 0); err != nil {
		return err
	}
	if err := t.maker.makePod(ctx, t.lay, s); err != nil {
		return err
	}
	if err := checkPod(t.lay.pod, s.AncestorLimit); err != nil {
		return err
	}
	return t.addBirthplace()
}

// addBirthplace makes the cgroup in which the runtime's next processes are born,
// below the one that is measured. It takes no controllers of its own.
func (t *Tree) addBirthplace() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	path := filepath.Join(t.lay.runtime, fmt.Sprint("cli", len(t.births)))
	if err := makeCgroup(path); err != nil {
		return err
	}
	// O_PATH suffices for clone3, and such a descriptor can do nothing else.
	f, err := os.OpenFile(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		t.births = append(t.births, f)
	}
	return err
}

// checkPod reads back what was asked for, from the kernel's files.
func checkPod(pod string, limit int64) error {
	got, err := readBytes(pod, "memory.max")
	if err != nil {
		return err
	}
	want := NoLimit
	if limit != 0 {
		want = InForce(limit)
	}
	if got != want {
		return fmt.Errorf("%s/memory.max: %d in force, asked for %d", pod, got, want)
	}
	// With 1 an OOM kill in the container would take every process of the pod
	// along, and the counters would tell of a policy rather than of the start.
	group, err := readBytes(pod, "memory.oom.group")
	if err == nil && group != 0 {
		err = fmt.Errorf("%s/memory.oom.group is %d, and trials need 0", pod, group)
	}
	return err
}

// RuntimeCgroupFD is for SysProcAttr.CgroupFD with UseCgroupFD: the runtime's
// process is born in its cgroup. Ask for it before each process, since Kill
// changes it. It stays open until Remove.
func (t *Tree) RuntimeCgroupFD() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int(t.births[len(t.births)-1].Fd())
}

// CgroupsPath goes into the container's config as linux.cgroupsPath.
func (t *Tree) CgroupsPath() string { return t.lay.cgroupsPath }

// RuntimePath is where the runtime's processes are born. It, PodPath and LeafPath are
// absolute; the leaf is there only while the runtime keeps it.
func (t *Tree) RuntimePath() string { return t.lay.runtime }

// PodPath is the container's parent.
func (t *Tree) PodPath() string { return t.lay.pod }

// LeafPath is where the runtime makes the container's cgroup. crun under systemd
// puts the processes one below, into "container".
func (t *Tree) LeafPath() string { return t.lay.leaf }

// Read reads the counters of pod and runtime. Those of the pod include the
// container's, also after its leaf was removed. Of a tree that was renewed, what is counted is
// since then; the peaks, which no kernel before 6.12 lets one set back, are not.
func (t *Tree) Read() (Reading, error) {
	r, err := readTree(t.lay.pod, t.lay.runtime)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = r
	return r.since(t.before), err
}

// ReadLeaf returns nil when the leaf is not there: not made yet, or removed by
// the runtime or by systemd.
func (t *Tree) ReadLeaf() (*Leaf, error) { return readLeaf(t.lay.leaf) }

// WaitEmpty returns when no process is left in the pod.
func (t *Tree) WaitEmpty(ctx context.Context) error { return waitEmpty(ctx, t.lay.pod) }

// Vacant tells whether the tree is as it was made: no process is left in it, and no cgroup.
func (t *Tree) Vacant() (bool, error) {
	for _, side := range []string{t.lay.pod, t.lay.runtime} {
		live, err := populated(side)
		if live || err != nil {
			return false, err
		}
		if slices.ContainsFunc(children(side), func(c string) bool { return !t.isBirthplace(c) }) {
			return false, nil
		}
	}
	return true, nil
}

// Renew has a vacant tree take another container, which gets cgroups of its own names in it. Call it after Read.
func (t *Tree) Renew(id string) error {
	if err := checkToken("trial ID", id); err != nil {
		return err
	}
	next := t.maker.layout(t.id, id)
	for _, unit := range next.units[min(1, len(next.units)):] { // the pod's is there
		if err := t.host.opts.Journal(KindUnit, unit); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.earlier = append(t.earlier, t.lay.units[min(1, len(t.lay.units)):]...)
	t.lay, t.before = next, t.last
	return nil
}

// Procs lists the processes alive in the pod and in the runtime's cgroup.
func (t *Tree) Procs() (pod, runtime []int, err error) {
	pod, err1 := procs(t.lay.pod)
	runtime, err2 := procs(t.lay.runtime)
	return pod, runtime, errors.Join(err1, err2)
}

// Kill sends SIGKILL to all of them, the runtime first: it could start more.
//
// The runtime's delete still has to run after it, in a cgroup that was never
// killed: where cgroup.kill counts (6.1.0-50 of Debian 12), a process born with
// CLONE_INTO_CGROUP is killed at birth when its cgroup has been killed another
// number of times than its parent's. Ours lives in one that never was.
func (t *Tree) Kill() error {
	return errors.Join(kill(t.lay.runtime), kill(t.lay.pod), t.addBirthplace())
}

// Remove says what the runtime left behind, then kills and removes all of the
// tree, also when ctx has ended. It may be called again, after an error too.
func (t *Tree) Remove(ctx context.Context) (leaks []string, err error) {
	if t.removed {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	leaks, err = t.leaks(ctx)
	if rerr := t.remove(ctx); rerr != nil {
		return leaks, errors.Join(err, fmt.Errorf("remove trial cgroups: %w", rerr))
	}
	t.removed = true
	return leaks, err
}

func (t *Tree) remove(ctx context.Context) error {
	for _, f := range t.births {
		_ = f.Close() // an O_PATH descriptor has nothing to lose; twice does no harm
	}
	// The runtime first: alive, it could make the container's cgroup anew.
	if err := removeTree(ctx, t.lay.runtime); err != nil {
		return err
	}
	if err := removeTree(ctx, t.lay.leaf); err != nil {
		return err
	}
	if err := t.forgetEarlier(ctx); err != nil {
		return err
	}
	if err := t.maker.removePod(ctx, t.lay); err != nil {
		return err
	}
	return removeTree(ctx, t.lay.top)
}

// forgetEarlier has systemd forget the scopes that it keeps of earlier containers. It knows nothing of most, and is not asked to stop each.
func (t *Tree) forgetEarlier(ctx context.Context) error {
	kept, err := t.maker.keptUnits(ctx, t.earlier)
	if err != nil {
		return err
	}
	for _, unit := range kept {
		if err := t.host.bus.remove(ctx, unit); err != nil {
			return err
		}
	}
	return nil
}

// leaks compares what there is with what a tree consists of.
func (t *Tree) leaks(ctx context.Context) ([]string, error) {
	var leaks []string
	for _, side := range []struct{ name, path string }{{"container", t.lay.pod}, {"runtime", t.lay.runtime}} {
		live, err := populated(side.path)
		if err != nil {
			return leaks, err
		}
		var pids []int
		if live {
			if pids, err = procs(side.path); err != nil {
				return leaks, err
			}
		}
		for _, pid := range pids {
			leaks = append(leaks, fmt.Sprintf("process %d (%s) in the %s's cgroup", pid, t.host.comm(pid), side.name))
		}
		for _, child := range children(side.path) {
			if !t.isBirthplace(child) {
				leaks = append(leaks, "cgroup "+strings.TrimPrefix(child, t.host.opts.Root))
			}
		}
	}
	units, err := t.maker.keptUnits(ctx, slices.Concat(t.lay.units, t.earlier))
	for _, u := range units {
		leaks = append(leaks, "failed unit "+u)
	}
	return leaks, err
}

func (t *Tree) isBirthplace(path string) bool {
	return slices.ContainsFunc(t.births, func(f *os.File) bool { return f.Name() == path })
}

// comm is a process's name; "gone" when it ended meanwhile.
func (h *Host) comm(pid int) string {
	b, err := os.ReadFile(filepath.Join(h.opts.Proc, strconv.Itoa(pid), "comm"))
	if err != nil {
		return "gone"
	}
	return strings.TrimSpace(string(b))
}
