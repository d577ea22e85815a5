package vm

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Machine is a guest however it was come by: booted here or held elsewhere.
type Machine interface {
	Run(ctx context.Context, cmd Cmd) (int, error)
	Push(ctx context.Context, local, guest string, mode os.FileMode) error
	Facts() Facts
}

var (
	_ Machine = (*Guest)(nil)
	_ Machine = (*Attached)(nil)
)

// Carry runs a local binary in the guest the way `go test -exec` wants it: in a
// directory named like the current one, with ./testdata beside it. What the
// directory held before is gone, so that a stale file cannot pass a test.
func Carry(ctx context.Context, m Machine, cmd Cmd) (int, error) {
	if len(cmd.Argv) == 0 {
		return 0, usagef("carry: no command given")
	}
	here, err := os.Getwd()
	if err != nil {
		return 0, fmt.Errorf("carry: %w", err)
	}
	binary := cmd.Argv[0]
	if st, err := os.Stat(binary); err != nil || !st.Mode().IsRegular() {
		return 0, usagef("carry %s: not a file of this machine", binary)
	}
	cmd.Dir = path.Join(GuestState, "carried", filepath.ToSlash(here))
	if err := unpackInto(ctx, m, cmd.Dir, func(w *tar.Writer) error { return carried(w, binary) }); err != nil {
		return 0, fmt.Errorf("carry %s: %w", binary, err)
	}
	cmd.Argv = append([]string{"./" + filepath.Base(binary)}, guestTestArgs(cmd.Argv[1:])...)
	cmd.Env = append(carriedEnv(os.Environ()), cmd.Env...)
	return m.Run(ctx, cmd)
}

// unpackInto makes an empty guest directory and fills it from one tar stream:
// a round trip for each file would cost more than the bytes.
func unpackInto(ctx context.Context, m Machine, dir string, fill func(*tar.Writer) error) error {
	r, w := io.Pipe()
	filled := make(chan error, 1)
	go func() {
		t := tar.NewWriter(w)
		err := errors.Join(fill(t), t.Close())
		_ = w.CloseWithError(err) // of a pipe in memory
		filled <- err
	}()
	var said strings.Builder
	const script = `rm -rf "$1" && mkdir -p "$1" && exec tar -x -f - -C "$1"`
	code, err := m.Run(ctx, Cmd{Argv: []string{"sh", "-c", script, "sh", dir}, Stdin: r, Stdout: &said, Stderr: &said})
	_ = r.Close() // a tar that ended early must not keep fill waiting
	if err == nil && code != 0 {
		err = fmt.Errorf("unpack into %s: tar ended with %d: %s", dir, code, strings.TrimSpace(said.String()))
	}
	return errors.Join(err, ignorePipe(<-filled, err))
}

// ignorePipe drops the filler's complaint about a tar that is reported already.
func ignorePipe(filled, reported error) error {
	if reported != nil && errors.Is(filled, io.ErrClosedPipe) {
		return nil
	}
	return filled
}

// carried writes the binary and the test data.
func carried(w *tar.Writer, binary string) error {
	if err := addLocal(w, binary, filepath.Base(binary)); err != nil {
		return err
	}
	err := filepath.WalkDir("testdata", func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		return addLocal(w, name, filepath.ToSlash(name))
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a package without test data
	}
	return err
}

// addLocal writes a local file under a relative name.
func addLocal(w *tar.Writer, local, name string) error {
	f, err := os.Open(local)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read from
	st, err := f.Stat()
	if err != nil {
		return err
	}
	h := &tar.Header{Typeflag: tar.TypeReg, Name: "./" + name, Mode: int64(st.Mode().Perm()), Size: st.Size(), ModTime: st.ModTime()}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

// guestTestArgs drops what names a file of this machine only: go test asks for a
// log of what the test opened, to cache its result, and a result that depends on a
// guest is not to be cached.
func guestTestArgs(args []string) []string {
	var kept []string
	for _, a := range args {
		if !strings.HasPrefix(a, "-test.testlogfile=") {
			kept = append(kept, a)
		}
	}
	return kept
}

// carriedEnv keeps the variables by which tests are told how to run.
func carriedEnv(env []string) []string {
	var kept []string
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		switch {
		case name == "CI", strings.HasPrefix(name, "INITBENCH_"):
			kept = append(kept, kv)
		case name == "GODEBUG", name == "GOTRACEBACK", name == "GORACE", name == "GOMAXPROCS", name == "GOGC":
			kept = append(kept, kv)
		}
	}
	return kept
}
