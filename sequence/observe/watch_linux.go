//go:build amd64

package observe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/sequence"
)

// Watch is one trial being watched.
type Watch struct {
	observer *Observer
	member   observeMember // of its trial, as whatever
	podID    uint64
	skipped  uint64         // when it began
	events   []observeEvent // under the observer's lock
}

// Watch begins to record what happens in the target's cgroups. Call it before create is spawned.
func (o *Observer) Watch(t Target) (*Watch, error) {
	w, err := o.watch(t)
	if err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	return w, nil
}

func (o *Observer) watch(t Target) (*Watch, error) {
	trial, err := trialOf(t)
	if err != nil {
		return nil, err
	}
	w := &Watch{observer: o, podID: trial.Pod}
	if w.skipped, err = o.skipped(); err != nil {
		return nil, err
	}
	if err := o.register(w, trial); err != nil {
		return nil, err
	}
	err = errors.Join(w.mark(t.Pod, whosePod, whoseContainer), w.mark(t.Runtime, whoseRuntime, whoseRuntime))
	if err != nil {
		return nil, errors.Join(err, w.end())
	}
	return w, nil
}

// trialOf is what the programs know of a trial before it begins.
func trialOf(t Target) (observeTrial, error) {
	var trial observeTrial
	var err error
	if trial.Pod, err = cgroupID(t.Pod); err != nil {
		return trial, err
	}
	if trial.Runtime, err = cgroupID(t.Runtime); err != nil {
		return trial, err
	}
	trial.Payload, err = words(t.Payload)
	return trial, err
}

// cgroupID is the number that the kernel has for the cgroup at path.
func cgroupID(path string) (uint64, error) {
	var fsys unix.Statfs_t
	var st unix.Stat_t
	if err := errors.Join(unix.Statfs(path, &fsys), unix.Stat(path, &st)); err != nil {
		return 0, fmt.Errorf("cgroup %s: %w", path, err)
	}
	if fsys.Type != unix.CGROUP2_SUPER_MAGIC || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return 0, fmt.Errorf("%s is not a cgroup of version 2", path)
	}
	return st.Ino, nil
}

// register gives the watch a serial and a slot of the trials array. Slots go round, so that a program that
// was under way when a watch ended finds no other trial in its slot.
func (o *Observer) register(w *Watch, trial observeTrial) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	slots := uint64(o.programs.Maps[observeMapTrials].MaxEntries())
	if uint64(len(o.watches)) == slots {
		return fmt.Errorf("%d trials are being watched already", slots)
	}
	o.serial++
	for o.taken(uint32(o.serial % slots)) {
		o.serial++
	}
	w.member = observeMember{Serial: o.serial, Slot: uint32(o.serial % slots)}
	trial.Serial = o.serial
	if err := o.programs.Maps[observeMapTrials].Put(w.member.Slot, trial); err != nil {
		return fmt.Errorf("trials map: %w", err)
	}
	o.watches[o.serial] = w
	return o.setWatched()
}

func (o *Observer) taken(slot uint32) bool {
	for _, w := range o.watches {
		if w.member.Slot == slot {
			return true
		}
	}
	return false
}

func (o *Observer) setWatched() error {
	return o.programs.Variables[observeVarWatched].Set(uint32(len(o.watches)))
}

// mark makes the cgroup at path and those below it the trial's. What is made later
// below them the programs see; a cgroup that is made during the walk is marked twice, the same way.
func (w *Watch) mark(path string, top, below uint32) error {
	return filepath.WalkDir(path, func(dir string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && dir != path:
			return nil // removed meanwhile
		case err != nil:
			return err
		case !d.IsDir():
			return nil
		}
		m := w.member
		m.Whose = below
		if dir == path {
			m.Whose = top
		}
		id, err := cgroupID(dir)
		if errors.Is(err, fs.ErrNotExist) && dir != path {
			return nil
		}
		if err != nil {
			return err
		}
		if err := w.observer.programs.Maps[observeMapCgroups].Put(id, m); err != nil {
			return fmt.Errorf("cgroups map: %w", err)
		}
		return nil
	})
}

// Finish stops recording and returns what was seen up to now. Call it once, while the cgroups of the target are still there or later.
func (w *Watch) Finish() (sequence.Timeline, error) {
	t, err := w.finish()
	if err != nil {
		return sequence.Timeline{}, fmt.Errorf("finish: %w", err)
	}
	return t, nil
}

func (w *Watch) finish() (sequence.Timeline, error) {
	if err := w.forgetCgroups(); err != nil {
		return sequence.Timeline{}, errors.Join(err, w.end())
	}
	err := w.observer.flush()
	var trial observeTrial
	if lerr := w.observer.programs.Maps[observeMapTrials].Lookup(w.member.Slot, &trial); lerr != nil {
		err = errors.Join(err, fmt.Errorf("trials map: %w", lerr))
	}
	skipped, serr := w.observer.skipped()
	if err := errors.Join(err, serr, w.end()); err != nil {
		return sequence.Timeline{}, err
	}
	return w.timeline(trial, skipped-w.skipped), nil
}

// end takes the trial away from the programs and the watch from the observer.
func (w *Watch) end() error {
	o := w.observer
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.watches[w.member.Serial] != w {
		return os.ErrClosed
	}
	delete(o.watches, w.member.Serial)
	return errors.Join(
		o.programs.Maps[observeMapTrials].Put(w.member.Slot, observeTrial{}),
		o.setWatched(),
		w.forgetCgroups(),
	)
}

// forgetCgroups has the programs recognise none of the trial's cgroups any more. The keys are
// collected first: a hash that is iterated while it shrinks repeats itself.
func (w *Watch) forgetCgroups() error {
	m := w.observer.programs.Maps[observeMapCgroups]
	var ours []uint64
	var id uint64
	var member observeMember
	entries := m.Iterate()
	for entries.Next(&id, &member) {
		if member.Serial == w.member.Serial {
			ours = append(ours, id)
		}
	}
	errs := []error{entries.Err()}
	for _, id := range ours {
		if err := m.Delete(id); !errors.Is(err, ebpf.ErrKeyNotExist) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cgroups map: %w", err)
	}
	return nil
}

// words is a path as the programs compare it, a word at a time with zeros behind.
func words(path string) ([32]uint64, error) {
	var out [32]uint64
	b := make([]byte, 8*len(out))
	if path == "" || len(path) >= len(b) {
		return out, fmt.Errorf("payload %q: a path of 1 to %d bytes is needed", path, len(b)-1)
	}
	copy(b, path)
	for i := range out {
		out[i] = binary.NativeEndian.Uint64(b[8*i:])
	}
	return out, nil
}
