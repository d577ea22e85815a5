package runner

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/sys/mountinfo"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/journal"
	"github.com/initbench/initbench/internal/lifecycle"
	"github.com/initbench/initbench/internal/lifecycle/killat"
	"github.com/initbench/initbench/internal/testenv"
)

func openLives(t *testing.T, d cgroupjoin.Driver) *Lifecycles {
	t.Helper()
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd, testenv.Command("crun"))
	l, err := OpenLifecycles(t.Context(), LifecycleJob{Run: "lives" + string(d[:1]), Name: "crun", Ref: "crun", Binary: "crun", Driver: d, Quiet: 200 * time.Millisecond, Where: lifecycle.InGuest}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func livesOf(t *testing.T, l *Lifecycles, name string) lifecycle.Record {
	t.Helper()
	s, err := lifecycle.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.Live(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Catches a life whose end leaves something that nobody tells of, one that leaves nothing and is said to, and a
// container that is killed half way and of which no cgroup, process or state directory is found.
func TestSmokeLives(t *testing.T) {
	for _, d := range cgroupjoin.Drivers() {
		l := openLives(t, d)
		for _, name := range []string{"create,start,exit,delete", "create,start,stop,delete", "create,delete-force", "create,start,oom,delete-late"} {
			r := livesOf(t, l, name)
			if kept := lifecycle.Lasting(r); kept != "nothing" {
				t.Errorf("%s, %s left %s: %+v", d, name, kept, r.Steps)
			}
		}
		r := livesOf(t, l, "create,start,delete")
		for _, kind := range []lifecycle.Kind{lifecycle.Processes, lifecycle.Cgroups, lifecycle.StateDirectories} {
			if !slices.ContainsFunc(r.Left, func(x lifecycle.Left) bool { return x.Kind == kind && x.FreedBy == lifecycle.ByDelete }) {
				t.Errorf("%s: a delete of what runs left no %s that delete --force freed: %+v", d, kind, r)
			}
		}
		points, err := l.Points(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		join := map[cgroupjoin.Driver]lifecycle.Point{cgroupjoin.Cgroupfs: "cgroup-create", cgroupjoin.Systemd: "unit-start"}[d]
		if !slices.Contains(points[lifecycle.Create], join) || !slices.Contains(points[lifecycle.Start], "fifo-open") {
			t.Errorf("%s: points %q", d, points)
		}
		if r := livesOf(t, l, "kill9@create:"+string(join)); r.Missed() || r.Steps[0].Signal == "" {
			t.Errorf("%s: killed at %s: %+v", d, join, r)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Catches a namespace that somebody else mounted meanwhile and the runtime is blamed for, one of the life that is overlooked or told
// of twice, and a mount of a run or of another life whose name begins like this one's.
func TestMountsOfALife(t *testing.T) {
	v := &life{prepared: &prepared{}}
	v.id, v.dir = "r-"+lifeName("", 3), "/base/run-r/"+lifeName("", 3)
	for _, c := range []struct {
		at, fs, root string
		want         item
	}{
		{"/run/netns/blue", "nsfs", "net:[7]", item{}},
		{"/run/docker/netns/1f2e", "nsfs", "net:[8]", item{}},
		{"/base/run-r2/3x/state/x", "tmpfs", "/", item{}},
		{"/srv/r-3x", "ext4", "/", item{}},
		{"/run/netns/r-3x", "nsfs", "net:[7]", item{lifecycle.NetNamespaces, "net:[7]", "/run/netns/ID"}},
		{"/run/netns/r-33x", "nsfs", "net:[9]", item{}},
		{"/base/run-r/3x/state/ns", "nsfs", "net:[7]", item{lifecycle.NetNamespaces, "net:[7]", "/LIFE/state/ns"}},
		{"/base/run-r/3x/state/mnt", "nsfs", "mnt:[7]", item{lifecycle.Mounts, "5", "/LIFE/state/mnt"}},
		{"/base/run-r/3x/rootfs/proc", "proc", "/", item{lifecycle.Mounts, "5", "/LIFE/rootfs/proc"}},
		{"/base/run-r/33x/rootfs/proc", "proc", "/", item{}},
	} {
		it, ours := v.mounted(&mountinfo.Info{ID: 5, Mountpoint: c.at, FSType: c.fs, Root: c.root})
		if ours != (c.want != item{}) || ours && it != c.want {
			t.Errorf("%s: %+v, %v; want %+v", c.at, it, ours, c.want)
		}
	}
}

// Catches a unit of another life whose name begins like this one's, and one of this life that is not asked for.
func TestUnitsOfALife(t *testing.T) {
	v := &life{prepared: &prepared{}}
	for _, prefix := range []string{"", "5l"} {
		v.id = "r-" + lifeName(prefix, 3)
		for name, want := range map[string]bool{
			"initbench-" + v.id + ".scope":                                  true,
			"base-run\\x2d" + v.id + "-rootfs.mount":                        true,
			"initbench-r-" + lifeName(prefix, 33) + ".scope":                false,
			"initbench-r-" + lifeName(prefix, 30) + ".scope":                false,
			"initbench-r-" + lifeName("1"+prefix, 3) + ".scope":             false,
			"base-run\\x2dr-" + lifeName(prefix, 33) + "-rootfs-proc.mount": false,
		} {
			got := slices.ContainsFunc(v.unitPatterns(), func(p string) bool {
				ok, err := filepath.Match(p, name)
				return ok && err == nil
			})
			if got != want {
				t.Errorf("%s of life %s: %v", name, v.id, got)
			}
		}
	}
}

// Catches a namespace of an ended run that clean overlooks, and one of another's that it takes.
func TestNamespacesNamedAfterARun(t *testing.T) {
	var mounts []*mountinfo.Info
	for _, at := range []string{"/run/netns/r1-3", "/run/netns/blue", "/run/netns/r10-3", journal.Base() + "/run-r1/3/r1-3"} {
		mounts = append(mounts, &mountinfo.Info{Mountpoint: at})
	}
	got := namedAfter([]string{"r1"}, mounts)
	if want := []journal.Entry{{Kind: journal.Mount, Name: "/run/netns/r1-3"}}; !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}

// Catches lives beside each other that come in another order than they were asked for in, that take what is left of one for
// another's, or of which one that fails leaves others under way.
func TestLivesBesideEachOther(t *testing.T) {
	l := openLives(t, cgroupjoin.Cgroupfs)
	names := []string{"create,start,delete", "create,delete-force", "create,start,delete", "create,start,stop,delete"}
	var all []lifecycle.Sequence
	for _, name := range names {
		s, err := lifecycle.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	var got []string
	err := l.All(t.Context(), slices.Values(all), func(r lifecycle.Record) error {
		got = append(got, r.Sequence.String())
		running := r.Sequence.String() == names[0]
		if processes := slices.DeleteFunc(slices.Clone(r.Left), func(x lifecycle.Left) bool { return x.Kind != lifecycle.Processes }); len(processes) != 1 == running {
			t.Errorf("%s left %+v", r.Sequence, r.Left)
		}
		return nil
	})
	if err != nil || !slices.Equal(got, names) {
		t.Errorf("lived %q: %v; want %q", got, err, names)
	}
	failure := errors.New("no room")
	if err := l.All(t.Context(), slices.Values(all), func(lifecycle.Record) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("a record that could not be kept: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// Catches a sequence that is lived although it begins with one whose kill did not come about, and one that is not although it does not.
func TestWhatFollowsAMissedKill(t *testing.T) {
	parsed := func(name string) lifecycle.Sequence {
		s, err := lifecycle.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	l := &Lifecycles{}
	short := l.Record(parsed("create,kill9@delete:cgroup-remove"))
	short.Steps = []lifecycle.Done{{Step: "create"}, {Step: "kill9@delete:cgroup-remove", Missed: true, Exit: new(int)}}
	l.noteMissed(short)
	killed := l.Record(parsed("create,kill9@delete:state-remove")) // when its time was over
	killed.Steps = []lifecycle.Done{{Step: "create"}, {Step: "kill9@delete:state-remove", Missed: true}}
	l.noteMissed(killed)
	early := l.Record(parsed("create,kill9@delete:exit,delete"))
	early.Steps = []lifecycle.Done{{Step: "create", Missed: true}}
	l.noteMissed(early)
	for name, want := range map[string]bool{"create,kill9@delete:cgroup-remove,delete": true, "create,kill9@delete:cgroup-remove": false,
		"create,kill9@delete:exit,delete-force": false, "create,kill9@delete:state-remove,delete": false, "create,delete": false} {
		rec, has := l.missedBefore(parsed(name))
		if has != want || has && (!rec.Missed() || rec.Sequence.String() != name || len(rec.Steps) != 0 || rec.Behind == "") {
			t.Errorf("%s: %v, %+v", name, has, rec)
		}
	}
}

// Catches a step's limit that kills what a runtime left after it had ended, and one that passed and is not told of.
func TestKilledOnceOverAndNotLater(t *testing.T) {
	killed := make(chan struct{}, 1)
	kill := func() error { time.Sleep(10 * time.Millisecond); killed <- struct{}{}; return nil }
	ctx, cancel := context.WithCancel(t.Context())
	timely := killOnceOver(ctx, kill)
	if !timely() {
		t.Error("what ended in time did not")
	}
	cancel()
	select {
	case <-killed:
		t.Error("killed after the verb had ended")
	case <-time.After(50 * time.Millisecond):
	}
	if killOnceOver(ctx, kill)() {
		t.Error("what did not end in time did")
	}
	if len(killed) == 0 {
		t.Error("not killed yet")
	}
}

// Catches processes that initbench killed with a delete --force that hung, and that are said to have been freed by that delete.
func TestWhatAHangingDeleteFrees(t *testing.T) {
	v := &life{of: &Lifecycles{limit: 30 * time.Second}}
	for step, want := range map[lifecycle.Step]string{{Verb: lifecycle.ForceDelete}: "did not end within 30s", {Verb: lifecycle.Delete, Kill: "exit"}: "did not end within 2m0s"} {
		if said := v.overdue(step); !strings.HasPrefix(said, want) {
			t.Errorf("%s says %q", step, said)
		}
	}
	if by := freeing(lifecycle.Done{Message: v.overdue(lifecycle.Step{Verb: lifecycle.ForceDelete})}); by != lifecycle.ByClean {
		t.Errorf("what went with a delete that was killed was freed by %s", by)
	}
	for _, done := range []lifecycle.Done{{Exit: new(int)}, {Signal: "killed"}} {
		if by := freeing(done); by != lifecycle.ByDelete {
			t.Errorf("what went with a delete that ended with %s was freed by %s", done.Ended(), by)
		}
	}
}

// Catches a life that is lived again although the first was not removed, or is not although it took other steps; and a reason that is lost.
func TestLivedAgainWhereTheFirstIsGone(t *testing.T) {
	left := errors.New("busy")
	for _, c := range []struct {
		lived, ended error
		calls        int
	}{{nil, nil, 1}, {nil, left, 1}, {killat.ErrElsewise, left, 1}, {killat.ErrElsewise, nil, 2}, {left, nil, 1}} {
		calls := 0
		_, err := elsewiseAgain(func(slow bool) (lifecycle.Record, error, error) {
			if calls++; slow != (calls == 2) {
				t.Errorf("call %d is slow: %v", calls, slow)
			}
			if slow {
				return lifecycle.Record{}, nil, nil
			}
			return lifecycle.Record{}, c.lived, c.ended
		})
		if calls != c.calls || errors.Is(err, left) != (c.lived == left || c.ended == left) || calls == 2 && err != nil {
			t.Errorf("%v, %v: %d calls, %v", c.lived, c.ended, calls, err)
		}
	}
}

// Catches a wait for the turn of another life that is taken for a step's time, and a wait for what a step waits for that is not.
func TestWaitForTheTurn(t *testing.T) {
	const held = 50 * time.Millisecond
	l := &Lifecycles{}
	v := &life{of: l}
	l.turn.Lock()
	taken := make(chan struct{})
	v.aside(func() {
		go func() {
			l.turn.Lock()
			close(taken)
			time.Sleep(held)
			l.turn.Unlock()
		}()
		<-taken
	})
	if v.inLine <= 0 {
		t.Error("the wait for another's turn is not counted")
	}
	v.inLine = 0
	began := now()
	v.pause(held)
	if all, inLine := time.Duration(now()-began), time.Duration(v.inLine); inLine > all-held { // however late this machine lets us go on
		t.Errorf("of %v, %v of which were a pause, %v are said to be a wait for the turn", all, held, inLine)
	}
	l.turn.Unlock()
}

// Catches a late delete whose wait eats up the time of the call, so that a runtime that was never let run is said not to have ended.
func TestSmokeLivesSettleLongerThanAStep(t *testing.T) {
	l := openLives(t, cgroupjoin.Cgroupfs)
	l.limit, l.job.Quiet = 2*time.Second, 2500*time.Millisecond
	// Not one that is enumerated: init waits for a start, and does not go by itself.
	r, err := l.Live(t.Context(), lifecycle.Sequence{{Verb: lifecycle.Create}, {Verb: lifecycle.LateDelete}})
	if err != nil {
		t.Fatal(err)
	}
	if late := r.Steps[1]; late.Exit == nil || late.Signal != "" || late.NS < int64(l.job.Quiet) {
		t.Errorf("delete-late: %+v", late)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// Catches a life that is interrupted and leaves what the next run would trip over.
func TestInterruptedLife(t *testing.T) {
	l := openLives(t, cgroupjoin.Cgroupfs)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s, err := lifecycle.Parse("create,start,stop,delete")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Live(ctx, s); err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("an interrupted life ended with %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if remains, err := Remains(t.Context()); err != nil || len(remains) > 0 {
		t.Errorf("left %q: %v", remains, err)
	}
	if _, err := os.Lstat(l.dir); err == nil {
		t.Errorf("%s is still there", l.dir)
	}
}
