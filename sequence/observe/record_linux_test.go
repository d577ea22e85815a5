//go:build amd64

package observe

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/sequence"
	"github.com/initbench/initbench/sequence/enforce"
)

var record = flag.String("record", "", "write the timelines of real runtimes to this `directory`")

// recording is one timeline to be made.
type recording struct {
	runtime string
	driver  cgroupjoin.Driver
	order   sequence.Order
	limit   int64
}

// file is its name: what is usual in it goes without saying.
func (r recording) file() string {
	name := fmt.Sprintf("%s-%s", r.runtime, r.driver)
	if r.order != sequence.Natural {
		name += "-" + string(r.order)
	}
	if r.limit != limited {
		name += fmt.Sprintf("-%dMiB", r.limit>>20)
	}
	return name + ".json"
}

// recordings are a natural start of each runtime, and of the one that clones inside
// init both orders imposed, at ease and where the wrong one is killed.
func recordings(runtimes map[string]string) []recording {
	var all []recording
	for _, d := range cgroupjoin.Drivers() {
		for name := range runtimes {
			all = append(all, recording{name, d, sequence.Natural, limited})
		}
		for _, limit := range []int64{limited, 12 << 20} {
			for _, order := range []sequence.Order{sequence.CloneBeforeJoin, sequence.JoinBeforeClone} {
				all = append(all, recording{"runc-1.1.15", d, order, limit})
			}
		}
	}
	return all
}

// TestRecord makes the timelines that package sequence's tests are about. It is
// called by record.sh, which says how; without its flag there is nothing to make.
// It catches a timeline that nothing can be decided from.
func TestRecord(t *testing.T) {
	if *record == "" {
		return
	}
	l := newLab(t)
	o := l.open(Options{})
	l.must(os.MkdirAll(*record, 0o755))
	for _, r := range recordings(l.runtimes()) {
		timeline := l.made(o, r)
		if f := timeline.Find(); timeline.Lost > 0 || f.Order == sequence.FoundUnknown {
			t.Errorf("%s: %d lost; found %+v", r.file(), timeline.Lost, f)
		}
		b, err := json.Marshal(timeline)
		l.must(err)
		b = bytes.ReplaceAll(b, []byte(`{"ns":`), []byte("\n"+`{"ns":`)) // a line an event, for whoever reads a diff
		l.must(os.WriteFile(filepath.Join(*record, r.file()), append(b, '\n'), 0o644))
	}
}

// made is a start under an order; init is killed where the limit is too low for it.
func (l *lab) made(o *Observer, r recording) sequence.Timeline {
	l.Helper()
	c := l.container(l.runtime(r.runtime), r.driver, r.limit, ociruntime.Payload{})
	if r.order != sequence.Natural {
		var err error
		c.enforcer, err = enforce.New(enforce.Options{Order: r.order, Pod: c.tree.PodPath(), Leaf: c.tree.LeafPath(), Deadline: 10 * time.Second})
		l.must(err)
		defer func() { l.check(c.enforcer.Close()) }()
	}
	w, err := o.Watch(c.target())
	l.must(err)
	if err := c.create(); err == nil {
		c.start()
		c.wait()
	} else if r.limit == limited {
		l.Error(err)
	}
	c.remove()
	got, err := w.Finish()
	l.must(err)
	return got
}
