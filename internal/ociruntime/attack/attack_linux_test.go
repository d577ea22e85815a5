package attack

import (
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/internal/testenv"
	"github.com/initbench/initbench/memfdclone"
)

func needs(t *testing.T) {
	t.Helper()
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd, testenv.Command("crun"))
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err) // without it, nobody here is told of an init's end
	}
	t.Cleanup(func() {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0); err != nil {
			t.Error(err)
		}
	})
}

// siege is a site with two attackers, who hold the runtime's file.
type siege struct {
	*site
	ordinary, other *container
	before          [sha256.Size]byte
}

// besiege has the runtime executed in a container of the same pod as the attackers, the second one with the capabilities
// given. They take hold of its file, find that it cannot be written to while it is executed, and end it.
func besiege(s *site, capabilities []string) *siege {
	s.t.Helper()
	g := &siege{site: s, before: hash(s.t, s.files())}
	g.ordinary = s.attacker(ordinary, nil)
	g.other = s.attacker(capabilities, g.ordinary)
	g.ordinary.tell("await")
	s.bait(g.ordinary)
	pid := g.ordinary.answer()
	for _, c := range []*container{g.ordinary, g.other} {
		c.demand("grab " + pid)
		if got := c.ask("try open"); got == done {
			s.t.Error("the runtime's file could be opened for writing while it was executed")
		}
	}
	g.ordinary.demand("kill")
	return g
}

// checkDescriptors fails where the runtime left the container one that leads out of it (CVE-2024-21626), and be it to the
// copy that it is executed from.
func (c *container) checkDescriptors() {
	c.site.t.Helper()
	// The last is what Go's runtime reads its container's CPU quota from.
	for word := range strings.FieldsSeq(c.ask("descriptors")) {
		known := slices.ContainsFunc([]string{"pipe:[", "anon_inode:[", messages, "(deleted)", "/sys/fs/cgroup/cpu.max"},
			func(prefix string) bool { return strings.HasPrefix(word, prefix) })
		if !known {
			c.site.t.Errorf("the container was given a descriptor that leads to %s", word)
		}
	}
}

// hash is of the content of files, in their order.
func hash(t *testing.T, paths []string) [sha256.Size]byte {
	t.Helper()
	h := sha256.New()
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(h, f)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// strike makes every attempt, and compares what the kernel let be done with what is expected.
func (g *siege) strike(who string, c *container, want []string) {
	g.t.Helper()
	var did, all []string
	for _, a := range attempts {
		got := c.ask("try " + a.name)
		all = append(all, a.name+"="+got)
		if got == done {
			did = append(did, a.name)
		}
	}
	g.t.Logf("%s: %s", who, strings.Join(all, " "))
	slices.Sort(did)
	slices.Sort(want)
	if !slices.Equal(did, want) {
		g.t.Errorf("%s container: the kernel let it do\n%v, expected\n%v", who, did, want)
	}
}

// expect compares the host's file with what it was.
func (g *siege) expect(who string, changed bool) {
	g.t.Helper()
	if got := hash(g.t, g.files()) != g.before; got != changed {
		g.t.Errorf("the runtime's file was changed by the %s container: %v; want %v", who, got, changed)
	}
}

// claims asks the strategy whether it protects.
func (w way) claims(t *testing.T, binary string) bool {
	t.Helper()
	src, err := os.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close() }() // only read
	clone, err := memfdclone.Make(src, memfdclone.Options{Strategy: w.strategy})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = clone.File.Close() }() // nothing was written to it
	err = clone.Verify(src)
	if err != nil && !errors.Is(err, memfdclone.ErrUnprotected) {
		t.Fatal(err)
	}
	against, _ := w.strategy.Protects()
	if says := against != "Nothing."; says != (err == nil) {
		t.Errorf("%s says that it protects against %q, and Verify %v", w.strategy, against, err)
	}
	return err == nil
}

// Catches a strategy that claims to protect the runtime's binary and does not, a runtime that does not do what its strategy
// is, and an attack that is none: unprotected, the host must end up executing what the container wrote.
func TestEveryWayKeepsItsPromise(t *testing.T) {
	needs(t)
	for _, w := range perStart() {
		t.Run(w.name, func(t *testing.T) {
			s := w.at(t)
			claims := w.claims(t, s.cli.Binary)
			ordinarily, privilegedly := w.expected()
			g := besiege(s, privileged)
			g.strike("ordinary", g.ordinary, ordinarily)
			g.expect("ordinary", !claims)
			switch {
			case !claims:
				g.expectPlanted()
			case w.strategy == memfdclone.Bind:
				g.expectShared()
			default:
				g.expectApart()
			}
			g.strike("privileged", g.other, privilegedly)
			g.expect("privileged", slices.Contains(privilegedly, "handle") && w.strategy != memfdclone.Tmpfile)
		})
	}
}

// expectPlanted executes the runtime as the host would next.
func (g *siege) expectPlanted() {
	g.t.Helper()
	if out, err := exec.Command(g.cli.Binary, "--version").CombinedOutput(); err != nil || string(out) != "planted\n" {
		g.t.Errorf("the host executed the runtime: %q, %v; want the attacker's code", out, err)
	}
}

// keeps are what an attacker can keep doing to the file.
var keeps = []string{"open", "lease", "mode"}

// expectApart has the attacker keep doing all he can to the file, and expects that no start is touched by it, or noticed.
func (g *siege) expectApart() {
	g.t.Helper()
	g.ordinary.demand("keep watch")
	for _, what := range keeps {
		g.ordinary.ask("keep " + what) // what can be is known from the attempts
	}
	g.ordinary.ask("seen") // his own
	if err := g.later(); err != nil {
		g.t.Errorf("a start after the attack: %v", err)
	}
	if got := g.ordinary.ask("seen"); got != "0" {
		g.t.Errorf("the attacker noticed another start: %s events", got)
	}
	g.ordinary.ask("drop")
}

// expectShared is for a file that the next start opens too: the attacker notices, and can have it wait for as long as
// the kernel lets a lease be kept (fs.lease-break-time, 45 s).
func (g *siege) expectShared() {
	g.t.Helper()
	g.expectNoticed()
	g.ordinary.demand("keep lease")
	g.expectWaiting()
}

func (g *siege) expectNoticed() {
	g.t.Helper()
	g.ordinary.demand("keep watch")
	if err := g.later(); err != nil {
		g.t.Errorf("a start that is watched: %v", err)
	}
	if got := g.ordinary.ask("seen"); got == "0" {
		g.t.Error("the attacker noticed no other start")
	}
}

// expectWaiting starts a container, which waits for the lease until that is given up.
func (g *siege) expectWaiting() {
	g.t.Helper()
	start := g.prepare()
	ended := make(chan error, 1)
	go func() { ended <- start.run() }()
	g.ordinary.demand("broken")
	select {
	case err := <-ended:
		g.t.Errorf("the start did not wait: %v", err)
		ended <- err
	default:
	}
	g.ordinary.demand("drop")
	if err := start.finish(<-ended); err != nil {
		g.t.Errorf("a start once the lease was given up: %v", err)
	}
}

// Catches a sentence about what a mount of the binary protects from that is too kind: where the container's root shares a file system with it, it
// takes one capability, which has nothing to do with mounts, to write to the same file by its handle. Nobody needs a copy's handle.
func TestMountsFallToOneCapability(t *testing.T) {
	needs(t)
	for strategy, since := range map[memfdclone.Strategy][2]int{memfdclone.Bind: {2, 6}, memfdclone.Overlayfs: {6, 6}} {
		t.Run(string(strategy), func(t *testing.T) {
			w := way{string(strategy), "builtin", ociruntime.Builtin{Clone: memfdclone.InParent, Strategy: strategy}, strategy}
			g := besiege(w.at(t), append([]string{"CAP_DAC_READ_SEARCH"}, ordinary...))
			if got := g.ordinary.ask("try handle"); got == done {
				t.Error("an ordinary container opened the file by its handle")
			}
			g.expect("ordinary", false)
			falls := linux(since[0], since[1])
			if got := g.other.ask("try handle"); (got == done) != falls {
				t.Errorf("with CAP_DAC_READ_SEARCH: %s", got)
			}
			g.expect("CAP_DAC_READ_SEARCH", falls)
			if falls {
				g.expectPlanted()
			}
			if _, not := strategy.Protects(); !strings.Contains(not, "CAP_DAC_READ_SEARCH") {
				t.Errorf("%s says that it does not protect against: %q; want CAP_DAC_READ_SEARCH named", strategy, not)
			}
		})
	}
}
