package ociruntime

import (
	"context"
	"debug/elf"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Options say where runtimes are kept and who hears about it.
type Options struct {
	// CacheDir holds runtimes/; empty means initbench in the user's cache directory.
	CacheDir string
	// Log gets a line for each thing that takes long; nil means silence. When
	// several Resolve calls share it, it must be safe for concurrent writes; each line is one write.
	Log io.Writer
}

// Binary is a runtime's executable on this machine.
type Binary struct {
	Ref  Ref
	Path string // absolute
	// Toolchain is the Go version an installed runtime was built with; empty for
	// binaries that were found.
	Toolchain string
	// Static is true for an ELF file that needs no dynamic loader, so that it also
	// runs in a guest with other libraries.
	Static bool
}

// Resolve finds the binary a reference means, installing it first where it is a
// version that the cache does not have. A reference that means nothing usable is a
// [*RefError], a machine that cannot install is an [*EnvError].
func Resolve(ctx context.Context, ref Ref, opts Options) (Binary, error) {
	switch ref.Kind {
	case PathRef:
		return resolvePath(ref, ref.Name)
	case NameRef:
		return resolveName(ref)
	case ModuleRef:
		return resolveModule(ctx, ref, opts)
	case BuiltinRef:
		return resolveBuiltin(ref)
	case EmbedderRef:
		return Binary{}, &RefError{Ref: ref.String(), Reason: "embeds libcontainer in a process that lives on, and has no create or start: " +
			"only a scenario whose cycles are embedded can use it; write runc@" + ref.Version + " or builtin for this one"}
	}
	return Binary{}, &RefError{Ref: ref.Name, Reason: "unknown kind of reference " + quote(string(ref.Kind))}
}

func resolveName(ref Ref) (Binary, error) {
	path, err := exec.LookPath(ref.Name)
	switch {
	case errors.Is(err, exec.ErrDot):
		return Binary{}, &RefError{Ref: ref.Name, Reason: "PATH finds it only in the current directory; write ./" + ref.Name}
	case errors.Is(err, exec.ErrNotFound):
		return Binary{}, &RefError{Ref: ref.Name, Reason: "no such command on PATH; " + refForms}
	case err != nil:
		return Binary{}, &RefError{Ref: ref.Name, Reason: "look up on PATH", Err: err}
	}
	return resolvePath(ref, path)
}

func resolvePath(ref Ref, path string) (Binary, error) {
	if reason, err := unusable(path); reason != "" {
		return Binary{}, &RefError{Ref: ref.Name, Reason: reason, Err: err}
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return Binary{}, &RefError{Ref: ref.Name, Reason: "make the path absolute", Err: err}
	}
	return Binary{Ref: ref, Path: abs, Static: isStatic(abs)}, nil
}

// unusable says in one line why the file at path cannot be executed, or nothing.
func unusable(path string) (reason string, cause error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missing(path), nil
	case err != nil:
		return "look at the file", err
	case info.IsDir():
		return "is a directory, not an executable file", nil
	case !info.Mode().IsRegular():
		return "is not a regular file", nil
	case info.Size() == 0:
		return "is an empty file", nil
	case info.Mode().Perm()&0o111 == 0:
		return "is not executable (chmod +x would make it so)", nil
	}
	// The mode says yes, but the file system may be mounted noexec, or the bit be another user's.
	if err := unix.Access(path, unix.X_OK); err != nil {
		return "cannot be executed here", err
	}
	return "", nil
}

// missing points at the likeliest mistake, an import path where a short name is meant.
func missing(path string) string {
	if _, version, found := strings.Cut(path, runc.path+"@"); found {
		return "no such file (to install that version, write runc@" + printable(version, maxVersion) + ")"
	}
	return "no such file"
}

// isStatic says whether path is an ELF file without a program interpreter. A
// script is not: it needs its shell.
func isStatic(path string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	// Closing a file that was only read loses nothing.
	defer func() { _ = f.Close() }()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return false
		}
	}
	return true
}
