package embed

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

// Catches a version that is built from another generation's source, and one that ends in a compiler's words.
func TestGenerations(t *testing.T) {
	for version, want := range map[string]string{
		"v1.1.0": "embedder/_v1.1", "v1.1.15": "embedder/_v1.1", "v1.1.16-0.20240903152427-0683379250c0": "embedder/_v1.1",
		"v1.2.0": "embedder/_v1.2", "v1.2.6": "embedder/_v1.2", "v1.3.0": "", "v1.5.1": "", "v1.6.0-rc.1": "", "v9.0.0": "",
	} {
		if g, err := generationOf(version); err != nil || g.folder != want {
			t.Errorf("%s: %+v, %v; want %q", version, g, err, want)
		}
	}
	for version, want := range map[string]string{
		"v1.0.3": "v1.1.0 is the oldest that is", "v1.0.0-rc95": "v1.1.0 is", "v1.1.0-rc.1": "v1.1.0 is", "v1.2.0-rc.1": "runc#4233", "": "no version", "latest": "no version",
	} {
		if err := Check(version); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", version, err, want)
		}
		if err := WriteModule(t.TempDir(), version, "1.26"); err == nil {
			t.Errorf("%s: a module was written", version)
		}
	}
}

// Catches a module that lacks a file, has a test or two generations' files, or lets go choose the version.
func TestWriteModule(t *testing.T) {
	for _, version := range []string{"v1.1.15", "v1.2.6", "v1.5.1"} {
		dir := t.TempDir()
		if err := WriteModule(dir, version, "1.26.8"); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		mod, err := modfile.Parse("go.mod", text, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(mod.Require) != 1 || mod.Require[0].Mod.Path != runc || mod.Require[0].Mod.Version != version || mod.Go.Version != "1.26.8" || mod.Module.Mod.Path != module {
			t.Errorf("%s: %s", version, text)
		}
		var names []string
		err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				names = append(names, strings.TrimPrefix(path, dir+"/"))
			}
			return err
		})
		want := []string{"go.mod", "internal/builtin/embed/embedder/cycle_linux.go", "internal/builtin/embed/embedder/doc.go",
			"internal/builtin/embed/embedder/libcontainer_linux.go", "internal/builtin/embed/embedder/main_linux.go",
			"internal/builtin/embed/embedder/process_linux.go", "internal/builtin/embed/protocol/command.go",
			"internal/builtin/embed/protocol/doc.go", "internal/builtin/embed/protocol/serve.go", "main.go"}
		if slices.Sort(names); err != nil || !slices.Equal(names, want) {
			t.Errorf("%s: %q, %v", version, names, err)
		}
	}
}

// Catches an older generation's file that lacks what the others were given since: no compiler sees it before somebody asks for that version.
func TestGenerationsDeclareTheSame(t *testing.T) {
	want := declared(t, "embedder/"+special)
	if len(want) < 4 {
		t.Fatalf("declared: %q", want)
	}
	for _, g := range generations {
		if g.folder == "" {
			continue
		}
		if got := declared(t, g.folder+"/"+special); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", g.folder, got, want)
		}
	}
}

func declared(t *testing.T, name string) []string {
	t.Helper()
	text, err := source.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			names[d.Name.Name] = true
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if typ, is := s.(*ast.TypeSpec); is {
					names[typ.Name.Name] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Catches a cache that keeps what was built of another source.
func TestDigests(t *testing.T) {
	digests := map[string]string{}
	for _, version := range []string{"v1.1.15", "v1.2.6", "v1.5.1"} {
		digest, err := Digest(version)
		if err != nil || len(digest) != 16 || digests[digest] != "" {
			t.Errorf("%s: %q, %v, of %q too", version, digest, err, digests[digest])
		}
		digests[digest] = version
	}
	if same, err := Digest("v1.5.2"); err != nil || digests[same] != "v1.5.1" {
		t.Errorf("v1.5.2 is built of other source than v1.5.1: %q, %v", same, err)
	}
	if _, err := Digest("v1.0.0"); err == nil {
		t.Error("a digest of nothing")
	}
}
