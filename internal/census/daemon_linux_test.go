package census

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/initbench/initbench/internal/stats"
)

// daemon is this test binary, serving.
type daemon struct {
	t    *testing.T
	cmd  *exec.Cmd
	feed io.WriteCloser
	said *bufio.Scanner
}

func startDaemon(t *testing.T, every, noise int, seed uint64) *daemon {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d %d", asDaemon, every, noise, seed))
	cmd.Stderr = os.Stderr
	feed, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d := &daemon{t, cmd, feed, bufio.NewScanner(said)}
	t.Cleanup(func() {
		if err := feed.Close(); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the daemon: %v", err)
		}
	})
	return d
}

// request returns when the daemon has answered.
func (d *daemon) request() {
	d.t.Helper()
	if _, err := io.WriteString(d.feed, "\n"); err != nil {
		d.t.Fatal(err)
	}
	if !d.said.Scan() {
		d.t.Fatalf("the daemon did not answer: %v", d.said.Err())
	}
}

func (d *daemon) watch() *Watched {
	d.t.Helper()
	w, err := ParseWatch(strconv.Itoa(d.cmd.Process.Pid))
	if err != nil {
		d.t.Fatal(err)
	}
	found, err := Find(d.t.Context(), w)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(found[0].Close)
	return found[0]
}

// series counts a kind of the daemon's descriptors before the first request and after each.
func (d *daemon) series(kind Kind, requests int) (counts []float64, first, last Descriptors) {
	d.t.Helper()
	w := d.watch()
	for n := range requests + 1 {
		if n > 0 {
			d.request()
		}
		taken, err := w.Take()
		if err != nil {
			d.t.Fatal(err)
		}
		if n == 0 {
			first = taken
		}
		counts, last = append(counts, float64(taken.Counts[kind])), taken
	}
	return counts, first, last
}

// Catches a leak of one socket each tenth request that a hundred requests do not show, and one that is found and not named.
func TestALeakingDaemonIsFound(t *testing.T) {
	for _, noise := range []int{0, 6} {
		t.Run(fmt.Sprintf("noise %d", noise), func(t *testing.T) {
			counts, first, last := startDaemon(t, 10, noise, 7).series(FDNetlink, 100)
			trend := stats.SlopeOf(counts, 0.99)
			t.Logf("slope %.3f [%.3f, %.3f] at 99 %%", trend.Slope.Center, trend.Slope.Lo, trend.Slope.Hi)
			if trend.Slope.Lo <= 0 || trend.Slope.Lo > 0.1 || trend.Slope.Hi < 0.1 {
				t.Errorf("slope %+v, want 0.1 in it and 0 not: %v", trend.Slope, counts)
			}
			leaked := last.Since(first, FDNetlink)
			if len(leaked) < 10 || !strings.HasSuffix(leaked[0].Target, "netlink route") {
				t.Errorf("%d descriptors are named: %v", len(leaked), leaked)
			}
		})
	}
}

// Catches a daemon whose sockets come and go called a leaking one. That of independent counts one in 200 is, is shown in
// internal/stats; these are the twin itself, eight times.
func TestAnHonestDaemonIsNotFlagged(t *testing.T) {
	for seed := range uint64(8) {
		counts, _, _ := startDaemon(t, 0, 6, seed).series(FDNetlink, 100)
		if trend := stats.SlopeOf(counts, 0.99); trend.Slope.Lo > 0 {
			t.Errorf("seed %d: slope %+v of %v", seed, trend.Slope, counts)
		}
	}
}
