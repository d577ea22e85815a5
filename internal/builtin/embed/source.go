package embed

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"golang.org/x/mod/semver"
)

// source is every file that an embedder of any version is built of, without tests.
//
//go:embed protocol/doc.go protocol/command.go protocol/serve.go
//go:embed embedder/doc.go embedder/*_linux.go embedder/_v1.1/*.go embedder/_v1.2/*.go embedder/_main/main.go
var source embed.FS

// module is the one that the files belong to: they keep their import paths where they are built.
const module = "github.com/initbench/initbench"

// runc is the module that libcontainer is a part of.
const runc = "github.com/opencontainers/runc"

// generation are the versions of libcontainer, from this one on, against which the same files compile.
type generation struct {
	from string
	// folder has the file that is another one for this generation; empty for the newest.
	folder string
	// refused is why it is not embedded, though it is not too old; empty where it is.
	refused string
}

// generations begin with a version's first prerelease that has its API, the newest generation first.
var generations = []generation{
	{from: "v1.3.0-rc.1"},
	{from: "v1.2.0-rc.2", folder: "embedder/_v1.2"},
	{from: "v1.2.0-rc.1", refused: "has C code that Go 1.22 and newer cannot be trusted with (opencontainers/runc#4233): the releases of 1.2 can be embedded"},
	{from: "v1.1.0", folder: "embedder/_v1.1"},
}

// Check says in one line why no embedder can be built on a version of libcontainer, if so.
func Check(version string) error {
	_, err := generationOf(version)
	return err
}

func generationOf(version string) (generation, error) {
	if !semver.IsValid(version) {
		return generation{}, fmt.Errorf("libcontainer %.40q: no version", version)
	}
	for _, g := range generations {
		if semver.Compare(version, g.from) < 0 {
			continue
		}
		if g.refused != "" {
			return generation{}, fmt.Errorf("libcontainer %s %s", version, g.refused)
		}
		return g, nil
	}
	return generation{}, fmt.Errorf("libcontainer %s has an API that is not embedded here: %s is the oldest that is",
		version, generations[len(generations)-1].from)
}

// file is one of an embedder's, and where it lies in its module.
type file struct{ from, to string }

// files lists what an embedder of one generation is made of.
func (g generation) files() ([]file, error) {
	files := []file{{"embedder/_main/main.go", "main.go"}}
	for _, folder := range []string{"protocol", "embedder"} {
		entries, err := source.ReadDir(folder)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.IsDir() {
				continue
			}
			from := path.Join(folder, e.Name())
			to := path.Join("internal/builtin/embed", from)
			if g.folder != "" && e.Name() == special {
				from = path.Join(g.folder, special)
			}
			files = append(files, file{from, to})
		}
	}
	return files, nil
}

// special is the file that each generation has its own of.
const special = "libcontainer_linux.go"

// WriteModule writes the embedder of a version of libcontainer into dir as a module of its own, for the go command to
// build. Its go.mod asks for that version alone: all else is then as old as that version asks for, which -mod=mod
// finds out. goVersion is the language's, and the same for every version that is compared.
func WriteModule(dir, version, goVersion string) error {
	g, err := generationOf(version)
	if err != nil {
		return err
	}
	files, err := g.files()
	if err != nil {
		return err
	}
	for _, f := range files {
		text, err := source.ReadFile(f.from)
		if err == nil {
			err = writeFile(filepath.Join(dir, filepath.FromSlash(f.to)), text)
		}
		if err != nil {
			return fmt.Errorf("write the embedder's source: %w", err)
		}
	}
	mod := fmt.Sprintf("module %s\n\ngo %s\n\nrequire %s %s\n", module, goVersion, runc, version)
	if err := writeFile(filepath.Join(dir, "go.mod"), []byte(mod)); err != nil {
		return fmt.Errorf("write the embedder's source: %w", err)
	}
	return nil
}

func writeFile(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// Digest says which source WriteModule writes for a version, so that what was built of another is built again.
func Digest(version string) (string, error) {
	g, err := generationOf(version)
	if err != nil {
		return "", err
	}
	files, err := g.files()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, f := range files {
		text, err := source.ReadFile(f.from)
		if err != nil {
			return "", err
		}
		// A hash never fails to take what is written to it.
		_, _ = fmt.Fprintf(h, "%s %d\n%s", f.to, len(text), text)
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}
