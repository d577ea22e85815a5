package results

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"sync"
)

// MaxLine bounds a line of a run, its newline included: whoever passes lines on needs a buffer of
// this size. A record is about 2 KiB, with a failing runtime's output at most 4 KiB more; of
// a timeline EncodeTimeline sees to it.
const MaxLine = 1 << 20

// blockSize is how much of a file is read, decoded and passed on together: large enough that handing it to another
// core costs nothing beside its decoding, small enough that those under way are a few megabytes.
const blockSize = 256 << 10

// fileLine is one line of a file of the run; a torn one, without a newline, is not decoded.
type fileLine struct {
	number int // from 1
	offset int64
	text   []byte // valid until the next line is asked for
	torn   bool
	Line
	// own: it is written as this initbench writes lines.
	own bool
	// rewritten takes the place of text where the line is copied; nil where it stays.
	rewritten []byte
}

// copied is the line as it is to be written.
func (l fileLine) copied() []byte {
	if l.rewritten != nil {
		return l.rewritten
	}
	return l.text
}

// lineReader says which file is read, and what of it is kept.
type lineReader struct {
	dir, file string
	// belongs says what a line there may not be.
	belongs func(Line) error
	// rewrite changes lines for a copy, on any core and in any order; nil where they are only read.
	rewrite func(*fileLine) error
}

func (lr lineReader) at(number int) string {
	return fmt.Sprintf("%s:%d", filepath.Join(lr.dir, lr.file), number)
}

// lines streams the file in its order; one that is not there has none. Its blocks are decoded on all cores, as many of
// them at a time as there are cores and as many again: how long the file is makes no difference to what stands in memory.
func (lr lineReader) lines() iter.Seq2[fileLine, error] {
	return func(yield func(fileLine, error) bool) {
		f, err := os.Open(filepath.Join(lr.dir, lr.file))
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(fileLine{}, &InputError{Path: lr.dir, Why: err.Error()})
			return
		}
		// Only read from: a close that fails loses nothing.
		defer func() { _ = f.Close() }()
		d := lr.decoders(f)
		defer d.stop()
		for b := range d.ordered {
			<-b.decoded
			for _, l := range b.lines {
				if !yield(l, nil) {
					return
				}
			}
			if b.err != nil {
				yield(fileLine{}, b.err)
				return
			}
			d.free.Put(&b.text)
		}
	}
}

// block is a stretch of whole lines, and the file's last also of half a one.
type block struct {
	number  int // of its first line
	offset  int64
	text    []byte
	readErr error // that came after text
	decoded chan struct{}
	// lines are those before err.
	lines []fileLine
	err   error
}

// decoders are one that reads blocks and some that decode them.
type decoders struct {
	ordered chan *block // as they lie in the file
	work    chan *block
	quit    chan struct{}
	free    sync.Pool // of *[]byte, texts that were consumed
	running sync.WaitGroup
}

func (lr lineReader) decoders(f io.Reader) *decoders {
	n := runtime.GOMAXPROCS(0)
	d := &decoders{ordered: make(chan *block, n), work: make(chan *block, n), quit: make(chan struct{})}
	d.free.New = func() any { return new(make([]byte, 0, 2*blockSize)) }
	d.running.Go(func() { d.read(f) })
	for range n {
		d.running.Go(func() {
			for b := range d.work {
				lr.decode(b)
				close(b.decoded)
			}
		})
	}
	return d
}

// stop ends them, wherever they are.
func (d *decoders) stop() {
	close(d.quit)
	d.running.Wait()
}

// read cuts the file into blocks until its end, its first error, or a line that is too long.
func (d *decoders) read(f io.Reader) {
	defer close(d.ordered)
	defer close(d.work)
	number, offset, rest := 1, int64(0), []byte(nil)
	for {
		b := &block{number: number, offset: offset, decoded: make(chan struct{})}
		b.text = append((*d.free.Get().(*[]byte))[:0], rest...)
		var end bool
		b.text, rest, end, b.readErr = fill(f, b.text)
		if len(b.text) > 0 || b.readErr != nil {
			for _, to := range []chan *block{d.ordered, d.work} {
				select {
				case to <- b:
				case <-d.quit:
					return
				}
			}
		}
		if end {
			return
		}
		number += bytes.Count(b.text, newline)
		offset += int64(len(b.text))
	}
}

var newline = []byte("\n")

// fill reads on until text ends with a line; what follows that is the rest. At the end, and where the
// line is longer than any may be, text is all that there is.
func fill(f io.Reader, text []byte) (lines, rest []byte, end bool, err error) {
	for {
		from := len(text)
		if cap(text)-from < blockSize {
			text = append(make([]byte, 0, from+2*blockSize), text...)
		}
		n, err := f.Read(text[from : from+blockSize])
		text = text[:from+n]
		if last := bytes.LastIndexByte(text[from:], '\n'); last >= 0 && err == nil {
			cut := from + last + 1
			return text[:cut], bytes.Clone(text[cut:]), false, nil
		}
		switch {
		case errors.Is(err, io.EOF):
			return text, nil, true, nil
		case err != nil, len(text) > MaxLine:
			return text, nil, true, err
		}
	}
}

// decode takes the block's lines apart, up to the first that is none.
func (lr lineReader) decode(b *block) {
	b.lines = make([]fileLine, 0, bytes.Count(b.text, newline)+1)
	l := fileLine{number: b.number, offset: b.offset}
	for text := b.text; len(text) > 0; text = text[len(l.text):] {
		l = next(l, text)
		if err := lr.decodeLine(&l, b.readErr); err != nil {
			b.err = &InputError{Path: lr.at(l.number), Why: err.Error()}
			return
		}
		b.lines = append(b.lines, l)
		l.offset += int64(len(l.text))
		l.number++
	}
	if b.readErr != nil {
		b.err = &InputError{Path: lr.at(l.number), Why: b.readErr.Error()}
	}
}

// next is the first line of text, in the place that l has.
func next(l fileLine, text []byte) fileLine {
	end := bytes.IndexByte(text, '\n')
	l.torn, l.Line, l.own, l.rewritten = end < 0, Line{}, false, nil
	if l.text = text; !l.torn {
		l.text = text[:end+1]
	}
	return l
}

func (lr lineReader) decodeLine(l *fileLine, readErr error) (err error) {
	switch {
	case len(l.text) > MaxLine:
		return fmt.Errorf("the line is longer than %d bytes: none that initbench writes is", MaxLine)
	case l.torn:
		return readErr // where there is one, nobody knows whether the line goes on
	}
	if l.Line, l.own = decodeOwn(l.text); !l.own {
		if l.Line, err = decodeAny(l.text); err != nil {
			return err
		}
	}
	if err := lr.belongs(l.Line); err != nil || lr.rewrite == nil {
		return err
	}
	return lr.rewrite(l)
}
