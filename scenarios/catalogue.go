package scenarios

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/initbench/initbench/internal/yamlpos"
)

// MaxFileBytes is the largest scenario file read, a hundred times the catalogue's
// largest. The YAML parser needs time and memory quadratic in the number of keys: at this size
// the worst file found takes it 0.7 s, at 1 MiB it would be minutes.
const MaxFileBytes = 64 << 10

//go:embed catalogue/*.yaml
var embedded embed.FS

// Catalogue returns the scenarios that come with the program, in the order of their names.
func Catalogue() ([]Scenario, error) {
	names, err := fs.Glob(embedded, "catalogue/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	var all []Scenario
	for _, name := range names {
		s, err := fromCatalogue(name)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func fromCatalogue(name string) (Scenario, error) {
	data, err := embedded.ReadFile(name)
	if err != nil {
		return Scenario{}, fmt.Errorf("catalogue: %w", err)
	}
	return Parse(name, data)
}

// Load returns the scenario that arg names: one of the catalogue, or a file where arg has a /
// or ends in .yaml or .yml. A name never means a file that happens to lie in the
// working directory. Every error is an *Error.
func Load(arg string) (Scenario, error) {
	if strings.Contains(arg, "/") || strings.HasSuffix(arg, ".yaml") || strings.HasSuffix(arg, ".yml") {
		return LoadFile(arg)
	}
	s, err := fromCatalogue(path.Join("catalogue", arg+".yaml"))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return Scenario{}, &Error{Wrong: "no scenario " + quoted(arg), Right: suggestion(arg) + "write " + strings.Join(Names(), ", ") + ", or the path of a .yaml file"}
	}
	return s, err
}

// Names lists the catalogue.
func Names() []string {
	var names []string
	// The pattern is a constant and well formed, the one thing Glob objects to.
	files, _ := fs.Glob(embedded, "catalogue/*.yaml")
	for _, f := range files {
		names = append(names, strings.TrimSuffix(path.Base(f), ".yaml"))
	}
	return names
}

// fewest letters that are the beginning of one name and no other by more than chance.
const fewest = 2

// suggestion names the scenario that arg is the beginning of, or that a slip of the hand away from it would have named.
func suggestion(arg string) string {
	for _, name := range Names() {
		if len(arg) > fewest && strings.HasPrefix(name, arg) {
			return yamlpos.Suggest(name)
		}
	}
	return yamlpos.DidYouMean(arg, Names())
}

// LoadFile reads a user's scenario file. Every error is an *Error.
func LoadFile(name string) (Scenario, error) {
	data, err := readFile(name)
	if err != nil {
		return Scenario{}, err
	}
	return Parse(name, data)
}

// readFile reads a regular file of at most MaxFileBytes.
//
// The look before opening keeps devices untouched, where opening alone can act; the look
// after it, on the descriptor, is the one that counts, for the name may
// have come to mean another file. O_NONBLOCK keeps a FIFO from holding the open.
func readFile(name string) ([]byte, error) {
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		return nil, notReadable(name, info, err)
	}
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, notReadable(name, nil, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, notReadable(name, info, err)
	}
	if info.Size() > MaxFileBytes {
		return nil, tooLarge(name)
	}
	return readAll(name, f)
}

// readAll stops past the limit whatever the size said: files of /proc say 0.
func readAll(name string, r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxFileBytes+1))
	if err != nil {
		return nil, notReadable(name, nil, err)
	}
	if len(data) > MaxFileBytes {
		return nil, tooLarge(name)
	}
	return data, nil
}

func notReadable(name string, info fs.FileInfo, err error) *Error {
	e := &Error{Pos: Position{File: name}, Right: "give a scenario file", Err: err}
	switch {
	case err == nil:
		e.Wrong = "this is " + typeName(info.Mode())
	case errors.Is(err, fs.ErrNotExist):
		e.Wrong, e.Right = "no such file", "give the path of a scenario file, or a name of `initbench scenarios`"
	default:
		e.Wrong = cause(err).Error()
	}
	return e
}

// cause strips the operation and the path, which the line already has.
func cause(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

func typeName(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case mode&fs.ModeDevice != 0:
		return "a device"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "not a regular file"
}

func tooLarge(name string) *Error {
	return &Error{Pos: Position{File: name, Line: 1, Column: 1}, Wrong: "too large for a scenario", Right: fmt.Sprintf("the most is %s", FormatSize(MaxFileBytes))}
}
