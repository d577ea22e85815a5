package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/lifecycle"
)

// item is one thing of a life that is there. Two looks at the same thing have the same kind and key.
type item struct {
	kind lifecycle.Kind
	key  string
	name string
}

// looks say where things of which kinds are looked for. A network namespace is a process's, or mounted.
var looks = []struct {
	kinds []lifecycle.Kind
	find  func(*life, context.Context) ([]item, error)
}{
	{[]lifecycle.Kind{lifecycle.Processes, lifecycle.NetNamespaces}, (*life).leftProcesses},
	{[]lifecycle.Kind{lifecycle.Cgroups}, (*life).leftCgroups},
	{[]lifecycle.Kind{lifecycle.Units, lifecycle.FailedUnits}, (*life).leftUnits},
	{[]lifecycle.Kind{lifecycle.Mounts, lifecycle.NetNamespaces}, (*life).leftMounts},
	{[]lifecycle.Kind{lifecycle.Veths, lifecycle.Leases, lifecycle.NetNamespaces}, (*life).leftNetwork},
	{[]lifecycle.Kind{lifecycle.StateDirectories}, (*life).leftState},
}

// left lists what there is of the life now.
func (v *life) left(ctx context.Context) ([]item, error) {
	return v.leftOf(ctx, anywhere)
}

// leftOf looks only where something of the kinds that are asked about can be: systemd's list of units is long.
func (v *life) leftOf(ctx context.Context, asked func(lifecycle.Kind) bool) ([]item, error) {
	reapOrphans() // a zombie of ours is no leftover of the runtime's
	var all []item
	for _, look := range looks {
		if !slices.ContainsFunc(look.kinds, asked) {
			continue
		}
		some, err := look.find(v, ctx)
		if err != nil {
			return nil, fmt.Errorf("what is left: %w", err)
		}
		all = append(all, some...)
	}
	return all, nil
}

// leftProcesses are those in the trial's cgroups, with their network namespaces.
func (v *life) leftProcesses(context.Context) ([]item, error) {
	if _, err := os.Lstat(v.tree.PodPath()); errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the kernel removes no cgroup that has processes
	}
	pod, runtimes, err := v.tree.Procs()
	if err != nil {
		return nil, err
	}
	var all []item
	own := nsOf(os.Getpid())
	spaces := map[string]bool{own: true, "": true}
	for i, pid := range append(pod, runtimes...) {
		where := "container"
		if i >= len(pod) {
			where = "runtime"
		}
		comm, err := os.ReadFile(filepath.Join(procRoot, strconv.Itoa(pid), "comm"))
		if err != nil {
			continue // it has ended meanwhile
		}
		all = append(all, item{lifecycle.Processes, strconv.Itoa(pid), fmt.Sprintf("%s in the %s's cgroup", strings.TrimSpace(string(comm)), where)})
		if ns := nsOf(pid); !spaces[ns] {
			spaces[ns] = true
			all = append(all, item{lifecycle.NetNamespaces, ns, "of a process"})
		}
	}
	return all, nil
}

func nsOf(pid int) string {
	link, err := os.Readlink(filepath.Join(procRoot, strconv.Itoa(pid), "ns/net"))
	if err != nil {
		return "" // a zombie has none
	}
	return link
}

// leftCgroups are the outermost below the pod.
func (v *life) leftCgroups(context.Context) ([]item, error) {
	entries, err := os.ReadDir(v.tree.PodPath())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []item
	for _, e := range entries {
		if e.IsDir() {
			all = append(all, item{lifecycle.Cgroups, e.Name(), v.anonymous(e.Name())})
		}
	}
	return all, nil
}

// anonymous is a name without what is the run's own, so that two runs' leftovers are called the same.
func (v *life) anonymous(name string) string {
	name = strings.ReplaceAll(name, v.id, "ID")
	if v.network != nil {
		name = strings.ReplaceAll(name, v.network.Name, "NET")
	}
	return name
}

// unitLister asks systemd; its zero value is for a machine without.
type unitLister struct{ conn *systemd.Conn }

func listUnits(ctx context.Context) (unitLister, error) {
	if !cgroupjoin.SystemdRunning() {
		return unitLister{}, nil
	}
	conn, err := systemd.NewSystemConnectionContext(context.WithoutCancel(ctx))
	if err != nil {
		return unitLister{}, fmt.Errorf("system bus: %w", err)
	}
	return unitLister{conn}, nil
}

func (u unitLister) close() {
	if u.conn != nil {
		u.conn.Close()
	}
}

// leftUnits are the container's scope and whatever else carries its name, under either driver.
func (v *life) leftUnits(ctx context.Context) ([]item, error) {
	if v.of.units.conn == nil {
		return nil, nil
	}
	units, err := v.of.units.conn.ListUnitsByPatternsContext(context.WithoutCancel(ctx), nil, v.unitPatterns())
	if err != nil {
		return nil, fmt.Errorf("units: %w", err)
	}
	var all []item
	for _, u := range units {
		kind := lifecycle.Units
		if u.ActiveState == "failed" {
			kind = lifecycle.FailedUnits
		}
		all = append(all, item{kind, u.Name, v.anonymous(u.Name)})
	}
	return all, nil
}

func (v *life) unitPatterns() []string {
	return []string{"*" + v.id + "*.scope", "*" + v.id + "*.service", "*" + v.id + "*.mount"}
}

// leftMounts are those below the life's directory, its root's among them, and namespaces that were mounted to last under its name.
func (v *life) leftMounts(context.Context) ([]item, error) {
	mounts, err := mountinfo.GetMounts(nil)
	if err != nil {
		return nil, err
	}
	var all []item
	for _, m := range mounts {
		if it, ours := v.mounted(m); ours {
			all = append(all, it)
		}
	}
	return all, nil
}

// mounted says what a mount is of the life, if it is any of it. That a mount is new says nothing: anybody on the machine may
// mount a namespace meanwhile, with ip netns add or in a container of another manager.
func (v *life) mounted(m *mountinfo.Info) (item, bool) {
	kind, key := lifecycle.Mounts, strconv.Itoa(m.ID)
	if m.FSType == "nsfs" && strings.HasPrefix(m.Root, "net:") {
		kind, key = lifecycle.NetNamespaces, m.Root // as a process that is in it has it
	}
	name, below := strings.CutPrefix(m.Mountpoint, v.dir+"/")
	if !below {
		// The id has the run's in it, and so is nobody else's.
		return item{kind, key, v.anonymous(m.Mountpoint)}, m.FSType == "nsfs" && strings.Contains(m.Mountpoint, v.id)
	}
	return item{kind, key, v.anonymous("/LIFE/" + name)}, true
}

func (v *life) leftState(context.Context) ([]item, error) {
	entries, err := os.ReadDir(v.cli.StateRoot)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []item
	for _, e := range entries {
		all = append(all, item{lifecycle.StateDirectories, e.Name(), v.anonymous(e.Name())})
	}
	return all, nil
}

// remnant is a leftover that something may yet free.
type remnant struct {
	lifecycle.Left
	gone bool
}

// settler watches leftovers go.
type settler struct {
	v     *life
	known map[item]*remnant
	order []item
}

// afterward is how long a thing has to go once something was done about it: systemd frees units and cgroups when it gets to it.
const afterward = time.Second

// settle says what is left and what frees it. Time comes first: of a thing that a delete frees nobody could tell
// any more whether it would have gone by itself.
func (v *life) settle(ctx context.Context) ([]lifecycle.Left, error) {
	s := &settler{v: v, known: map[item]*remnant{}}
	began := now()
	if err := s.look(ctx, lifecycle.ByTime, began, anywhere); err != nil || s.done() {
		return s.list(), err
	}
	if err := s.watch(ctx, lifecycle.ByTime, began, v.of.job.Quiet); err != nil || s.done() {
		return s.list(), err
	}
	began = now()
	done, err := v.take(ctx, lifecycle.Step{Verb: lifecycle.ForceDelete})
	if err != nil {
		return nil, err
	}
	if err := s.watch(ctx, freeing(done), began, afterward); err != nil || s.done() {
		return s.list(), err
	}
	began = now() // the payload's standard input stays open: whose end came of that was not freed by clean
	if err := v.doClean(); err != nil {
		return nil, err
	}
	err = s.watch(ctx, lifecycle.ByClean, began, afterward)
	return s.list(), err
}

// freeing is what freed that which went with a delete --force. One that did not end was killed with all that it was called for, which is what clean does.
func freeing(done lifecycle.Done) lifecycle.Freed {
	if done.Ended() == "" {
		return lifecycle.ByClean
	}
	return lifecycle.ByDelete
}

// anywhere is about kinds of which nothing has been seen, too.
func anywhere(lifecycle.Kind) bool { return true }

// outstanding reports whether something of a kind has been seen and has not gone.
func (s *settler) outstanding(k lifecycle.Kind) bool {
	for id, r := range s.known {
		if id.kind == k && !r.gone {
			return true
		}
	}
	return false
}

// look notes what has come, and what has gone since the last look.
func (s *settler) look(ctx context.Context, by lifecycle.Freed, began int64, asked func(lifecycle.Kind) bool) error {
	items, err := s.v.leftOf(ctx, asked)
	if err != nil {
		return err
	}
	there := map[item]bool{}
	for _, it := range items {
		id := item{kind: it.kind, key: it.key}
		there[id] = true
		if s.known[id] == nil {
			s.known[id] = &remnant{Left: lifecycle.Left{Kind: it.kind, Name: it.name, FreedBy: lifecycle.Never}}
			s.order = append(s.order, id)
		}
	}
	for id, r := range s.known {
		if !there[id] && !r.gone {
			r.gone, r.FreedBy, r.AfterNS = true, by, now()-began
		}
	}
	return nil
}

// watch looks until all has gone, or the limit is over. It looks after what there was, and everywhere before it ends.
func (s *settler) watch(ctx context.Context, by lifecycle.Freed, began int64, limit time.Duration) error {
	for since := time.Now(); ; s.v.pause(untilNextLook(since, limit)) {
		over := time.Since(since) >= limit // before the look: what goes while it is waited for the turn has had its time
		if err := errors.Join(s.look(ctx, by, began, s.outstanding), ctx.Err()); err != nil {
			return err
		}
		if !s.done() && !over {
			continue
		}
		if err := s.look(ctx, by, began, anywhere); err != nil || s.done() || over {
			return err
		}
	}
}

func (s *settler) done() bool {
	for _, r := range s.known {
		if !r.gone {
			return false
		}
	}
	return true
}

func (s *settler) list() []lifecycle.Left {
	all := []lifecycle.Left{}
	for _, id := range s.order {
		all = append(all, s.known[id].Left)
	}
	return all
}

// doClean does for this life what clean does for a run that was killed: units and cgroups first, then its network and what is mounted, then directories.
func (v *life) doClean() error {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	var err error
	if v.tree != nil {
		_, err = v.tree.Remove(ctx)
	}
	_, freeErr := v.freeNetwork()
	err = errors.Join(err, freeErr, v.unmountNamed(), removeDir(v.dir))
	v.clean = err == nil
	return err
}

// unmountNamed unmounts the namespaces that a runtime mounted to last under the life's name, wherever that is. What is below the life's
// directory goes with it.
func (v *life) unmountNamed() error {
	mounts, err := mountinfo.GetMounts(mountinfo.FSTypeFilter("nsfs"))
	if err != nil {
		return err
	}
	for _, m := range mounts {
		if _, ours := v.mounted(m); ours && !strings.HasPrefix(m.Mountpoint, v.dir+"/") {
			err = errors.Join(err, unmountName(m.Mountpoint))
		}
	}
	return err
}

// unmountName unmounts a namespace and removes the empty file that it was mounted on, which is made for that alone. One that is gone, with its
// network perhaps, is what was wanted.
func unmountName(path string) error {
	err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("unmount %s: %w", path, err)
	}
	if err := unix.Unlink(path); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	return nil
}
