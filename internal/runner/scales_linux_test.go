package runner

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
)

// statsOf gives one reading after another, then the last again, and counts them.
func statsOf(count *int, files ...int64) func() (cgroupjoin.MemoryStat, error) {
	return func() (cgroupjoin.MemoryStat, error) {
		*count++
		return cgroupjoin.MemoryStat{FileBytes: files[min(*count, len(files))-1]}, nil
	}
}

func fileOf(m cgroupjoin.MemoryStat) int64 { return m.FileBytes }

// ticked has always ticked already.
func ticked() <-chan time.Time {
	c := make(chan time.Time)
	close(c)
	return c
}

// Catches a counter that is late and taken as read, one that shows and is read on, and one that is off and waited for without end.
func TestAwaitStat(t *testing.T) {
	for name, of := range map[string]struct {
		files []int64
		want  int64
		reads int
	}{
		"at once":    {[]int64{scaleBytes}, scaleBytes, 1},
		"late":       {[]int64{0, 4096, scaleBytes - 1}, scaleBytes - 1, 3},
		"off by 3 %": {[]int64{scaleBytes + scaleTolerance}, scaleBytes + scaleTolerance, 1},
		"never":      {[]int64{scaleBytes + scaleTolerance + 1}, scaleBytes + scaleTolerance + 1, 5},
	} {
		reads := 0
		got, err := awaitStat(t.Context(), 5, ticked(), statsOf(&reads, of.files...), fileOf)
		if err != nil || got.FileBytes != of.want || reads != of.reads {
			t.Errorf("%s: %d after %d reads, %v; want %d after %d", name, got.FileBytes, reads, err, of.want, of.reads)
		}
	}
}

// Catches an interrupted run that goes on polling, and a file that cannot be read which is asked again.
func TestAwaitStatEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	reads := 0
	if _, err := awaitStat(ctx, 5, nil, statsOf(&reads, 0), fileOf); !errors.Is(err, context.Canceled) || reads != 1 {
		t.Errorf("interrupted: %v after %d reads", err, reads)
	}
	gone := errors.New("gone")
	if _, err := awaitStat(t.Context(), 5, ticked(), func() (cgroupjoin.MemoryStat, error) { return cgroupjoin.MemoryStat{}, gone }, fileOf); !errors.Is(err, gone) {
		t.Errorf("unreadable: %v", err)
	}
}
