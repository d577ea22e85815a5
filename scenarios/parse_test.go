package scenarios

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/sequence"
)

// base is the least a scenario file has to say, on three lines.
const base = "name: mine\ntrials: 2\njudge: [oom.rate]\n"

// Catches a key that is read into the wrong field, and a default that moved.
func TestParseReadsEveryKey(t *testing.T) {
	got, err := Parse("mine.yaml", []byte(`---
# a comment
name: mine
description: "starts, and little else"
drivers: [systemd]
limits: [12MiB, 16777216, "20MiB"]
place: ancestor
orders: [join-before-clone, natural]
observe: true
trials: 6
warmup: 0
containers: 5
concurrent: true
timeout: 1m30s
payload: {anon: 1MiB}
judge:
  - oom.rate
  - start.syscalls
runtimes:
  - name: old
    ref: runc@v1.1.14
  - {name: crun, ref: /usr/bin/crun}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := Scenario{
		Name: "mine", Description: "starts, and little else", Drivers: []cgroupjoin.Driver{cgroupjoin.Systemd},
		Limits: []int64{12 << 20, 16 << 20, 20 << 20}, Place: cgroupjoin.OnAncestor,
		Orders: []sequence.Order{sequence.JoinBeforeClone, sequence.Natural}, Observe: true,
		Trials: 6, Containers: 5, Concurrent: true, Timeout: 90 * time.Second,
		Payload: Payload{AnonBytes: 1 << 20}, Judge: []string{OOMRate, StartSyscalls},
		Runtimes: []Runtime{
			{Name: "old", Ref: "runc@v1.1.14", Pos: Position{File: "mine.yaml", Line: 21, Column: 10}},
			{Name: "crun", Ref: "/usr/bin/crun", Pos: Position{File: "mine.yaml", Line: 22, Column: 23}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Catches a changed meaning of what files leave out.
func TestParseDefaults(t *testing.T) {
	got, err := Parse("mine.yaml", []byte(strings.ReplaceAll(base+"limits: [16MiB]\n", "\n", "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	want := Scenario{
		Name: "mine", Drivers: cgroupjoin.Drivers(), Limits: []int64{16 << 20}, Place: cgroupjoin.OnContainer,
		Trials: 2, Warmup: 1, Containers: 1, Timeout: 30 * time.Second, Judge: []string{OOMRate},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

const (
	syntax  = "write YAML as in `key: value`"
	allKeys = "a scenario has name, description, drivers, limits, search, place, orders, observe, cycles, lifecycle, embedded, collector, watch, trials, warmup, containers, concurrent, timeout, payload, judge, clones, strategies, sizes, headroom, places, clock, huge_pages, network, enumerate, joins, runtimes"
	metrics = "start.latency, create.latency, batch.total, start.cpu, start.latency.instructions, start.cpu.instructions, container.memory.peak, runtime.memory.peak, container.memory.charged_at_exec, start.syscalls, start.pagefaults, start.forks, start.bytes_copied, order.join_first, join.latency, network.latency, network.memory.peak, start.threshold, oom.rate"
)

// Catches, line by line, a bad file that is let in, a place that points
// elsewhere, and a line that does not say what would be right.
func TestParseRefuses(t *testing.T) {
	for _, test := range []struct{ name, file, want string }{
		// The file as a whole.
		{"empty", "", "1:1: the file is empty: write a scenario: name, trials, judge (see `initbench scenarios`)"},
		{"only a comment", "# nothing\n", "1:1: the file is empty: write a scenario: name, trials, judge (see `initbench scenarios`)"},
		{"only a header", "---\n", "1:1: the file is empty: write a scenario: name, trials, judge (see `initbench scenarios`)"},
		{"null", "null\n", "1:1: the file is nothing, not a mapping: write a scenario as `key: value`"},
		{"text", "root:x:0:0\n", "1:1: the file is text, not a mapping: write a scenario as `key: value`"},
		{"a list", "[a]\n", "1:1: the file is a sequence, not a mapping: write a scenario as `key: value`"},
		{"too large", base + strings.Repeat("#", MaxFileBytes), "1:1: too large for a scenario: the most is 64KiB"},

		// Bytes.
		{"NUL", "name: a\x00b\n", "1:8: the unprintable character U+0000: remove it"},
		{"not UTF-8", "name: \xff\n", "1:7: byte 0xff is not UTF-8: save the file as UTF-8"},
		{"tab", "name: mine\n\ttrials: 2\n", "2:1: a tab: write spaces"},
		{"lone carriage return", "name: a\rb\n", "1:8: the unprintable character U+000D: remove it"},
		{"byte order mark", "\ufeff" + base, "1:1: the unprintable character U+FEFF: remove it"},
		{"no-break space", "name:\u00a0mine\n", "1:6: the unprintable character U+00A0: remove it"},

		// YAML that is broken or not wanted.
		{"open bracket", "name: [\n", "1:7: not YAML (sequence end token ']' not found): " + syntax},
		{"open quote", "name: 'x\n", "1:7: not YAML (could not find end character of single-quoted text): " + syntax},
		{"two colons", "name: b: c\n", "1:7: not YAML (mapping value is not allowed in this context): " + syntax},
		{"two documents", base + "---\n" + base, "4:1: a second YAML document: write one scenario a file"},
		{"document end", base + "...\n", "4:1: a document end (...) is not read here: write the value itself"},
		{"anchor", "name: &a mine\n", "1:7: an anchor (&) is not read here: write the value itself"},
		{"alias bomb", "a: [*b, *b]\n", "1:5: an alias (*) is not read here: write the value itself"},
		{"tag", "name: !!str mine\n", "1:7: a tag (!) is not read here: write the value itself"},
		{"merge key", "<<: {a: b}\n", "1:1: a merge key (<<) is not read here: write the value itself"},
		{"complex key", "? a\n: b\n", "1:1: a complex key (?) is not read here: write the value itself"},
		{"directive", "%YAML 1.2\n---\n" + base, "1:1: a directive (%) is not read here: write the value itself"},
		{"bracket bomb", strings.Repeat("[", MaxFileBytes), "1:9: more than 8 levels: a scenario needs three"},
		{"dash bomb", strings.Repeat("- ", MaxFileBytes/2), "1:17: more than 8 levels: a scenario needs three"},

		// Keys.
		{"unknown key", base + "limit: 16MiB\n", `4:1: unknown key "limit": did you mean limits? else ` + allKeys},
		{"unknown key, near to none", base + "memory: 16MiB\n", `4:1: unknown key "memory": ` + allKeys},
		{"unknown key of a runtime", base + "runtimes:\n- {nom: a}\n", `5:4: unknown key "nom": did you mean name? else a runtime has name, ref`},
		{"key with a line feed", `"a\nb": c`, `1:1: unknown key "a\nb": ` + allKeys},
		{"key twice", base + "trials: 3\n", `4:1: key "trials" a second time: keep one (the first is on line 2)`},
		{"no name", "trials: 2\njudge: [oom.rate]\n", "1:1: a scenario without name: add name"},
		{"no judge", "name: a\ntrials: 2\n", "1:1: a scenario without judge: add judge"},
		{"no value", "name: a\ntrials:\njudge: [oom.rate]\n", "2:1: trials without a value: write one, or leave the key out"},

		// Names.
		{"name is a number", "name: 12\n", `1:7: name "12" is a number, not text: write a word, or put it in quotes`},
		{"capital", "name: Mine\ntrials: 1\njudge: [oom.rate]\n", `1:7: name "Mine": write 1 to 64 of a-z, 0-9 and -, a letter or digit first`},
		{"path as a name", "name: ../x\ntrials: 1\njudge: [oom.rate]\n", `1:7: name "../x": write 1 to 64 of a-z, 0-9 and -, a letter or digit first`},
		{"escape in a name", `{name: "\e[31m", trials: 1, judge: [oom.rate]}`, `1:8: name "\x1b[31m": write 1 to 64 of a-z, 0-9 and -, a letter or digit first`},
		{"long name", "name: " + strings.Repeat("a", 65) + "\ntrials: 1\njudge: [oom.rate]\n", `1:7: name "` + strings.Repeat("a", 40) + `...": write 1 to 64 of a-z, 0-9 and -, a letter or digit first`},
		{"two lines of description", base + "description: |\n  a\n  b\n", `4:14: description "a\nb": write one line of at most 200 bytes`},

		// Sizes and limits.
		{"negative limit", base + "limits: [12MiB, -4MiB]\n", `4:17: limits[1] "-4MiB" is not a size: a size is not negative`},
		{"zero limit", base + "limits: [0]\n", "4:10: limit 0: the least is 64KiB, one page where pages are largest; for no limit write none"},
		{"1 KiB limit", base + "limits: [1KiB]\n", "4:10: limit 1KiB: the least is 64KiB, one page where pages are largest; for no limit write none"},
		{"parsecs", base + "limits:\n  - 12MiB\n  - 12 parsecs\n", `6:5: limits[1] "12 parsecs" is not a size: write digits and KiB, MiB or GiB, such as 16MiB`},
		{"SI suffix", base + "limits: [16MB]\n", `4:10: limits[0] "16MB" is not a size: write 16MiB (powers of 1024) or plain bytes`},
		{"fraction", base + "limits: [1.5MiB]\n", `4:10: limits[0] "1.5MiB" is not a size: write a whole number, such as 1536KiB for 1.5MiB`},
		{"octal", base + "limits: [0777777]\n", `4:10: limits[0] "0777777" is not a size: write digits and KiB, MiB or GiB, such as 16MiB`},
		{"above 2^53", base + "limits: [9007199254740993]\n", `4:10: limits[0] "9007199254740993" is not a size: the most is 8388608GiB`},
		{"above 2^63", base + "limits: [99999999999999999999GiB]\n", `4:10: limits[0] "99999999999999999999GiB" is not a size: the most is 8388608GiB`},
		{"a list for a size", base + "limits: [[16MiB]]\n", "4:10: limits[0] is a sequence, not text: write a size such as 16MiB"},
		{"one limit, no list", base + "limits: 16MiB\n", `4:9: limits "16MiB" is text, not a sequence: write a list, as in [a, b]`},
		{"no limits in the list", base + "limits: []\n", "4:9: limits is an empty list: name at least one, or leave the key out"},
		{"falling", base + "limits: [16MiB, 2MiB]\n", "4:17: limit 2MiB after 16MiB: write limits from small to large, each once"},
		{"equal", base + "limits: [16MiB, 16384KiB]\n", "4:17: limit 16MiB after 16MiB: write limits from small to large, each once"},
		{"too many limits", base + "limits: [" + strings.Repeat("1, ", 20000) + "1]\n", "4:9: limits: 20001 items: the most is 1024"},
		{"place without limits", base + "place: ancestor\n", `4:8: place "ancestor" without limits: add limits, or leave place out`},
		{"unknown place", base + "limits: [16MiB]\nplace: pod\n", `5:8: place "pod": write container or ancestor`},
		{"place without limits in non-ASCII", "{name: mine, description: é日本, trials: 2, judge: [oom.rate], place: ancestor}", `1:69: place "ancestor" without limits: add limits, or leave place out`},

		// Ladders.
		{"a million limits", base + "limits: {from: 1MiB, to: 1000000MiB, step: 1MiB}\n", "4:44: limits: a ladder of 1000000 limits: the most is 1024: write a larger step"},
		{"ladder with no rule", base + "limits: {from: 8MiB, to: 16MiB}\n", "4:9: limits needs either step or factor: as in {from: 8MiB, to: 32MiB, step: 4MiB}"},
		{"ladder with two rules", base + "limits: {from: 8MiB, to: 16MiB, step: 8MiB, factor: 2}\n", "4:9: limits needs either step or factor: as in {from: 8MiB, to: 32MiB, step: 4MiB}"},
		{"ladder falls", base + "limits: {from: 8MiB, to: 4MiB, factor: 2}\n", "4:26: limits from 8MiB to 4MiB: write a ladder that rises"},
		{"ladder from 0", base + "limits: {from: 0, to: 4MiB, factor: 2}\n", "4:23: limits from 0 to 4MiB: write a ladder that rises"},
		{"step 0", base + "limits: {from: 4MiB, to: 8MiB, step: 0}\n", "4:38: limits.step 0 never gets there: write a step such as 4MiB"},
		{"factor 1", base + "limits: {from: 4MiB, to: 8MiB, factor: 1}\n", "4:40: limits.factor 1 does not rise: write 2 or more"},
		{"to is no rung", base + "limits: {from: 8MiB, to: 20MiB, factor: 2}\n", "4:26: limits.to 20MiB is no rung: the last one below is 16MiB"},
		{"ladder without end", base + "limits: {from: 8MiB, step: 1MiB}\n", "4:9: a ladder without to: add to"},
		{"ladder below the floor", base + "limits: {from: 4KiB, to: 128KiB, factor: 2}\n", "4:9: limit 4KiB: the least is 64KiB, one page where pages are largest; for no limit write none"},

		// Counts.
		{"no trials", "name: a\ntrials: 0\njudge: [oom.rate]\n", "2:9: trials 0: write 1 to 100000"},
		{"negative trials", "name: a\ntrials: -1\njudge: [oom.rate]\n", "2:9: trials -1: write 1 to 100000"},
		{"quoted trials", "name: a\ntrials: \"3\"\n", `2:9: trials "3" is text, not a number: write a whole number such as 10`},
		{"block text trials", "name: a\ntrials: |\n  3\n", `2:9: trials "3" is text, not a number: write a whole number such as 10`},
		{"half a trial", "name: a\ntrials: 1.5\n", `2:9: trials "1.5" is not a whole number in plain digits: write one such as 10`},
		{"hexadecimal", "name: a\ntrials: 0x10\n", `2:9: trials "0x10" is not a whole number in plain digits: write one such as 10`},
		{"octal trials", "name: a\ntrials: 010\n", `2:9: trials "010" is not a whole number in plain digits: write one such as 10`},
		{"underscore", "name: a\ntrials: 1_0\n", `2:9: trials "1_0" is not a whole number in plain digits: write one such as 10`},
		{"infinite", "name: a\ntrials: .inf\n", `2:9: trials ".inf" is not a whole number in plain digits: write one such as 10`},
		{"2^32 trials", "name: a\ntrials: 4294967296\n", `2:9: trials "4294967296" is out of range: the most is 100000`},
		{"beyond 64 bits", "name: a\ntrials: 99999999999999999999\n", `2:9: trials "99999999999999999999" is out of range: the most is 100000`},
		{"negative warmup", base + "warmup: -1\n", "4:9: warmup -1: write 0 to 100000"},
		{"no containers", base + "containers: 0\n", "4:13: containers 0: write 1 to 100000"},
		{"product of 2^33", "name: a\ntrials: 65536\njudge: [oom.rate]\ncontainers: 65536\n", "2:9: 2 drivers x 65536 trials x 65536 containers make 8589934592 container starts: a run holds at most 100000"},
		{"product with limits and runtimes", base + "containers: 10000\nlimits: [1MiB, 2MiB, 3MiB]\nruntimes: [{name: a, ref: a}, {name: b, ref: b}]\n",
			"2:9: 2 drivers x 3 limits x 2 runtimes x 2 trials x 10000 containers make 240000 container starts: a run holds at most 100000"},
		{"warm-ups too many", base + "warmup: 99999\n", "2:9: 2 drivers x 99999 warm-ups make 199998 container starts: a run holds at most 100000"},
		{"one at once", base + "concurrent: true\n", "4:13: concurrent with one container: write containers: 2 or more, or leave concurrent out"},
		{"too many at once", base + "containers: 1001\nconcurrent: true\n", "4:13: 1001 containers at once: the most is 1000"},
		{"yes is no bool", base + "concurrent: yes\n", `4:13: concurrent "yes" is text, not true or false: write true or false`},

		// Durations.
		{"no unit", base + "timeout: 30\n", `4:10: timeout "30" is not a duration: write a number and a unit, such as 500ms, 30s or 2m`},
		{"no duration", base + "timeout: soon\n", `4:10: timeout "soon" is not a duration: write a number and a unit, such as 500ms, 30s or 2m`},
		{"negative duration", base + "timeout: -3s\n", "4:10: timeout -3s: write 1ms to 1h"},
		{"long duration", base + "timeout: 61m\n", "4:10: timeout 1h1m0s: write 1ms to 1h"},

		// Closed sets.
		{"unknown driver", base + "drivers: [cgroupfs, dbus]\n", `4:21: driver "dbus": write cgroupfs or systemd`},
		{"driver twice", base + "drivers: [systemd, systemd]\n", "4:20: driver systemd a second time: name each once"},
		{"unknown metric", "name: a\ntrials: 1\njudge: [oom.rate, latency]\n", `3:19: unknown metric "latency": write ` + metrics},
		{"misspelt metric", "name: a\ntrials: 1\njudge: [oom.rat]\n", `3:9: unknown metric "oom.rat": did you mean oom.rate? else write ` + metrics},
		{"metric twice", "name: a\ntrials: 1\njudge: [oom.rate, oom.rate]\n", "3:19: metric oom.rate a second time: name each once"},
		{"judges nothing", "name: a\ntrials: 1\njudge: []\n", "3:8: judge is an empty list: name at least one, or leave the key out"},

		// Orders and lanes.
		{"unknown order", base + "orders: [natural, clone-first]\n", `4:19: order "clone-first": write natural, clone-before-join or join-before-clone`},
		{"order with a capital", base + "orders: [Natural]\n", `4:10: order "Natural": write natural, clone-before-join or join-before-clone`},
		{"empty order", base + "orders: ['']\n", `4:10: order "": write natural, clone-before-join or join-before-clone`},
		{"order twice", base + "orders: [natural, join-before-clone, natural]\n", "4:38: order natural a second time: name each once"},
		{"one order, no list", base + "orders: natural\n", `4:9: orders "natural" is text, not a sequence: write a list, as in [a, b]`},
		{"no orders in the list", base + "orders: []\n", "4:9: orders is an empty list: name at least one, or leave the key out"},
		{"orders of another type", base + "orders: [3]\n", `4:10: orders[0] "3" is a number, not text: write a word, or put it in quotes`},
		{"order for orders", base + "order: [natural]\n", `4:1: unknown key "order": did you mean orders? else ` + allKeys},
		{"observe is no bool", base + "observe: ebpf\n", `4:10: observe "ebpf" is text, not true or false: write true or false`},
		{"latency under the observer", "name: a\ntrials: 1\njudge: [oom.rate, start.latency]\nobserve: true\n",
			"3:19: metric start.latency under the observer: observing takes time: judge it in a scenario without observe"},
		{"CPU time of an imposed order", "name: a\ntrials: 1\njudge: [start.cpu]\norders: [natural, join-before-clone]\n",
			"3:9: metric start.cpu where an order is imposed: imposing takes time: judge it in a scenario with no order but the natural one"},
		{"charges unobserved", "name: a\ntrials: 1\njudge: [container.memory.charged_at_exec]\n",
			"3:9: metric container.memory.charged_at_exec without the observer: only it can tell: add observe: true"},
		{"page faults of imposed orders alone", "name: a\ntrials: 1\njudge: [start.pagefaults]\norders: [join-before-clone]\n",
			"3:9: metric start.pagefaults without the observer: only it can tell: add observe: true"},
		{"product with orders", base + "containers: 10000\norders: [natural, clone-before-join, join-before-clone]\n",
			"2:9: 2 drivers x 3 orders x 2 trials x 10000 containers make 120000 container starts: a run holds at most 100000"},
		{"product of 2^32 with orders", "name: a\ntrials: 65536\njudge: [oom.rate]\ncontainers: 32768\norders: [natural, join-before-clone]\ndrivers: [cgroupfs]\n",
			"2:9: 2 orders x 65536 trials x 32768 containers make 4294967296 container starts: a run holds at most 100000"},

		// Payload and runtimes.
		{"payload is a number", base + "payload: 3\n", `4:10: payload "3" is a number, not a mapping: write a payload as ` + "`key: value`"},
		{"empty payload", base + "payload: {}\n", "4:10: a payload without anon: add anon"},
		{"negative payload", base + "payload: {anon: -1}\n", `4:17: payload.anon "-1" is not a size: a size is not negative`},
		{"two runtimes with one name", base + "runtimes:\n- name: a\n  ref: runc\n- name: a\n  ref: crun\n", "7:9: a second runtime named a: give each a name of its own"},
		{"runtime without ref", base + "runtimes:\n- name: a\n", "5:3: a runtime without ref: add ref"},
		{"empty ref", base + "runtimes:\n- {name: a, ref: ''}\n", `5:18: runtime reference "": write builtin, a path, a name on PATH, or runc@vX.Y.Z`},
		{"NUL in ref", base + "runtimes:\n- {name: a, ref: \"a\\0b\"}\n", `5:18: runtime reference "a\x00b": write builtin, a path, a name on PATH, or runc@vX.Y.Z`},
		{"bad runtime name", base + "runtimes:\n- {name: a/b, ref: runc}\n", `5:10: runtime name "a/b": write 1 to 64 of a-z, 0-9 and -.@_, a letter or digit first`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("f.yaml", []byte(test.file))
			if err == nil {
				t.Fatal("accepted")
			}
			if got, want := err.Error(), "f.yaml:"+test.want; got != want {
				t.Errorf("\ngot  %s\nwant %s", got, want)
			}
			if err := wellFormed(err, []byte(test.file)); err != nil {
				t.Error(err)
			}
		})
	}
}

// Catches a file name that breaks the line or the terminal.
func TestErrorQuotesAnOddFileName(t *testing.T) {
	_, err := Parse("a\nb\x1b.yaml", nil)
	if err == nil || strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("got %q", err)
	}
}

// Catches a ladder with a rung too many, too few or out of place.
func TestLadders(t *testing.T) {
	for _, test := range []struct {
		rule string
		want []int64
	}{
		{"{from: 8MiB, to: 20MiB, step: 4MiB}", []int64{8 << 20, 12 << 20, 16 << 20, 20 << 20}},
		{"{from: 8MiB, to: 32MiB, factor: 2}", []int64{8 << 20, 16 << 20, 32 << 20}},
		{"{from: 8MiB, to: 8MiB, step: 1MiB}", []int64{8 << 20}},
		{"{from: 8MiB, to: 8MiB, factor: 100000}", []int64{8 << 20}},
	} {
		s, err := Parse("f.yaml", []byte(base+"limits: "+test.rule+"\n"))
		if err != nil {
			t.Errorf("%s: %v", test.rule, err)
		}
		if diff := cmp.Diff(test.want, s.Limits); diff != "" {
			t.Errorf("%s: %s", test.rule, diff)
		}
	}
}

// Catches an overflow in a ladder that ends on the largest size there is.
func TestLadderToTheLargestSize(t *testing.T) {
	s, err := Parse("f.yaml", []byte(base+"drivers: [cgroupfs]\nlimits: {from: 65536, to: 8388608GiB, factor: 2}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.Limits); n != 53-16+1 || s.Limits[n-1] != MaxSize {
		t.Errorf("%d rungs up to %d", n, s.Limits[n-1])
	}
}
