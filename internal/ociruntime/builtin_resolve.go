package ociruntime

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// builtinBinary is the built-in runtime's file. It lies beside initbench.
const builtinBinary = "initbench-builtin"

// builtinVariable names another file to take, for tests and for a runtime in development.
const builtinVariable = "INITBENCH_BUILTIN"

// resolveBuiltin finds the built-in runtime: where the environment says, beside
// this program, beside what this program's symbolic link leads to, on PATH.
func resolveBuiltin(ref Ref) (Binary, error) {
	if path := os.Getenv(builtinVariable); path != "" {
		b, err := resolvePath(ref, path)
		var refErr *RefError
		if errors.As(err, &refErr) {
			refErr.Reason = builtinVariable + " says " + quote(path) + ", which " + refErr.Reason
		}
		return b, err
	}
	for _, dir := range besides() {
		path := filepath.Join(dir, builtinBinary)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return resolvePath(ref, path)
		}
	}
	if path, err := exec.LookPath(builtinBinary); err == nil {
		return resolvePath(ref, path)
	}
	return Binary{}, &EnvError{What: "find the built-in runtime", Reason: builtinBinary + " lies neither beside initbench nor on PATH",
		Remedy: "make build makes both"}
}

// besides are the directories of this program: as it was called, and as it lies there.
func besides() []string {
	exe, err := os.Executable()
	if err != nil {
		return nil
	}
	dirs := []string{filepath.Dir(exe)}
	if real, err := filepath.EvalSymlinks(exe); err == nil {
		dirs = append(dirs, filepath.Dir(real))
	}
	return dirs
}
