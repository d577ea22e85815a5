package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// numbers are those by which a run tells its trials apart.
type numbers struct{ trial, block, batch int }

// mostNumber is more than any plan has, and leaves room for as many runs as there are.
const mostNumber = 1 << 40

func numbersOf(r *Record) numbers { return numbers{r.Index, r.Block, r.Batch} }

func (n numbers) plus(m numbers) numbers {
	return numbers{n.trial + m.trial, n.block + m.block, n.batch + m.batch}
}

// after are the first numbers that neither m nor any before n has.
func (n numbers) after(m numbers) numbers {
	return numbers{max(n.trial, m.trial+1), max(n.block, m.block+1), max(n.batch, m.batch+1)}
}

// doubt says why the numbers are no plan's; empty where they are one's.
func (n numbers) doubt() string {
	for _, x := range []int{n.trial, n.block, n.batch} {
		if x < 0 || x > mostNumber {
			return fmt.Sprintf("trial %d, block %d, batch %d: no plan has such numbers", n.trial, n.block, n.batch)
		}
	}
	return ""
}

// rewrite adds n to the numbers of a line.
func (n numbers) rewrite(l *fileLine) (err error) {
	switch {
	case n == numbers{}, l.torn:
	case l.Record != nil:
		l.rewritten, err = n.record(l)
	case l.Timeline != nil:
		l.rewritten, err = n.timeline(l)
	}
	return err
}

func (n numbers) record(l *fileLine) ([]byte, error) {
	old := numbersOf(l.Record)
	moved := n.plus(old)
	if l.own {
		out, ok := replace(l.text, value{trialKey, old.trial, moved.trial}, value{blockKey, old.block, moved.block}, value{batchKey, old.batch, moved.batch})
		if ok {
			return out, nil
		}
	}
	return spliceAny(l.text, map[string]int{"trial": moved.trial, "block": moved.block, "batch": moved.batch})
}

func (n numbers) timeline(l *fileLine) ([]byte, error) {
	old, moved := l.Timeline.Trial, l.Timeline.Trial+n.trial
	if l.own {
		// A line that was as long as can be is encoded anew, without its last event.
		if out, ok := replace(l.text, value{trialKey, old, moved}); ok && len(out) <= MaxLine {
			return out, nil
		}
	}
	return EncodeTimeline(moved, l.Timeline.Timeline)
}

// The numbers' keys. In JSON such bytes are nothing but a key: a quote that ends a text is followed by no letter, and one
// inside a text has a backslash between it and the comma.
var (
	trialKey = []byte(`,"trial":`)
	blockKey = []byte(`,"block":`)
	batchKey = []byte(`,"batch":`)
)

// value is a key's number, and what it becomes.
type value struct {
	key     []byte
	was, is int
}

// replace changes the values in a line that this initbench wrote, and touches no other byte. The keys come in their
// order; ok is false where one is not there exactly once, with its value.
func replace(text []byte, values ...value) (out []byte, ok bool) {
	out = make([]byte, 0, len(text)+8*len(values))
	for _, v := range values {
		before, after, found := bytes.Cut(text, v.key)
		was := strconv.AppendInt(nil, int64(v.was), 10)
		if !found || bytes.Contains(after, v.key) || !bytes.HasPrefix(after, was) {
			return nil, false
		}
		out = append(append(out, before...), v.key...)
		out = strconv.AppendInt(out, int64(v.is), 10)
		text = after[len(was):]
	}
	return append(out, text...), true
}

// spliceAny sets keys of a line that another program wrote, or a later initbench, whose further keys stay as they are.
func spliceAny(text []byte, numbers map[string]int) ([]byte, error) {
	var line map[string]json.RawMessage
	if err := json.Unmarshal(text, &line); err != nil {
		return nil, fmt.Errorf("not a record: %w", err)
	}
	for key := range line {
		// Keys are known in whatever case: two of one name would not agree.
		if _, known := numbers[strings.ToLower(key)]; known {
			delete(line, key)
		}
	}
	for key, n := range numbers {
		line[key] = strconv.AppendInt(nil, int64(n), 10)
	}
	out, err := json.Marshal(line)
	return append(out, '\n'), err
}
