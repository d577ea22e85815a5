package lease

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/initbench/initbench/internal/pool"
)

// taker is the variable that has this binary lease subnets for ever, each told on a line: DIR BASE SIZE OWNER.
const taker = "INITBENCH_TEST_LEASES"

func TestMain(m *testing.M) {
	if args := os.Getenv(taker); args != "" {
		fmt.Fprintln(os.Stderr, take(strings.Fields(args)))
		os.Exit(1)
	}
	if args := os.Getenv(leaser); args != "" {
		peak, err := peakOfLeasing(strings.Fields(args))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(peak)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// take frees every third lease again, before it is told, so that kills hit that too.
func take(args []string) error {
	size, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	p, err := pool.New(args[1], size)
	if err != nil {
		return err
	}
	a, err := Open(args[0], p)
	for n := 0; err == nil; n++ {
		var l Lease
		if l, err = a.Next(args[3]); err != nil {
			break
		}
		if n%3 == 2 {
			err = a.Free(l)
			continue
		}
		_, err = fmt.Println(l.Index)
	}
	return err
}

// killAfter reads lines to the end, and kills whoever writes them after some.
func killAfter(cmd *exec.Cmd, out io.Reader, until int, owner string) (all []string) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		all = append(all, lines.Text()+" "+owner)
		if len(all) == until {
			_ = cmd.Process.Kill() // an error is seen by Wait
		}
	}
	return all
}

func mustPool(t interface{ Fatal(...any) }, base string, size int) pool.Pool {
	p, err := pool.New(base, size)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func open(t interface{ Fatal(...any) }, dir string, p pool.Pool) *Allocator {
	a, err := Open(dir, p)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func onDisk(t interface{ Fatal(...any) }, dir string) map[string]Lease {
	all := map[string]Lease{}
	for l, err := range Leases(dir) {
		if err != nil {
			t.Fatal(err)
		}
		all[l.Subnet.String()] = l
	}
	return all
}

// Catches a subnet that is given twice, to two processes or to one after another was killed at any
// instant, and a lease that was told of and is not on disk.
func TestNextAcrossKilledProcesses(t *testing.T) {
	dir := t.TempDir()
	const base, size, processes, rounds = "fd0d:ce5::/48", 64, 3, 3
	seen := map[string]string{}
	for round := range rounds {
		var cmds []*exec.Cmd
		said := make(chan []string)
		for n := range processes {
			owner := fmt.Sprintf("o%d-%d", round, n)
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d %s", taker, dir, base, size, owner))
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			cmds = append(cmds, cmd)
			until := 1 + rand.IntN(20) // what is on its way when it is killed is found on disk alone
			go func() { said <- killAfter(cmd, out, until, owner) }()
		}
		for range processes {
			for _, line := range <-said {
				index, owner, _ := strings.Cut(line, " ")
				if before, twice := seen[index]; twice {
					t.Errorf("subnet %s was given to %s and to %s", index, before, owner)
				}
				seen[index] = owner
			}
		}
		for _, cmd := range cmds {
			if err := cmd.Wait(); cmd.ProcessState.Sys() == nil || err == nil {
				t.Errorf("%v: %v, want a kill", cmd, err)
			}
		}
	}
	p := mustPool(t, base, size)
	disk := onDisk(t, dir)
	for index, owner := range seen {
		i, err := strconv.ParseUint(index, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if l := disk[p.At(i).String()]; l.Owner != owner {
			t.Errorf("subnet %s was given to %s, on disk it is %q's", index, owner, l.Owner)
		}
	}
	if len(seen) < processes*rounds {
		t.Errorf("only %d leases in all", len(seen))
	}
}

// Catches an allocator whose answers depend on what one process remembers: any interleaving of two
// allocators, of frees, and of crashes after which one is opened anew, is a model's set of what is taken.
func TestAllocatorIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "lease")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }() // of the system's own temporary directory
		p := mustPool(t, "10.0.0.0/28", rapid.IntRange(28, 32).Draw(t, "size"))
		both := []*Allocator{open(t, dir, p), open(t, dir, p)}
		taken := map[uint64]Lease{}
		t.Repeat(map[string]func(*rapid.T){
			"next": func(t *rapid.T) {
				l, err := both[rapid.IntRange(0, 1).Draw(t, "by")].Next("o")
				if uint64(len(taken)) == p.Last()+1 {
					if exhausted := (*ExhaustedError)(nil); !errors.As(err, &exhausted) {
						t.Fatalf("%v, %v; want ExhaustedError", l, err)
					}
					return
				}
				if _, twice := taken[l.Index]; err != nil || twice || l.Subnet != p.At(l.Index) {
					t.Fatalf("%v, %v; taken are %v", l, err, taken)
				}
				taken[l.Index] = l
			},
			"free": func(t *rapid.T) {
				i := rapid.Uint64Range(0, p.Last()).Draw(t, "subnet")
				if err := both[0].Free(Lease{p, i, p.At(i), "o"}); err != nil {
					t.Fatal(err)
				}
				delete(taken, i)
			},
			"crash": func(t *rapid.T) { both[rapid.IntRange(0, 1).Draw(t, "of")] = open(t, dir, p) },
			"": func(t *rapid.T) {
				disk := onDisk(t, dir)
				for _, l := range taken {
					if disk[l.Subnet.String()] != l {
						t.Fatalf("%v is not on disk: %v", l, disk)
					}
				}
				if len(disk) != len(taken) {
					t.Fatalf("%d leases on disk, want %d", len(disk), len(taken))
				}
			},
		})
	})
}

// Catches two networks with one address: pools of two runs may overlap, and need not have one size.
func TestNextAvoidsOtherPools(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "lease")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }() // of the system's own temporary directory
		pools := []pool.Pool{mustPool(t, "10.0.0.0/24", 28), mustPool(t, "10.0.0.0/16", 20), mustPool(t, "10.0.0.128/25", 30), mustPool(t, "10.0.64.0/20", 20)}
		var all []netip.Prefix
		for range rapid.IntRange(1, 12).Draw(t, "leases") {
			l, err := open(t, dir, rapid.SampledFrom(pools).Draw(t, "pool")).Next("o")
			if exhausted := (*ExhaustedError)(nil); errors.As(err, &exhausted) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, before := range all {
				if before.Overlaps(l.Subnet) {
					t.Fatalf("%v overlaps %v", l.Subnet, before)
				}
			}
			all = append(all, l.Subnet)
		}
	})
}

// Catches a search that tries the subnets of a large lease one by one, of which there may be 2^64.
func TestNextSkipsWhatAnotherPoolCovers(t *testing.T) {
	dir := t.TempDir()
	if _, err := open(t, dir, mustPool(t, "fd0d::/16", 32)).Next("o"); err != nil {
		t.Fatal(err)
	}
	l, err := open(t, dir, mustPool(t, "fd0d::/16", 80)).Next("o")
	if want := netip.MustParsePrefix("fd0d:1::/80"); err != nil || l.Subnet != want {
		t.Errorf("%v, %v; want %v", l.Subnet, err, want)
	}
	_, err = open(t, dir, mustPool(t, "fd0d::/48", 64)).Next("o")
	if exhausted := (*ExhaustedError)(nil); !errors.As(err, &exhausted) {
		t.Errorf("%v, want ExhaustedError", err)
	}
	_, err = open(t, dir, mustPool(t, "fd0d::/48", 112)).Next("o")
	if exhausted := (*ExhaustedError)(nil); !errors.As(err, &exhausted) {
		t.Errorf("%v, want ExhaustedError", err)
	}
}

// Catches a lease that its next owner loses to the one before, and a clean that frees what others have.
func TestFreeIsTheOwners(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir, mustPool(t, "10.0.0.0/8", 16))
	mine, err := a.Next("mine")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := a.Next("theirs")
	if err != nil {
		t.Fatal(err)
	}
	late := theirs
	late.Owner = "mine"
	if err := a.Free(late); err == nil {
		t.Error("freed what somebody else has")
	}
	freed, err := FreeOwner(dir, "mine")
	if err != nil || len(freed) != 1 || freed[0] != mine {
		t.Errorf("FreeOwner: %v, %v; want %v", freed, err, mine)
	}
	if err := a.Free(mine); err != nil {
		t.Errorf("a second Free: %v", err)
	}
	if left := onDisk(t, dir); len(left) != 1 || left[theirs.Subnet.String()] != theirs {
		t.Errorf("left are %v, want %v", left, theirs)
	}
}

// Catches files of nobody's that stop a clean, or pass for leases, and owners that are paths.
func TestLeasesPassesOverOthers(t *testing.T) {
	dir := t.TempDir()
	p := mustPool(t, "10.0.0.0/8", 16)
	a := open(t, dir, p)
	for _, name := range []string{"notes", "256", "-1", "1.5"} {
		if err := os.WriteFile(filepath.Join(a.links(), name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"10.0.0.0", "10.0.0.1-8-16", "a-b-c", "10.0.0.0-8-x"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if all := onDisk(t, dir); len(all) != 0 {
		t.Errorf("leases: %v", all)
	}
	for _, owner := range []string{"", "a/b", "..\n", strings.Repeat("x", 201)} {
		if l, err := a.Next(owner); err == nil {
			t.Errorf("%q owns %v", owner, l)
		}
	}
	for range Leases(filepath.Join(dir, "none")) {
		t.Error("something in a directory that is not there")
	}
}

// Catches a directory's name that crashes Clean, or that stands for a pool which has another directory.
func FuzzPoolOf(f *testing.F) {
	for _, s := range []string{"fd0d:ce5::-48-64", "10.0.0.0-8-24", "10.0.0.0-08-24", "fd0d:0ce5::-48-64", "--", "10.0.0.0-8-+24"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if p, ours := poolOf(name); ours && folder(p) != name {
			t.Fatalf("%q is %v, whose directory is %q", name, p, folder(p))
		}
	})
}
