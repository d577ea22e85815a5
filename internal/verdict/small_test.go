package verdict

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/results"
)

// Catches an exit code that promises what the verdict does not, and a ruling that has none.
func TestExitCodes(t *testing.T) {
	want := map[Ruling]int{Pass: 0, Improved: 0, Regressed: 1, Inconclusive: 3, Invalid: 4}
	for _, r := range Rulings() {
		if got := r.ExitCode(); got != want[r] {
			t.Errorf("%s exits %d, want %d", r, got, want[r])
		}
	}
	if Ruling("").ExitCode() != 4 {
		t.Error("no ruling at all must not exit 0")
	}
}

// Catches the wrong side of a margin, and an end exactly on it.
func TestPlace(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		lo, hi float64
		want   stand
	}{
		{0.11, 0.3, worse}, {0.10, 0.3, straddles}, {-0.3, 0.3, straddles}, {-0.3, 0.1, within}, {-0.05, 0.05, within},
		{-0.3, -0.11, better}, {-0.3, -0.10, within}, {-inf, inf, straddles}, {0.2, inf, straddles}, {-inf, -0.2, straddles},
	} {
		if got := place(stats.Interval{Lo: c.lo, Hi: c.hi}, 0.1); got != c.want {
			t.Errorf("[%v, %v] against 0.1: %d, want %d", c.lo, c.hi, got, c.want)
		}
	}
}

// Catches a margin finer than the kernel's charging, or one that depends on which arm is the baseline.
func TestMemoryMarginsKnowTheKernelsResolution(t *testing.T) {
	i := slices.IndexFunc(table, func(m metric) bool { return m.name == "container.memory.peak" })
	margin := Margin{Fraction: 0.10}
	for _, c := range []struct {
		a, b float64
		page int
		thp  string
		want float64
	}{
		{1 << 20, 1 << 20, 4096, "madvise", 0.25}, // 256 KiB of 1 MiB
		{100 << 20, 90 << 20, 4096, "never", 0.10},
		{1 << 20, 10 << 20, 4096, "", 0.25},
		{10 << 20, 1 << 20, 4096, "", 0.25},
		{8 << 20, 8 << 20, 65536, "", 0.5}, // 64 pages of 64 KiB are 4 MiB
		{math.NaN(), 1 << 20, 4096, "", 0.10},
		{1 << 20, 1 << 20, 0, "", 0.25},
		{8 << 20, 8 << 20, 4096, "always", 0.10}, // what huge pages do is in the interval
	} {
		least, _ := table[i].floor(results.Environment{PageSize: c.page, THP: c.thp})
		if got := margin.relative(c.a, c.b, least); got != c.want {
			t.Errorf("%v against %v with pages of %d, huge ones %s: %v, want %v", c.a, c.b, c.page, c.thp, got, c.want)
		}
	}
	if latency, _ := (metric{name: "start.latency"}).floor(results.Environment{}); latency != 0 {
		t.Errorf("a latency has a resolution of %v bytes", latency)
	}
}

// Catches a metric without a margin, whose every change would count, and a name that is in no table.
func TestEveryMetricHasAMargin(t *testing.T) {
	margins := DefaultMargins()
	for _, m := range table {
		margin, ok := margins[m.name]
		if ok == (m.kind == leaks) || ok && !(margin.Fraction > 0 || margin.AtLeast > 0) {
			t.Errorf("%s: margin %v", m.name, margin)
		}
		if m.kind == distribution && m.read == nil && m.name != "batch.total" {
			t.Errorf("%s: nothing reads it from a record", m.name)
		}
		delete(margins, m.name)
	}
	if len(margins) > 0 {
		t.Errorf("margins without a metric: %v", margins)
	}
}

// Catches nonsense that is taken for a number.
func TestParseMargin(t *testing.T) {
	name, m, err := ParseMargin("runtime.memory.peak=2.5%")
	if err != nil || name != "runtime.memory.peak" || m != (Margin{Fraction: 0.025}) {
		t.Errorf("%s %+v, %v", name, m, err)
	}
	for in, want := range map[string]string{
		"start.latency":              "write METRIC=MARGIN",
		"latency=5%":                 `unknown metric "latency": write one of start.latency, `,
		"start.latancy=5%":           `unknown metric "start.latancy": did you mean start.latency? else write one of start.latency, `,
		"start.latency=-5%":          `"-5%": a margin is not negative: write one such as 2ms, 5% or`,
		"start.latency=5":            `"5" is no margin of a metric in time: write one such as 2ms, 5% or`,
		"start.syscalls=-5":          `"-5": a margin is not negative: write one such as 64, 5% or`,
		"oom.rate=-5%":               `"-5%": a margin is not negative: write one such as 20 points`,
		"start.threshold=512":        `"512" is no margin of a metric in bytes`,
		"start.threshold=1MB":        `"1MB" is no margin of a metric in bytes: write one such as 512KiB`,
		"oom.rate=5":                 `"5" is no margin of a metric in points: write one such as 20 points`,
		"oom.rate=5%, at least 5":    `"5" is no margin`,
		"start.cpu=2 points":         "only a rate has points",
		"start.cpu=5%, 2ms":          "after a comma `at least` and an amount",
		"start.cpu=2ms, at least 5%": "is no margin",
		"start.latency=x%":           `"x%" is no percentage`,
		"start.latency=NaN%":         `"NaN%" is no percentage`,
		"start.latency=+Inf%":        "the most is 1000%",
		"start.latency=%":            `"%" is no percentage`,
		"leak.count=5%":              "leak.count has none: anything left behind counts",
		"":                           "write METRIC=MARGIN",
	} {
		_, _, err := ParseMargin(in)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseMargin(%q): %v, want %q", in, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("ParseMargin(%q): more than one line", in)
		}
	}
}

// Catches an accepted margin that no verdict could use.
func FuzzParseMargin(f *testing.F) {
	for _, s := range []string{"start.latency=5%", "oom.rate=1e1%", "start.cpu=0x1p-3%", "container.memory.peak= 3 %", "a=\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, m, err := ParseMargin(s)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q: the error has more than one line", s)
			}
			return
		}
		if _, ok := DefaultMargins()[name]; !ok || !(m.Fraction >= 0 && m.Fraction <= maxMargin) || !(m.AtLeast >= 0) {
			t.Errorf("%q gave %s %+v", s, name, m)
		}
	})
}

// Catches units a reader has to count digits in, a lost sign, and a minus zero.
func TestFormat(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Nanoseconds.Format(512_345_678), "512 ms"},
		{Nanoseconds.Format(3_025_000_000), "3.02 s"},
		{Nanoseconds.Format(12_300), "12.3 µs"},
		{Nanoseconds.Format(900), "900 ns"},
		{Nanoseconds.Format(math.Inf(1)), "inf"},
		{Bytes.Format(1 << 20), "1 MiB"},
		{Bytes.Format(9.7 * (1 << 20)), "9.70 MiB"},
		{Bytes.Format(4096), "4 KiB"},
		{Bytes.Format(math.NaN()), "-"},
		{Fraction.Format(0.6), "60.0 %"},
		{Counted.Format(2), "2"},
		{Metric{Unit: Nanoseconds, Relative: true}.FormatChange(0.0312), "+3.1 %"},
		{Metric{Unit: Nanoseconds, Relative: true}.FormatChange(-0.0312), "-3.1 %"},
		{Metric{Unit: Nanoseconds, Relative: true}.FormatChange(-0.0001), "0.0 %"},
		{Metric{Unit: Bytes, Relative: true}.FormatChange(8.08), "+808 %"},
		{Metric{Unit: Bytes, Relative: true}.FormatChange(math.Inf(-1)), "-inf %"},
		{Metric{Unit: Fraction}.FormatChange(0.6), "+60.0 points"},
		{Metric{Unit: Fraction, Margin: 0.2}.FormatMargin(), "20 points"},
		{Metric{Unit: Bytes, Relative: true, Margin: 0.129}.FormatMargin(), "12.9 %"},
		{FormatP(0.0416), "0.042"},
		{FormatP(0.00003), "3e-05"},
		{FormatP(1e-300), "<1e-9"},
		{FormatP(math.NaN()), "-"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
