package ociruntime

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/initbench/initbench/internal/testenv"
)

var builtin151 = Ref{Kind: EmbedderRef, Name: "builtin", Version: "v1.5.1"}

// Catches an embedder taken for a runtime with a command line, which its first create would find out.
func TestEmbedderIsNoRuntime(t *testing.T) {
	var refErr *RefError
	_, err := Resolve(context.Background(), builtin151, Options{CacheDir: t.TempDir()})
	if !errors.As(err, &refErr) || !strings.Contains(err.Error(), "write runc@v1.5.1 or builtin for this one") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}

// Catches a runtime that embeds nothing taken for an embedder, and options that would change nothing.
func TestResolveEmbedderRefuses(t *testing.T) {
	tools, opts := fakeTools(t)
	for _, c := range []struct {
		ref  Ref
		want string
	}{
		{runc1115, "want builtin or builtin@vX.Y.Z"},
		{Ref{Kind: NameRef, Name: "crun"}, "want builtin or builtin@vX.Y.Z"},
		{Ref{Kind: BuiltinRef, Name: "builtin", Builtin: Builtin{Clone: "init"}}, "takes none"},
		{Ref{Kind: EmbedderRef, Name: "builtin", Version: "v1.0.0"}, "v1.1.0 is the oldest that is"},
		{Ref{Kind: EmbedderRef, Name: "runc", Version: "v1.5.1"}, "no embedder can be built of it"},
		{Ref{Kind: EmbedderRef, Name: "builtin", Version: "../../x"}, "no version"},
	} {
		var refErr *RefError
		if _, err := ResolveEmbedder(context.Background(), c.ref, opts); !errors.As(err, &refErr) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.ref, err, c.want)
		}
	}
	if n := installs(t, tools); n != 0 {
		t.Errorf("%d installs", n)
	}
}

// Catches an embedder that is built again each time, of another source or version, or with what the user set for other builds.
func TestEmbedderIsBuiltOnce(t *testing.T) {
	tools, opts := fakeTools(t)
	t.Setenv("GOFLAGS", "-mod=vendor")
	want := Binary{Ref: builtin151, Path: filepath.Join(opts.CacheDir, "runtimes", "builtin@v1.5.1", "builtin"), Toolchain: "go1.99.0", Static: true}
	for range 2 {
		if got, err := ResolveEmbedder(context.Background(), builtin151, opts); err != nil || got != want {
			t.Fatalf("%+v, %v; want %+v", got, err, want)
		}
	}
	if n := installs(t, tools); n != 1 {
		t.Errorf("%d builds", n)
	}
	args := strings.Split(read(t, filepath.Join(tools, "args")), "\n")
	if args[0] != "build" || !slices.Contains(args, "-mod=mod") || !slices.Contains(args, "-s -w -linkmode external -extldflags=-static") {
		t.Errorf("go %q", args)
	}
	mod := read(t, filepath.Join(tools, "go.mod"))
	if !strings.Contains(mod, "\ngo 1.99.0\n") || !strings.Contains(mod, "require github.com/opencontainers/runc v1.5.1\n") {
		t.Errorf("go.mod: %s", mod)
	}
	if record := read(t, filepath.Join(filepath.Dir(want.Path), recordName)); !strings.Contains(record, recipe(builtin151)) {
		t.Errorf("recorded: %s", record)
	}
	if left := cached(t, opts); !slices.Equal(left, []string{"builtin@v1.5.1"}) {
		t.Errorf("cache holds %v", left)
	}
}

// Catches a plain builtin that means another binary embedded than started.
func TestPlainBuiltinIsAnEmbedder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "built")
	writeFile(t, path, string(staticELF), 0o755)
	t.Setenv(builtinVariable, path)
	if got, err := ResolveEmbedder(context.Background(), Ref{Kind: BuiltinRef, Name: "builtin"}, Options{}); err != nil || got.Path != path {
		t.Errorf("%+v, %v", got, err)
	}
}

// Catches a go line that go cannot read, or that has the compiler chosen by the version that is embedded.
func TestLanguage(t *testing.T) {
	for in, want := range map[string]string{"go1.26.8": "1.26.8", "go1.26.8 X:nocoverageredesign": "1.26.8", "go1.27rc1": "1.27rc1", "devel go1.27-abc": "1.22", "": "1.22"} {
		if got := language(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Catches source that the real compiler does not take for the oldest generation, or a binary that names another version.
func TestEmbedderForReal(t *testing.T) {
	testenv.Require(t, testenv.Network)
	opts := Options{CacheDir: t.TempDir(), Log: testLog{t}}
	bin, err := ResolveEmbedder(context.Background(), Ref{Kind: EmbedderRef, Name: "builtin", Version: "v1.1.15"}, opts)
	if err != nil {
		t.Fatal(err)
	}
	id, err := Identify(context.Background(), bin.Path)
	if err != nil || id.Version != "embedder of libcontainer v1.1.15" || !bin.Static {
		t.Errorf("%+v, %v, static %v", id, err, bin.Static)
	}
	_, err = ResolveEmbedder(context.Background(), Ref{Kind: EmbedderRef, Name: "builtin", Version: "v1.1.999"}, opts)
	var refErr *RefError
	if !errors.As(err, &refErr) {
		t.Errorf("a version that does not exist: %v; want a RefError", err)
	}
	if left, err := filepath.Glob(filepath.Join(opts.CacheDir, "runtimes", ".*")); err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
	if _, err := os.Stat(bin.Path); err != nil {
		t.Error(err)
	}
}
