package network

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
)

// pluginPatience is how long a killed plugin's own child may keep its output open.
const pluginPatience = 5 * time.Second

// runner starts plugins for libcni and keeps each as a step. It is for one goroutine.
type runner struct {
	version.PluginDecoder
	now func() int64
	// lock is inherited by each plugin, and by the plugins that it runs: see awaitPlugins.
	lock  *os.File
	steps []Step
}

var _ invoke.Exec = (*runner)(nil)

func (r *runner) FindInPath(plugin string, paths []string) (string, error) {
	return invoke.FindInPath(plugin, paths)
}

func (r *runner) ExecPlugin(ctx context.Context, path string, stdin []byte, environ []string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, path)
	cmd.Env, cmd.Stdin, cmd.ExtraFiles, cmd.WaitDelay = environ, bytes.NewReader(stdin), []*os.File{r.lock}, pluginPatience
	start := r.now()
	stdout, err := cmd.Output()
	step := Step{Name: stepName(environ, path), StartNS: start, EndNS: r.now()}
	if cmd.ProcessState != nil {
		step.MaxRSSBytes, step.AtMostBytes = peak(cmd.ProcessState)
	}
	r.steps = append(r.steps, step)
	if err != nil {
		return nil, pluginError(filepath.Base(path), stdout, err)
	}
	return stdout, nil
}

// peak is a plugin's resident set at its largest, or what it was not above.
func peak(ended *os.ProcessState) (bytes, atMost int64) {
	usage, ok := ended.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0, 0
	}
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil || usage.Maxrss <= own.Maxrss {
		return 0, usage.Maxrss << 10 // Linux has it in KiB
	}
	return usage.Maxrss << 10, 0
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
func pluginError(name string, stdout []byte, err error) error {
	var said types.Error
	if json.Unmarshal(stdout, &said) == nil && said.Msg != "" {
		return fmt.Errorf("%s: %s %s", name, said.Msg, said.Details)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(exit.Stderr))
	}
	return fmt.Errorf("%s: %w", name, err)
}
