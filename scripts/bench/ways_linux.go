package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/results"
)

// bench is where the ways keep things.
type bench struct {
	dir     string
	trials  int
	rootfs  ociruntime.Rootfs
	samples map[key][]sample
	made    int
}

func newBench(trials int) (*bench, error) {
	dir, err := os.MkdirTemp("/var/tmp", "bench-") // a disk, as initbench uses
	if err != nil {
		return nil, err
	}
	b := &bench{dir: dir, trials: trials, samples: map[key][]sample{}}
	b.rootfs, err = ociruntime.MakeRootfs(filepath.Join(dir, "rootfs"))
	return b, err
}

func (b *bench) close() { _ = os.RemoveAll(b.dir) } // the guest goes anyway

// warmUps are made before what counts, by every way.
const warmUps = 1

// The life of a container in bash: the substitution ends when the last writer of its pipe does, which is the payload.
const lifeInShell = `o=$($R create --bundle $B --pid-file $B/pid $I && $R start $I) && $R delete $I`

const runInShell = `$R run --bundle $B $I >$B/out`

func loopLife(ctx context.Context, b *bench, c cell) (sample, error) {
	return b.loop(ctx, c, lifeInShell)
}
func loopRun(ctx context.Context, b *bench, c cell) (sample, error) {
	return b.loop(ctx, c, runInShell)
}

// loop times a line of shell by bash's own clock, in microseconds.
func (b *bench) loop(ctx context.Context, c cell, line string) (sample, error) {
	script := fmt.Sprintf("for ((i = 0; i < %d; i++)); do I=bench$i; a=$EPOCHREALTIME; %s || exit 1; z=$EPOCHREALTIME; echo ${a/.} ${z/.}; done",
		b.trials+warmUps, line)
	var out []byte
	err := b.inTree(ctx, c, func(t *place) (err error) {
		out, err = t.output(ctx, "bash", "-c", script)
		return err
	})
	if err != nil {
		return sample{}, err
	}
	return readStamps(out)
}

// readStamps reads a line a trial with its beginning and its end in microseconds.
func readStamps(out []byte) (sample, error) {
	var s sample
	var begins []float64
	for i, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		var a, z int64
		if _, err := fmt.Sscanf(line, "%d %d", &a, &z); err != nil {
			return s, fmt.Errorf("line %q: %w", line, err)
		}
		if i < warmUps {
			continue
		}
		begins = append(begins, float64(a)*1e3)
		s.ns = append(s.ns, float64(z-a)*1e3)
	}
	s.perMinute = rate(begins)
	return s, nil
}

// rate is the trials a minute that begin at these nanoseconds, by the median time from one to the next. In a guest whose
// clock counts instructions an idle wait for the host's disk is as long as the next timer is far away.
func rate(begins []float64) float64 {
	if len(begins) < 2 {
		return 0
	}
	var periods []float64
	for i, at := range begins[1:] {
		periods = append(periods, at-begins[i])
	}
	return 60e9 / center(periods)
}

// hyperfineLife has each trial note when it began, by which initbench's are counted too: what hyperfine does
// before the first, to know what a shell costs, is not held against it.
func hyperfineLife(ctx context.Context, b *bench, c cell) (sample, error) {
	return b.hyperfineLife(ctx, c, func(*place) []string { return nil }, lifeInShell)
}

// A trial's cgroups in shell, the previous one's removed. The first has none to remove.
const (
	freshRuntime = `cat $P/memory.peak $T/fresh/memory.peak >>$B/peaks; rmdir $T/fresh; mkdir $T/fresh; `
	freshPod     = `rmdir $P; mkdir $P; echo +memory +cpu +pids >$P/cgroup.subtree_control`
	freshSlice   = `systemctl stop $S; systemctl start $S`
)

func hyperfineFresh(ctx context.Context, b *bench, c cell) (sample, error) {
	pod := freshPod
	if c.driver == cgroupjoin.Systemd {
		pod = freshSlice
	}
	prepare := func(t *place) []string {
		return []string{"--prepare", t.inline("{ " + freshRuntime + pod + "; } 2>/dev/null")}
	}
	return b.hyperfineLife(ctx, c, prepare, "echo $$ >$T/fresh/cgroup.procs; "+lifeInShell)
}

func (b *bench) hyperfineLife(ctx context.Context, c cell, flags func(*place) []string, line string) (sample, error) {
	var s sample
	err := b.inTree(ctx, c, func(t *place) error {
		var err error
		args := append(flags(t), "--shell", "bash", "echo ${EPOCHREALTIME/.} >>"+t.stamps()+"; "+t.inline(line))
		if s, err = t.hyperfine(ctx, b.trials, args...); err != nil {
			return err
		}
		text, err := os.ReadFile(t.stamps())
		if err != nil {
			return err
		}
		var begins []float64
		for i, line := range strings.Fields(string(text)) {
			us, err := strconv.ParseInt(line, 10, 64)
			if err != nil {
				return err
			}
			if i >= warmUps {
				begins = append(begins, float64(us)*1e3)
			}
		}
		s.perMinute = rate(begins)
		return nil
	})
	return s, err
}

// hyperfineRun needs no shell. There is nobody to note when a trial began: that hyperfine takes no time between two is
// assumed in its favour.
func hyperfineRun(ctx context.Context, b *bench, c cell) (sample, error) {
	var s sample
	err := b.inTree(ctx, c, func(t *place) error {
		var err error
		s, err = t.hyperfine(ctx, b.trials, "-N", t.inline("$R run --bundle $B $I"))
		s.perMinute = 60e9 / center(s.ns)
		return err
	})
	return s, err
}

// hyperfine times a command and leaves the rate to the caller.
func (t *place) hyperfine(ctx context.Context, trials int, args ...string) (sample, error) {
	export := filepath.Join(t.dir, "hyperfine.json")
	argv := append([]string{"hyperfine", "--style", "none", "--warmup", fmt.Sprint(warmUps), "--runs", fmt.Sprint(trials), "--export-json", export}, args...)
	if _, err := t.output(ctx, argv...); err != nil {
		return sample{}, err
	}
	text, err := os.ReadFile(export)
	if err != nil {
		return sample{}, err
	}
	return readHyperfine(text)
}

// readHyperfine reads what --export-json writes of one command.
func readHyperfine(text []byte) (sample, error) {
	var report struct {
		Results []struct {
			Times []float64 `json:"times"`
		} `json:"results"`
	}
	var s sample
	if err := json.Unmarshal(text, &report); err != nil {
		return s, fmt.Errorf("hyperfine's results: %w", err)
	}
	if len(report.Results) != 1 {
		return s, fmt.Errorf("hyperfine has results of %d commands, want one", len(report.Results))
	}
	for _, seconds := range report.Results[0].Times {
		s.ns = append(s.ns, seconds*1e9)
	}
	return s, nil
}

// initbenchLife is a run of its own, whose records say when each trial began and how long it lived.
func initbenchLife(ctx context.Context, b *bench, c cell) (sample, error) {
	b.made++
	dir := filepath.Join(b.dir, fmt.Sprint("run", b.made))
	scenario := dir + ".yaml"
	text := fmt.Sprintf("name: harness\ndescription: a start without a limit\ndrivers: [%s]\ntrials: %d\nwarmup: %d\ntimeout: 60s\njudge: [start.latency]\n", c.driver, b.trials, warmUps)
	if err := os.WriteFile(scenario, []byte(text), 0o644); err != nil {
		return sample{}, err
	}
	cmd := exec.CommandContext(ctx, "initbench", "run", scenario, "--in", "host", "--runtime", "it="+c.runtime.path, "--out", dir, "--progress", "off", "--quiet")
	if said, err := cmd.CombinedOutput(); err != nil {
		return sample{}, fmt.Errorf("%q: %w: %s", cmd.Args, err, said)
	}
	return readRun(dir)
}

func readRun(dir string) (sample, error) {
	run, err := results.Open(dir)
	if err != nil {
		return sample{}, err
	}
	var s sample
	var begins []float64
	for r, err := range run.Records() {
		if err != nil {
			return s, err
		}
		if r.Warmup {
			continue
		}
		life, known := r.Latency.Life()
		if r.Outcome != results.Started || !known {
			return s, fmt.Errorf("trial %d: %s %s", r.Index, r.Outcome, r.Reason)
		}
		begins = append(begins, float64(r.StartNS))
		s.ns = append(s.ns, float64(life))
	}
	s.perMinute = rate(begins)
	return s, nil
}

// place is a bundle and its cgroups, for one way in one round.
type place struct {
	dir  string
	tree *cgroupjoin.Tree
	env  []string
}

func (t *place) stamps() string { return filepath.Join(t.dir, "stamps") }

// inline is a line of shell with the variables in it set, for who passes no environment on.
func (t *place) inline(line string) string {
	for _, kv := range t.env {
		name, value, _ := strings.Cut(kv, "=")
		line = strings.ReplaceAll(line, "$"+name, value)
	}
	return line
}

// inTree makes cgroups as initbench makes them for a trial, with a bundle, for all trials that do is to make.
// They are gone before the next way: initbench refuses to begin on what looks like another's remains.
func (b *bench) inTree(ctx context.Context, c cell, do func(*place) error) (err error) {
	b.made++
	t := &place{dir: filepath.Join(b.dir, fmt.Sprint("loop", b.made))}
	host, err := cgroupjoin.Open(ctx, cgroupjoin.Options{
		Root: "/sys/fs/cgroup", Proc: "/proc", RunID: fmt.Sprintf("bench%d", b.made),
		Drivers: []cgroupjoin.Driver{c.driver}, Journal: func(string, string) error { return nil },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	if t.tree, err = host.Make(ctx, c.driver, cgroupjoin.Spec{ID: "1"}); err != nil {
		return err
	}
	defer func() {
		_, rerr := t.tree.Remove(ctx)
		err = errors.Join(err, rerr)
	}()
	if err := os.MkdirAll(t.dir, 0o755); err != nil {
		return err
	}
	if err := ociruntime.WriteBundle(t.dir, ociruntime.BundleSpec{
		Rootfs: b.rootfs, CgroupsPath: t.tree.CgroupsPath(), Args: ociruntime.Payload{Nonce: ociruntime.NewNonce()}.Args()}); err != nil {
		return err
	}
	command := c.runtime.path + " --root " + filepath.Join(t.dir, "state")
	if c.driver == cgroupjoin.Systemd {
		command += " --systemd-cgroup"
	}
	slice, _, _ := strings.Cut(t.tree.CgroupsPath(), ":")
	t.env = []string{"R=" + command, "B=" + t.dir, "I=bench",
		"P=" + t.tree.PodPath(), "T=" + filepath.Dir(t.tree.RuntimePath()), "S=" + slice}
	return do(t)
}

// output runs a command where initbench runs runtimes.
func (t *place) output(ctx context.Context, argv ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var out, said bytes.Buffer
	messages, err := os.Create(filepath.Join(t.dir, "stderr")) // a file: init inherits it
	if err != nil {
		return nil, err
	}
	defer func() { _ = messages.Close() }() // it is read by its name
	cmd.Stdout, cmd.Stderr = &out, messages
	cmd.Env = append(os.Environ(), t.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: t.tree.RuntimeCgroupFD()}
	if err := cmd.Run(); err != nil {
		text, rerr := os.ReadFile(messages.Name())
		said.Write(text)
		return nil, errors.Join(fmt.Errorf("%q: %w: %s", argv, err, said.String()), rerr)
	}
	return out.Bytes(), nil
}
