package html

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/initbench/initbench/internal/testenv"
)

// tab is one page in headless Chromium, with what it asked for and complained of.
type tab struct {
	context.Context
	url string

	sync.Mutex
	requests, complaints []string
}

// browse starts the browser, which ends with the test.
func browse(t *testing.T) context.Context {
	t.Helper()
	testenv.Require(t, testenv.Chromium)
	// The sandbox needs namespaces, which neither root in a container nor every ordinary user can make; the page is our own.
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.NoSandbox, chromedp.ExecPath(testenv.ChromiumPath()), chromedp.UserDataDir(t.TempDir()))
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(end)
	ctx, _ := chromedp.NewContext(allocator)
	must(t, chromedp.Do(ctx))
	t.Cleanup(func() {
		patient, enough := context.WithTimeout(ctx, 20*time.Second)
		defer enough()
		if err := chromedp.Cancel(patient); err != nil {
			t.Errorf("the browser does not end: %v", err)
		}
	})
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open shows a page in a tab of its own. dark and print are what its media are said to be.
func open(t *testing.T, browser context.Context, page []byte, width int64, theme, media string) *tab {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	write(t, path, page)
	ctx, end := chromedp.NewContext(browser)
	t.Cleanup(end)
	x := &tab{Context: ctx, url: "file://" + path}
	must(t, chromedp.Listen(ctx, x.note))
	for _, enable := range []func() error{
		func() error { return call(ctx, network.Enable, network.EnableParams{}) },
		func() error { return call(ctx, log.Enable, cdp.Empty{}) },
		func() error { return call(ctx, runtime.Enable, cdp.Empty{}) },
		func() error {
			return call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Media: media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}})
		},
	} {
		must(t, enable())
	}
	must(t, chromedp.Do(ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate(x.url)))
	return x
}

func (x *tab) note(event any) {
	x.Lock()
	defer x.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		x.requests = append(x.requests, e.Request.URL)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			x.complaints = append(x.complaints, e.Entry.Text)
		}
	case *runtime.EventConsoleAPICalled:
		x.complaints = append(x.complaints, fmt.Sprintf("console.%s", e.Type))
	case *runtime.EventExceptionThrown:
		x.complaints = append(x.complaints, e.ExceptionDetails.Text)
	}
}

func call[P, R any](ctx context.Context, command cdp.Command[P, R], params P) error {
	_, err := chromedp.Call(ctx, command, params)
	return err
}

// ask evaluates an expression in the page.
func ask[T any](t *testing.T, x *tab, expression string) T {
	t.Helper()
	got, err := chromedp.Run(x, chromedp.Evaluate[T](expression))
	must(t, err)
	return got
}

// quiet checks that the page asked for nothing but itself, and complained of nothing.
func (x *tab) quiet(t *testing.T) {
	t.Helper()
	x.Lock()
	defer x.Unlock()
	for _, url := range x.requests {
		if url != x.url && url != "data:," {
			t.Errorf("the page asks for %s", url)
		}
	}
	if len(x.requests) == 0 {
		t.Error("not even the page was asked for: the listening is broken")
	}
	for _, text := range x.complaints {
		t.Errorf("the console says: %s", text)
	}
}

// faults are what a reader would stumble over, found by geometry: a page wider than its window, text that is cut by its picture, or runs
// into other text of the same kind.
const faults = `(() => {
  const out = [], wide = document.documentElement.scrollWidth - innerWidth;
  if (wide > 0) {
    out.push('the page is ' + wide + ' px wider than its window');
    for (const e of document.querySelectorAll('main *')) {
      if (e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll')) { out.push('beyond the window: ' + e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 40)); break; }
    }
  }
  for (const svg of document.querySelectorAll('svg.chart')) {
    const frame = svg.getBoundingClientRect();
    if (!frame.width) continue;
    const seen = [];
    for (const text of svg.querySelectorAll('text')) {
      const box = text.getBoundingClientRect();
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
        out.push('cut: "' + text.textContent + '" in ' + svg.getAttribute('aria-label'));
      for (const [other, name] of seen) {
        const across = Math.min(box.right, other.right) - Math.max(box.left, other.left), down = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
        if (across > 1.5 && down > Math.min(box.height, other.height) * 0.45) out.push('"' + text.textContent + '" runs into "' + name + '" in ' + svg.getAttribute('aria-label'));
      }
      seen.push([box, text.textContent]);
    }
  }
  return out;
})()`

// pale is text with less contrast than WCAG 2's level AA asks for: 4.5 to 1.
const pale = `(() => {
  const out = new Set(), canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const paint = c => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1); return canvas.getImageData(0, 0, 1, 1).data; };
  const known = new Map(), rgba = c => { if (!known.has(c)) known.set(c, paint(c)); return known.get(c); }; // to paint takes a tenth of a millisecond
  const light = c => { const f = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; return 0.2126 * f(c[0]) + 0.7152 * f(c[1]) + 0.0722 * f(c[2]); };
  const grounds = new Map([[null, [255, 255, 255]]]), ground = e => {
    if (!grounds.has(e)) { const c = rgba(getComputedStyle(e).backgroundColor); grounds.set(e, c[3] > 250 ? c : ground(e.parentElement)); }
    return grounds.get(e);
  };
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || !e.getClientRects().length || e.closest('script')) continue;
    const style = getComputedStyle(e), svg = e.closest('svg');
    const a = light(rgba(svg ? style.fill : style.color)), b = light(ground(svg || e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) out.add(ratio.toFixed(2) + ': ' + e.tagName + '.' + (e.getAttribute('class') || '') + ' ' + e.textContent.trim().slice(0, 30));
  }
  return [...out].slice(0, 20);
})()`

// Catches a page that is not what it promises where it is read: on a wide and a narrow screen, dark and light, and printed.
func TestInChromium(t *testing.T) {
	browser := browse(t)
	for name, in := range pages(t) {
		page := drawn(t, in)
		type look struct {
			width        int64
			theme, media string
		}
		looks := []look{{1280, "light", ""}, {360, "dark", ""}, {1000, "dark", "print"}}
		if name == "gate" || os.Getenv("INITBENCH_SCREENSHOTS") != "" { // widths and colours do not hang together: one page shows that
			looks = append(looks, look{1280, "dark", ""}, look{390, "light", ""})
		}
		for _, how := range looks {
			t.Run(strings.Trim(fmt.Sprintf("%s-%d-%s-%s", name, how.width, how.theme, how.media), "-"), func(t *testing.T) {
				x := open(t, browser, page, how.width, how.theme, how.media)
				for _, fault := range ask[[]string](t, x, faults) {
					t.Error(fault)
				}
				for _, text := range ask[[]string](t, x, pale) {
					t.Errorf("too little contrast, %s", text)
				}
				x.quiet(t)
				x.keep(t, name, how.width, how.theme, how.media)
			})
		}
	}
}

// keep stores a screenshot where somebody asked for them.
func (x *tab) keep(t *testing.T, name string, width int64, theme, media string) {
	dir := os.Getenv("INITBENCH_SCREENSHOTS")
	if dir == "" {
		return
	}
	must(t, os.MkdirAll(dir, 0o755))
	// A browser draws no picture higher than 16384 pixels.
	height := min(16000, ask[int64](t, x, `document.documentElement.scrollHeight`))
	must(t, chromedp.Do(x, chromedp.EmulateViewport(width, height)))
	shot, err := chromedp.Run(x, chromedp.CaptureScreenshot())
	must(t, err)
	write(t, filepath.Join(dir, strings.Trim(fmt.Sprintf("%s-%d-%s-%s", name, width, theme, media), "-")+".png"), shot)
}

// Catches numbers that a browser shows otherwise than the JSON has them, script and all.
func TestNumbersInChromium(t *testing.T) {
	browser := browse(t)
	for name, in := range pages(t) {
		x := open(t, browser, drawn(t, in), 1280, "light", "")
		text := ask[string](t, x, `JSON.stringify([...document.querySelectorAll('[data-key]')].map(e => [e.dataset.key, e.dataset.value, e.textContent]))`)
		var shown [][3]string
		must(t, json.Unmarshal([]byte(text), &shown))
		numbers := jsonNumbers(t, in)
		for _, n := range shown {
			if err := checkNumber(numbers, n[0], n[1], n[2]); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if len(shown) < 3 {
			t.Errorf("%s: only %d numbers", name, len(shown))
		}
	}
}

// Catches a switch that switches nothing, a tip that says nothing, and a link into folded records that leaves them folded.
func TestComfortsInChromium(t *testing.T) {
	x := open(t, browse(t), drawn(t, input(t, watched(t))), 1280, "light", "")
	ground := func() string { return ask[string](t, x, `getComputedStyle(document.body).backgroundColor`) }
	before := ground()
	must(t, chromedp.Do(x, chromedp.Click(chromedp.CSS("#theme"))))
	dark := ground()
	must(t, chromedp.Do(x, chromedp.Click(chromedp.CSS("#theme"))))
	if after := ground(); dark == before || after != before {
		t.Errorf("grounds %s, %s, %s: want the first again, and another between", before, dark, after)
	}
	tip := ask[string](t, x, `(() => { document.querySelector('#latency a').focus(); return document.getElementById('tip').hidden ? '' : document.getElementById('tip').textContent; })()`)
	if !strings.HasPrefix(tip, "trial ") {
		t.Errorf("the tip of a point says %q", tip)
	}
	if open := ask[bool](t, x, `document.getElementById('all-records').open`); open {
		t.Error("the records are unfolded before anybody asked")
	}
	must(t, chromedp.Do(x, chromedp.Navigate(x.url+ask[string](t, x, `document.querySelector('#latency a').getAttribute('href')`))))
	if shown := ask[bool](t, x, `document.querySelector(':target').getBoundingClientRect().height > 0 && document.getElementById('all-records').open`); !shown {
		t.Error("a link leads into folded records and leaves them folded")
	}
	x.quietAt(t)
}

// quietAt is quiet where the page was loaded at a place of its own.
func (x *tab) quietAt(t *testing.T) {
	x.Lock()
	for i, url := range x.requests {
		x.requests[i], _, _ = strings.Cut(url, "#")
	}
	x.Unlock()
	x.quiet(t)
}

// Catches a page that is empty without its script, and one that prints as nothing, or with what is for screens alone.
func TestWithoutScriptAndOnPaper(t *testing.T) {
	browser, page := browse(t), drawn(t, input(t, gateRun))
	x := open(t, browser, page, 1280, "light", "")
	must(t, call(x, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
	must(t, chromedp.Do(x, chromedp.Navigate(x.url)))
	text, err := chromedp.Run(x, chromedp.Text(chromedp.CSS("#verdict")))
	must(t, err)
	if !strings.HasPrefix(strings.TrimSpace(text), "regressed") {
		t.Errorf("without a script the verdict says %.60q", text)
	}
	shot, err := chromedp.Run(x, chromedp.FullScreenshot(100))
	must(t, err)
	if _, err := png.Decode(bytes.NewReader(shot)); err != nil {
		t.Error(err)
	}
	paper := open(t, browser, page, 1000, "dark", "print")
	if shown := ask[bool](t, paper, `['nav', '#theme'].some(s => document.querySelector(s).getClientRects().length > 0)`); shown {
		t.Error("what is for screens alone is printed")
	}
	if ground := ask[string](t, paper, `getComputedStyle(document.body).backgroundColor`); ground != "rgb(255, 255, 255)" {
		t.Errorf("paper is %s", ground)
	}
	pdf, err := chromedp.Run(paper, chromedp.PrintToPDF())
	must(t, err)
	if pages := bytes.Count(pdf, []byte("/Type /Page\n")); !bytes.HasPrefix(pdf, []byte("%PDF-")) || pages < 3 || pages > 40 {
		t.Errorf("printed on %d pages", pages)
	}
}
