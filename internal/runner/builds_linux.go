package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/scenarios"
)

// builds keeps what starts of the built-in runtime are executed from: its binary at every size the plan asks for,
// on disk, and for clone=once the sealed copies of these.
type builds struct {
	dir    string
	padded map[buildKey]runtimeUnderTest

	mu   sync.Mutex // for trials that are made together
	once map[buildKey]*kept
}

// buildKey is one file or one copy of one. Arms that differ in their options alone share them.
type buildKey struct {
	sha256   string // of the binary that was padded
	bytes    int64
	strategy memfdclone.Strategy // of a copy
}

func newBuilds(dir string) *builds {
	return &builds{dir: dir, padded: map[buildKey]runtimeUnderTest{}, once: map[buildKey]*kept{}}
}

// prepare makes the files of an arm before anything is measured: what is written later would go to disk while
// trials run, and a disk that is full is better found now.
func (b *builds) prepare(ctx context.Context, s scenarios.Spec, rt runtimeUnderTest) error {
	for _, size := range wanted(s, rt) {
		key := buildKey{sha256: rt.id.SHA256, bytes: size}
		if _, made := b.padded[key]; made {
			continue
		}
		padded, err := b.pad(ctx, size, rt)
		if err != nil {
			return err
		}
		b.padded[key] = padded
	}
	return nil
}

// wanted are the sizes that an arm is executed at: its reference's, and the plan's that can be had.
func wanted(s scenarios.Spec, rt runtimeUnderTest) []int64 {
	all := []int64{rt.builtin.Bytes(rt.id.Size)}
	for _, sc := range s.Scenarios {
		for _, size := range sc.Sizes {
			if size >= rt.id.Size {
				all = append(all, size)
			}
		}
	}
	return all
}

// onceKey is of the copy that starts are executed from where it is made once.
func onceKey(rt runtimeUnderTest, how ociruntime.Builtin) buildKey {
	key := buildKey{sha256: rt.id.SHA256, bytes: how.Bytes(rt.id.Size), strategy: how.Strategy}
	if key.strategy == "" {
		key.strategy = memfdclone.Memfd
	}
	return key
}

// pad makes rt's binary size bytes long. The file is on disk when it returns, and in memory: it was hashed.
func (b *builds) pad(ctx context.Context, size int64, rt runtimeUnderTest) (runtimeUnderTest, error) {
	if size == rt.id.Size {
		return rt, nil
	}
	dir := filepath.Join(b.dir, rt.id.SHA256[:12])
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return rt, err
	}
	path, err := ociruntime.Padded(rt.path, size, dir)
	if err != nil {
		return rt, err
	}
	if err := flush(path); err != nil {
		return rt, err
	}
	rt.path = path
	rt.id, err = ociruntime.Identify(ctx, path)
	return rt, err
}

func flush(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// close lets go of the copies. Nothing is executed from them any more.
func (b *builds) close() error {
	var errs []error
	for key, k := range b.once {
		errs = append(errs, k.close())
		delete(b.once, key)
	}
	return errors.Join(errs...)
}

// underTest is the binary a trial is made with, and how it is told what the trial's build is. What is wrong with
// a copy that was to be made once is the trial's, not the run's: unready says so.
func (c *collector) underTest(t scenarios.Trial) (rt runtimeUnderTest, unready error) {
	rt = c.runtimes[t.Arm]
	if rt.builtin == nil {
		return rt, nil
	}
	how := rt.builtin.With(t.Build)
	key := buildKey{sha256: rt.id.SHA256, bytes: how.Bytes(rt.id.Size)}
	padded, made := c.builds.padded[key]
	if !made {
		return rt, fmt.Errorf("no binary of %d bytes was made: the built-in runtime's own has %d", key.bytes, rt.id.Size)
	}
	padded.id.Name, padded.id.Ref, padded.flags = rt.id.Name, rt.id.Ref, how.Flags()
	if how.Clone != memfdclone.Once {
		return padded, nil
	}
	padded.path, unready = c.builds.keep(onceKey(rt, how), padded.path)
	return padded, unready
}

// keep makes the copy that a caller has of a runtime for as long as it starts containers, and returns the path it is
// executed by. Its pages are charged to initbench's own cgroup, which no trial is in.
func (b *builds) keep(key buildKey, path string) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k, made := b.once[key]
	if !made {
		var err error
		if k, err = keepCopy(path, memfdclone.Options{Strategy: key.strategy, Dir: b.dir, Name: filepath.Base(path)}); err != nil {
			return path, fmt.Errorf("clone=once: %w", err)
		}
		b.once[key] = k
	}
	// Each time: a keeper may have been killed since.
	if err := k.check(); err != nil {
		return path, fmt.Errorf("clone=once: %w", err)
	}
	return k.path(), nil
}

// maxReport is more than a report has: a strategy's name, two numbers and a line for each that was not had.
const maxReport = 64 << 10

// cloneReport reads what the built-in runtime says of the copy it made; nil where it made none.
func (p *prepared) cloneReport() (*memfdclone.Report, error) {
	if p.cli.Report == "" {
		return nil, nil
	}
	f, err := os.Open(p.cli.Report)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the runtime's report: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	var r memfdclone.Report
	if err := json.NewDecoder(io.LimitReader(f, maxReport)).Decode(&r); err != nil {
		return nil, fmt.Errorf("the runtime's report: %w", err)
	}
	return &r, nil
}
