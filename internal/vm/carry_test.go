package vm

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recorder is a guest that only remembers what it was asked.
type recorder struct {
	cmds  []Cmd
	files map[string]string
	code  int // of the unpacking
}

func (r *recorder) Facts() Facts { return Facts{} }

func (r *recorder) Push(context.Context, string, string, os.FileMode) error {
	return errors.New("carry needs no push")
}

func (r *recorder) Run(_ context.Context, cmd Cmd) (int, error) {
	r.cmds = append(r.cmds, cmd)
	if len(r.cmds) > 1 {
		return 5, nil
	}
	r.files = map[string]string{}
	for in := tar.NewReader(cmd.Stdin); r.code == 0; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		body, err := io.ReadAll(in)
		if err != nil {
			return 0, err
		}
		r.files[h.Name] = string(body)
	}
	return r.code, nil
}

// inPackage makes a directory like that of a package under test the current one.
func inPackage(t *testing.T) (binary string) {
	t.Helper()
	dir := t.TempDir()
	for name, body := range map[string]string{"testdata/deep/golden": "gold", "source.go": "package x", "x.test": "binary"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(body), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return filepath.Join(dir, "x.test")
}

// go test -exec must find its binary, its test data and its settings over there,
// and nothing that names a file of this machine.
func TestCarry(t *testing.T) {
	binary := inPackage(t)
	t.Setenv("INITBENCH_REQUIRE", "1")
	t.Setenv("CI", "true")
	t.Setenv("SECRET_OF_THIS_MACHINE", "x")
	guest := &recorder{}
	argv := []string{binary, "-test.testlogfile=/tmp/log", "-test.v=true", "-test.run=X"}
	code, err := Carry(t.Context(), guest, Cmd{Argv: argv})
	if err != nil || code != 5 {
		t.Fatalf("code %d, %v; want 5", code, err)
	}
	if diff := cmp.Diff(map[string]string{"./x.test": "binary", "./testdata/deep/golden": "gold"}, guest.files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	ran := guest.cmds[1]
	if diff := cmp.Diff([]string{"./x.test", "-test.v=true", "-test.run=X"}, ran.Argv); diff != "" {
		t.Errorf("command (-want +got):\n%s", diff)
	}
	if want := filepath.Join(GuestState, "carried", filepath.Dir(binary)); ran.Dir != want {
		t.Errorf("directory %s, want %s", ran.Dir, want)
	}
	if !slices.Contains(ran.Env, "INITBENCH_REQUIRE=1") || !slices.Contains(ran.Env, "CI=true") || slices.Contains(ran.Env, "SECRET_OF_THIS_MACHINE=x") {
		t.Errorf("environment %v", ran.Env)
	}
}

// A guest whose disk is full must not run an old binary instead.
func TestCarryThatCannotUnpack(t *testing.T) {
	binary := inPackage(t)
	guest := &recorder{code: 2}
	if _, err := Carry(t.Context(), guest, Cmd{Argv: []string{binary}}); err == nil || len(guest.cmds) != 1 {
		t.Errorf("%v after %d commands; want an error after 1", err, len(guest.cmds))
	}
}

// A command that is no file here is the user's mistake.
func TestCarryOfNothing(t *testing.T) {
	inPackage(t)
	var usage *UsageError
	for _, argv := range [][]string{nil, {"./none"}, {"testdata"}} {
		if _, err := Carry(t.Context(), &recorder{}, Cmd{Argv: argv}); !errors.As(err, &usage) {
			t.Errorf("%q: %v; want a usage error", argv, err)
		}
	}
}
