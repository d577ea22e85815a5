package memfdclone

import (
	"fmt"
	"os"
	"runtime"
	"time"
)

// makers has what each strategy does. Each leaves src's offset alone, and returns a file that nothing else holds and
// how many bytes it copied; or an error, and nothing left behind.
var makers = map[Strategy]func(src *source, o Options) (*os.File, int64, error){
	Memfd:        memfd,
	MemfdCopy:    memfdCopy,
	MemfdMmap:    memfdMmap,
	MemfdTHP:     memfdTHP,
	MemfdHugetlb: memfdHugetlb,
	Tmpfile:      tmpfile,
	Overlayfs:    overlayfs,
	Bind:         bind,
	None:         none,
}

// Make copies src, a regular file open for reading, by o.Strategy; where that is not to be had, and only
// then, by the first of o.Fallback that is. Its error says why each was not.
func Make(src *os.File, o Options) (*Clone, error) {
	began := time.Now()
	defer runtime.KeepAlive(src)
	if o.Name == "" {
		o.Name = "initbench"
	}
	from, err := newSource(src)
	if err != nil {
		return nil, fmt.Errorf("copy %s: %w", src.Name(), err)
	}
	var whole error
	var fellBack []error
	for _, s := range append([]Strategy{o.Strategy}, o.Fallback...) {
		f, n, err := makeBy(s, from, o)
		if err == nil {
			return &Clone{File: f, Strategy: s, FellBack: fellBack, Bytes: n, Took: time.Since(began)}, nil
		}
		fellBack = append(fellBack, err)
		whole = join(whole, err)
	}
	return nil, fmt.Errorf("copy %s: %w", src.Name(), whole)
}

func makeBy(s Strategy, src *source, o Options) (*os.File, int64, error) {
	maker, known := makers[s]
	if !known {
		return nil, 0, fmt.Errorf("strategy %q is not one", s)
	}
	f, n, err := maker(src, o)
	if err == nil && n > 0 {
		if err = src.unchanged(); err != nil {
			_ = f.Close() // of no use, and nobody's yet
		}
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", s, err)
	}
	return f, n, nil
}

// join is errors.Join on one line.
func join(err, next error) error {
	if err == nil {
		return next
	}
	return fmt.Errorf("%w; %w", err, next)
}
