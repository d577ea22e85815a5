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

	"github.com/initbench/initbench/cgroupjoin"
)

var record = flag.String("record", "", "write the timelines of real runtimes to this `directory`")

// TestRecord makes the timelines that package sequence's tests are about. It is
// called by record.sh, which says how; without its flag there is nothing to make.
// What it writes is looked at there: it catches a timeline that nothing can be decided from.
func TestRecord(t *testing.T) {
	if *record == "" {
		return
	}
	l := newLab(t)
	o := l.open(Options{})
	for name, path := range l.runtimes() {
		for _, d := range cgroupjoin.Drivers() {
			timeline := l.observed(o, path, d)
			if f := timeline.Find(); timeline.Lost > 0 || f.Order == "unknown" {
				t.Errorf("%s, %s: %d lost; found %+v", name, d, timeline.Lost, f)
			}
			b, err := json.Marshal(timeline)
			l.must(err)
			b = bytes.ReplaceAll(b, []byte(`{"ns":`), []byte("\n"+`{"ns":`)) // a line an event, for whoever reads a diff
			file := filepath.Join(*record, fmt.Sprintf("%s-%s.json", name, d))
			l.must(os.MkdirAll(*record, 0o755))
			l.must(os.WriteFile(file, append(b, '\n'), 0o644))
		}
	}
}
