package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// Kind is what sort of thing an entry names.
type Kind string

const (
	Cgroup Kind = "cgroup" // a directory below the cgroup2 mount
	Unit   Kind = "unit"   // a systemd unit
	Dir    Kind = "dir"    // a directory on disk, with whatever is mounted below it
	Mount  Kind = "mount"  // a namespace mounted to last; no journal names one: it is found by the run's name
)

// Entry is one thing about to be made. Scope groups what is removed together: a
// trial, or the run itself.
type Entry struct {
	Scope string `json:"scope"`
	Kind  Kind   `json:"kind,omitempty"`
	Name  string `json:"name,omitempty"`
	// Gone closes the scope: all it named was seen to be removed.
	Gone bool `json:"gone,omitempty"`
}

// Base is the directory of everything initbench keeps between processes on this
// machine. It is absolute: clean may be called in another directory than the run was.
func Base() string {
	abs, err := filepath.Abs(base())
	if err != nil {
		return base() // no current directory: what is made there fails, and says so
	}
	return abs
}

func base() string {
	if dir := os.Getenv("INITBENCH_STATE_DIR"); dir != "" {
		return dir
	}
	if os.Geteuid() == 0 {
		return "/var/lib/initbench"
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) { // its specification: a relative one counts as unset
		return filepath.Join(dir, "initbench")
	}
	return filepath.Join(os.Getenv("HOME"), ".local/state/initbench")
}

// BusyError says that another run holds this machine.
type BusyError struct{ PID string } // empty where it has not said yet

func (e *BusyError) Error() string {
	who := "another initbench run"
	if e.PID != "" {
		who += " (pid " + e.PID + ")"
	}
	return who + " holds this machine: one run at a time, since each would disturb the other's figures"
}

// Lock takes the machine for one run; the kernel lets go of it when the process
// ends, whichever way.
func Lock(base string) (*flock.Flock, error) {
	if err := os.MkdirAll(base, 0o755); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	path := filepath.Join(base, "lock")
	l := flock.New(path)
	got, err := l.TryLock()
	if err == nil && !got && gone(holder(path)) {
		got, err = awaitChildOfTheDead(l)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("journal: lock %s: %w", path, err)
	case !got:
		return nil, &BusyError{PID: holder(path)}
	}
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
		return nil, errors.Join(fmt.Errorf("journal: %w", err), l.Unlock())
	}
	return l, nil
}

// holder is who wrote itself into the lock, only to be named: a refusal stands without it.
func holder(path string) string {
	pid, _ := os.ReadFile(path)
	return strings.TrimSpace(string(pid))
}

// gone tells whether a process is known to have ended.
func gone(pid string) bool {
	n, err := strconv.Atoi(pid)
	if err != nil || n < 1 {
		return false
	}
	p, err := os.FindProcess(n)
	if err != nil {
		return errors.Is(err, os.ErrProcessDone)
	}
	defer func() { _ = p.Release() }() // of a handle
	return errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone)
}

// awaitChildOfTheDead takes a lock whose holder was killed while a child of its was between fork and exec: that one has
// the descriptor until its exec, which is milliseconds away, or tens of them in a busy guest.
func awaitChildOfTheDead(l *flock.Flock) (got bool, err error) {
	const longest, again = 5 * time.Second, 5 * time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	got, err = l.TryLockContext(ctx, again)
	if errors.Is(err, context.DeadlineExceeded) {
		return false, nil
	}
	return got, err
}

// Journal is one run's list. Its methods are for one goroutine at a time.
type Journal struct{ f *os.File }

const suffix = ".journal"

// Open starts the journal of a run.
func Open(base, run string) (*Journal, error) {
	if err := os.MkdirAll(base, 0o755); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(base, run+suffix), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return &Journal{f: f}, nil
}

// Intend writes entries down with a single write: a process killed right after
// it leaves them behind. There is no fsync: after a crash of the machine itself
// there are no cgroups or units left, and run directories are found by name.
//
// It begins a line of its own: were an earlier write cut short, as by a full
// disk, these entries would otherwise be the unreadable rest of that line.
func (j *Journal) Intend(entries ...Entry) error {
	text := []byte{'\n'}
	for _, e := range entries {
		line, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		text = append(append(text, line...), '\n')
	}
	if _, err := j.f.Write(text); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// Gone records that all of scope was removed.
func (j *Journal) Gone(scope string) error { return j.Intend(Entry{Scope: scope, Gone: true}) }

// Close ends a run that left nothing: the journal itself goes too.
func (j *Journal) Close() error {
	return errors.Join(os.Remove(j.f.Name()), j.f.Close())
}

// Keep ends a run that could not remove everything: the journal stays for clean.
func (j *Journal) Keep() error { return j.f.Close() }

// Remains is what one ended run left.
type Remains struct {
	Run     string
	Path    string // the journal
	Entries []Entry
}

// Find lists the journals under base whose runs did not end cleanly. Call it
// with the lock held: a live run's journal looks the same.
func Find(base string) ([]Remains, error) {
	files, err := filepath.Glob(filepath.Join(base, "*"+suffix))
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	var all []Remains
	for _, path := range files {
		entries, err := read(path)
		if err != nil {
			return nil, err
		}
		all = append(all, Remains{Run: strings.TrimSuffix(filepath.Base(path), suffix), Path: path, Entries: entries})
	}
	return all, nil
}

// read returns the entries of open scopes, last made first: the order to remove them in.
func read(path string) ([]Entry, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	var open []Entry
	for line := range bytes.Lines(text) {
		var e Entry
		if json.Unmarshal(line, &e) != nil {
			// Half a line: its write was cut short, so what it names was never made. Or
			// zeros, of any length: the machine crashed before the disk had the rest.
			continue
		}
		if e.Gone {
			open = slices.DeleteFunc(open, func(o Entry) bool { return o.Scope == e.Scope })
			continue
		}
		open = append(open, e)
	}
	slices.Reverse(open)
	return open, nil
}
