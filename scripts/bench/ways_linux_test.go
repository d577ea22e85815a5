package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/initbench/initbench/cgroupjoin"
)

// Catches warm-ups that count, a unit that is taken for another, and a rate that one long wait decides.
func TestReadStamps(t *testing.T) {
	got, err := readStamps([]byte("100 900\n1000000 1150000\n1200000 1360000\n1400000 1550000\n9400000 9500000\n9600000 9700000\n"))
	if want := []float64{150e6, 160e6, 150e6, 100e6, 100e6}; err != nil || !slices.Equal(got.ns, want) {
		t.Errorf("%v ns, %v; want %v", got.ns, err, want)
	}
	if got.perMinute != 300 { // one each 200 ms
		t.Errorf("%v a minute, want 300", got.perMinute)
	}
	if s, err := readStamps([]byte("100\n")); err == nil {
		t.Errorf("half a line is read as %+v", s)
	}
}

// Catches seconds that are taken for nanoseconds, and several commands' results that are taken for one's.
func TestReadHyperfine(t *testing.T) {
	got, err := readHyperfine([]byte(`{"results":[{"times":[0.25,0.5]}]}`))
	if want := []float64{250e6, 500e6}; err != nil || !slices.Equal(got.ns, want) {
		t.Errorf("%v, %v; want %v", got.ns, err, want)
	}
	for _, bad := range []string{"", `{"results":[]}`, `{"results":[{},{}]}`} {
		if s, err := readHyperfine([]byte(bad)); err == nil {
			t.Errorf("%q is read as %+v", bad, s)
		}
	}
}

// Catches a way that is compared with one that makes other calls, and rounds that are mixed.
func TestRatios(t *testing.T) {
	for way, want := range map[string]string{"initbench": "loop", "hyperfine-fresh": "loop", "hyperfine-run": "loop-run", "loop-run": "loop-run"} {
		if got := reference(way); got != want {
			t.Errorf("%s is compared with %s, want %s", way, got, want)
		}
	}
	of := []sample{{ns: []float64{110, 110, 110}}, {ns: []float64{240, 240}}}
	to := []sample{{ns: []float64{100, 100}}, {ns: []float64{200, 200}}}
	got := ratios(of, to)
	if len(got) != 2 || got[0] < 9.99 || got[0] > 10.01 || got[1] < 19.99 || got[1] > 20.01 {
		t.Errorf("%v, want 10 and 20 percent", got)
	}
}

// Catches a variable of the shell that is left in a command which runs without it.
func TestInline(t *testing.T) {
	p := place{env: []string{"R=/runc --root /s", "B=/b", "I=bench", "P=/p", "T=/t", "S=x.slice"}}
	for _, line := range []string{lifeInShell, runInShell, freshRuntime + freshPod, freshSlice} {
		if got := p.inline(line); slices.Contains([]byte(got), '$') && line != lifeInShell {
			t.Errorf("%q", got)
		}
	}
	if got, want := p.inline(runInShell), "/runc --root /s run --bundle /b bench >/b/out"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Catches an argument that names no runtime, and a bench of nothing.
func TestParse(t *testing.T) {
	all, err := parse([]string{"a=/x", "b=/y=z"})
	if err != nil || len(all) != 2 || all[1] != (runtime{"b", "/y=z"}) || len(cells(all)) != 2*len(cgroupjoin.Drivers()) {
		t.Errorf("%+v, %v", all, err)
	}
	for _, bad := range [][]string{nil, {"a"}, {"=x"}, {"a="}} {
		if got, err := parse(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, got)
		}
	}
}

// Catches a comparison that comes to nothing: lives that differ from both others, and a rate below hyperfine's, must each be said.
func TestJudge(t *testing.T) {
	at := func(ms, perMinute float64) []sample {
		return []sample{{ns: []float64{ms, ms, ms}, perMinute: perMinute}, {ns: []float64{ms, ms, ms}, perMinute: perMinute}}
	}
	for name, of := range map[string]struct {
		mine []sample
		want string
	}{
		"as the loop":          {at(100, 300), ""},
		"between the two":      {at(104, 310), ""},
		"longer than both":     {at(116, 310), "more than 5 % from both"},
		"shorter than both":    {at(94, 310), "more than 5 % from both"},
		"fewer than hyperfine": {at(100, 299), "fewer trials a minute"},
	} {
		err := judge(cell{}, of.mine, at(100, 320), at(110, 300))
		if (err == nil) != (of.want == "") || err != nil && !strings.Contains(err.Error(), of.want) {
			t.Errorf("%s: %v, want %q", name, err, of.want)
		}
	}
}
