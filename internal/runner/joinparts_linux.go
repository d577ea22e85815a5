package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/cgroupjoin/idle"
	"github.com/initbench/initbench/cgroupjoin/join"
	"github.com/initbench/initbench/results"
)

// joining is a join with everything made that can be made before its clock starts.
type joining struct {
	*prepared
	program *idle.Program
	// keeper keeps the controllers of the siblings on and placeholder the scope there before the join; nil where
	// nothing needs them.
	keeper, subject, placeholder *idle.Process
	movers                       []*idle.Process
	joiner                       join.Joiner
	// unready is why the cgroup that was to be there early is not: the join's failure, not initbench's.
	unready error
}

// movers is how many processes move while a busy join is measured: with two there is always one to wait for
// the other, as there is on a machine where containers are started side by side.
const movers = 2

// prepareJoin makes the trial's cgroups, journal first, the processes in the runtime's cgroup, where a container's
// init comes from too, and what the join needs to be there early.
func (c *collector) prepareJoin(ctx context.Context, j *joining) error {
	id := strconv.Itoa(j.Index)
	// The scope that keeps its siblings' controllers is named as that of a tree of this name would be.
	if err := c.claim(j.scope, j.Driver, cgroupjoin.Spec{ID: id + "kept"}); err != nil {
		return fmt.Errorf("cgroups: %w", err)
	}
	var err error
	if j.tree, err = c.makeTree(ctx, j.scope, j.Driver, cgroupjoin.Spec{ID: id}); err != nil {
		return fmt.Errorf("cgroups: %w", err)
	}
	if j.program, err = idle.Open(); err != nil {
		return err
	}
	siblings, err := j.addSiblings(ctx)
	if err != nil {
		return err
	}
	if err := j.addSubject(ctx); err != nil {
		return err
	}
	if err := c.addJoiner(ctx, j); err != nil {
		return err
	}
	if !j.Join.Busy {
		return j.tree.Settle(ctx)
	}
	return j.addMovers(ctx, siblings)
}

func (j *joining) systemd() bool { return j.Driver == cgroupjoin.Systemd }

func (j *joining) addSiblings(ctx context.Context) ([]string, error) {
	keeper := 0
	if j.systemd() && j.Join.Siblings > 0 {
		var err error
		if j.keeper, err = j.hold(ctx, 1); err != nil {
			return nil, err
		}
		keeper = j.keeper.Pid()
	}
	return j.tree.AddSiblings(ctx, j.Join.Siblings, keeper)
}

// hold starts an idle process and waits until it has all its threads.
func (j *joining) hold(ctx context.Context, threads int) (*idle.Process, error) {
	p, err := j.program.Hold(threads)
	if err != nil {
		return nil, err
	}
	return p, j.startIdle(ctx, p)
}

func (j *joining) startIdle(ctx context.Context, p *idle.Process) error {
	p.Cmd.SysProcAttr.UseCgroupFD, p.Cmd.SysProcAttr.CgroupFD = true, j.tree.RuntimeCgroupFD()
	if err := p.Cmd.Start(); err != nil {
		_, endErr := p.End()
		return errors.Join(fmt.Errorf("idle process: %w", err), endErr)
	}
	return p.Ready(ctx)
}

// addSubject starts the process that is to be joined, or gets one ready to be born.
func (j *joining) addSubject(ctx context.Context) (err error) {
	if j.Join.Mechanism == join.ByBirth {
		j.subject, err = j.program.Hold(1)
		return err
	}
	j.subject, err = j.hold(ctx, j.Join.Threads)
	return err
}

func (c *collector) addJoiner(ctx context.Context, j *joining) error {
	var by join.Systemd
	if j.systemd() {
		by.Conn = c.host.Systemd()
		if j.Join.Mechanism != join.ByUnit {
			var err error
			if j.placeholder, err = j.hold(ctx, 1); err != nil {
				return err
			}
			by.Placeholder = j.placeholder.Pid()
		}
	}
	var err error
	if j.joiner, err = join.New(j.Join.Mechanism, j.Join.Cgroup, j.tree.Target(), by); err != nil {
		return err
	}
	j.unready = j.joiner.Prepare(ctx)
	return ctx.Err()
}

// addMovers starts processes that move from sibling to sibling without end, and waits until each has been in all of its
// own. They come back to where they were born, so that also with one sibling every write is a move.
func (j *joining) addMovers(ctx context.Context, siblings []string) error {
	for i := range movers {
		p, err := j.program.Move(append(share(siblings, i), j.tree.Birthplace()))
		if err != nil {
			return err
		}
		j.movers = append(j.movers, p)
		if err := j.startIdle(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// share is what mover i takes of the siblings: from the first on or from the last back, as many as it can hold open
// beside its home.
func share(siblings []string, i int) []string {
	n := min(len(siblings), idle.MaxFiles-1)
	if i%2 == 0 {
		return append([]string(nil), siblings[:n]...)
	}
	return append([]string(nil), siblings[len(siblings)-n:]...)
}

// end ends the processes. A mover that was not moving at the end makes the trial another than it says.
func (j *joining) end(rec *results.Record) error {
	for _, m := range j.movers {
		if _, err := m.End(); err != nil && rec.Outcome == results.Started {
			rec.Outcome, rec.Reason, rec.JoinNS = results.Failed, "busy siblings: "+err.Error(), nil
		}
	}
	var errs []error
	for _, p := range []*idle.Process{j.subject, j.placeholder, j.keeper} {
		if p != nil {
			_, err := p.End()
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, j.close())...)
}

func (j *joining) close() error {
	var errs []error
	if j.joiner != nil {
		errs = append(errs, j.joiner.Close())
	}
	if j.program != nil {
		errs = append(errs, j.program.Close())
	}
	return errors.Join(errs...)
}

// inCgroup reads where each thread of a process is.
func inCgroup(proc string, pid, threads int, root, want string) error {
	tasks := filepath.Join(proc, strconv.Itoa(pid), "task")
	list, err := os.ReadDir(tasks)
	if err != nil {
		return fmt.Errorf("after the join: %w", err)
	}
	if len(list) != threads {
		return fmt.Errorf("after the join: process %d has %d threads, not %d", pid, len(list), threads)
	}
	for _, task := range list {
		got, err := cgroupOf(tasks, task.Name())
		if err != nil {
			return fmt.Errorf("after the join: %w", err)
		}
		if filepath.Join(root, got) != want {
			return fmt.Errorf("after the join: thread %s of process %d is in %s, not in %s", task.Name(), pid, got, strings.TrimPrefix(want, root))
		}
	}
	return nil
}

// cgroupOf is a task's cgroup as a path from the mount, by the line of /proc/PID/cgroup that is cgroup v2's.
func cgroupOf(proc, task string) (string, error) {
	path := filepath.Join(proc, task, "cgroup")
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(b)) {
		if at, v2 := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); v2 {
			return at, nil
		}
	}
	return "", fmt.Errorf("%s has no line of cgroup v2", path)
}
