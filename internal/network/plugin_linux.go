package network

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
	"golang.org/x/sys/unix"
)

// pluginPatience is how long what a plugin ran may take to die of SIGKILL: its output is open until then.
const pluginPatience = 5 * time.Second

// runner starts plugins for libcni and keeps each as a step. It is for one goroutine.
type runner struct {
	version.PluginDecoder
	now      func() int64
	launcher string // a path; empty where there is none
	// lock is inherited by each plugin, and by the plugins that it runs: see awaitPlugins.
	lock  *os.File
	steps []Step
}

var _ invoke.Exec = (*runner)(nil)

func (r *runner) FindInPath(plugin string, paths []string) (string, error) {
	return invoke.FindInPath(plugin, paths)
}

func (r *runner) ExecPlugin(ctx context.Context, path string, stdin []byte, environ []string) ([]byte, error) {
	cmd := r.command(ctx, path)
	report, said, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	defer func() { _, _ = report.Close(), said.Close() }() // what there was to read has been
	var stdout, stderr bytes.Buffer
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = environ, bytes.NewReader(stdin), &stdout, &stderr
	cmd.ExtraFiles = []*os.File{r.lock} // descriptor 3
	if r.launcher != "" {
		cmd.ExtraFiles = append(cmd.ExtraFiles, said) // descriptor 4; of anybody else who had it the report would have no end
	}
	start := r.now()
	err = endWhole(cmd)
	step := Step{Name: stepName(environ, path), StartNS: start, EndNS: r.now()}
	_ = said.Close() // ours, so that the report ends; the second time is no matter
	if cmd.ProcessState != nil {
		step.MaxRSSBytes, step.AtMostBytes = peak(report, cmd.ProcessState)
	}
	r.steps = append(r.steps, step)
	if err != nil {
		return nil, pluginError(filepath.Base(path), stdout.Bytes(), stderr.Bytes(), err)
	}
	return stdout.Bytes(), nil
}

// command is a plugin in a process group of its own: ctx kills the plugin, and endWhole the others of the group.
func (r *runner) command(ctx context.Context, path string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path)
	if r.launcher != "" {
		cmd = exec.CommandContext(ctx, r.launcher, path)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = pluginPatience
	return cmd
}

// endWhole runs a command and returns when it has ended with all that it ran. bridge runs host-local, which would outlive a bridge that was killed
// and take an address when nobody looks for one any more. It is killed while the command is a zombie, so that its group's number is nobody
// else's. Wait then returns when nobody has the command's output open any more: bridge's stderr is host-local's.
func endWhole(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	for errors.Is(unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
	}
	err := unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
	if errors.Is(err, unix.ESRCH) {
		err = nil // somebody else has waited for it
	}
	return errors.Join(cmd.Wait(), err)
}

// peak is a plugin's resident set at its largest as the launcher has it, or what it was not above.
func peak(report io.Reader, ended *os.ProcessState) (bytes, atMost int64) {
	var kib int64 // Linux's unit for it
	if binary.Read(report, binary.NativeEndian, &kib) == nil {
		return kib << 10, 0
	}
	usage, ok := ended.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0, 0
	}
	return 0, usage.Maxrss << 10
}

// writeLauncher holds the fork lock while the file is open for writing: a child forked in between would have
// the descriptor until its exec, and starting the file would fail with ETXTBSY (golang/go#22315).
func writeLauncher(path string) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, launcher, 0o700)
}

// stepName is the verb and the plugin, as in "add-bridge".
func stepName(environ []string, path string) StepName {
	for _, v := range environ {
		if verb, is := strings.CutPrefix(v, "CNI_COMMAND="); is {
			return StepName(strings.ToLower(verb) + "-" + filepath.Base(path))
		}
	}
	return StepName(filepath.Base(path))
}

// pluginError has the plugin's own words: a JSON object on its stdout.
func pluginError(name string, stdout, stderr []byte, err error) error {
	var said types.Error
	if json.Unmarshal(stdout, &said) == nil && said.Msg != "" {
		return fmt.Errorf("%s: %s %s", name, said.Msg, said.Details)
	}
	if len(stderr) > 0 {
		return fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(stderr))
	}
	return fmt.Errorf("%s: %w", name, err)
}
