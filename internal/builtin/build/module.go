//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
)

const runcPath = "github.com/opencontainers/runc"

// module is as much of `go list -m -json` as is needed.
type module struct {
	Version string
	Dir     string // empty while it is not in the module cache
}

// run runs the go command in dir and returns what it printed.
func run(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", args[0], err, bytes.TrimSpace(said.Bytes()))
	}
	return out, nil
}

func moduleRoot(ctx context.Context) (string, error) {
	out, err := run(ctx, "", nil, "list", "-m", "-f", "{{.Dir}}")
	return strings.TrimSpace(string(out)), err
}

func findModule(ctx context.Context, root, path string) (module, error) {
	// list alone does not fetch what is missing.
	if _, err := run(ctx, root, nil, "mod", "download", path); err != nil {
		return module{}, err
	}
	out, err := run(ctx, root, nil, "list", "-m", "-json", path)
	if err != nil {
		return module{}, err
	}
	var m module
	if err := json.Unmarshal(out, &m); err != nil {
		return module{}, fmt.Errorf("go list -m %s: %w", path, err)
	}
	if m.Dir == "" || m.Version == "" {
		return module{}, fmt.Errorf("go list -m %s: says neither version nor directory: %s", path, out)
	}
	return m, nil
}

// writeModfile writes a go.mod like ours in which runc is the copy, and its go.sum.
func writeModfile(root, copied, work string) (string, error) {
	own := filepath.Join(root, "go.mod")
	text, err := os.ReadFile(own)
	if err != nil {
		return "", err
	}
	mod, err := modfile.Parse(own, text, nil)
	if err != nil {
		return "", err
	}
	// Relative to the module's root, wherever the file itself lies.
	there, err := filepath.Rel(root, copied)
	if err != nil {
		return "", err
	}
	if err := mod.AddReplace(runcPath, "", "./"+there, ""); err != nil {
		return "", err
	}
	if text, err = mod.Format(); err != nil {
		return "", err
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		return "", err
	}
	path := filepath.Join(work, "builtin.mod")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return "", err
	}
	return path, os.WriteFile(filepath.Join(work, "builtin.sum"), sums, 0o644)
}

// goBuild leaves out as it is when nothing has changed: the go command sees to that.
func goBuild(ctx context.Context, root, modfile, libcontainer, out string) error {
	_, err := run(ctx, root, []string{"CGO_ENABLED=1"}, "build", "-modfile", modfile, "-buildvcs=false", "-trimpath",
		// seccomp as runc's releases have it. netgo and osusergo: the C library's ways to look up
		// names and users need that library at run time. Without criu, whose protocol buffers are 2 MiB.
		"-tags", "seccomp netgo osusergo runc_nocriu",
		"-ldflags", "-s -w -linkmode external -extldflags -static -X main.libcontainerVersion="+libcontainer,
		"-o", out, "./internal/builtin")
	return err
}
