package main

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/initbench/initbench/internal/testenv"
	"github.com/initbench/initbench/sequence"
)

// oldRunc copies itself inside init, the others do not; the guest lane brings them along.
const (
	oldRunc     = "/var/lib/initbench/runtimes/runc@v1.1.15"
	overlayRunc = "/var/lib/initbench/runtimes/runc@v1.2.6"
	newestRunc  = "/var/lib/initbench/runtimes/runc@v1.5.2"
)

func requireOrders(t *testing.T) {
	t.Helper()
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd, testenv.Command("crun"),
		testenv.File(oldRunc), testenv.File(overlayRunc), testenv.File(newestRunc))
}

// Those of testdata/orders impose orders and observe.
func TestOrderScripts(t *testing.T) {
	requireOrders(t)
	testscript.RunT(serial{t}, params("testdata/orders"))
}

// traceJSON runs trace on the old runc and returns its timeline.
func traceJSON(t *testing.T, args ...string) (sequence.Timeline, sequence.Finding) {
	t.Helper()
	t.Setenv("INITBENCH_STATE_DIR", t.TempDir())
	var stdout, stderr bytes.Buffer
	args = append([]string{"trace", "--runtime", "runc=" + oldRunc, "--in", "host", "--format", "json"}, args...)
	if code := run(context.Background(), args, nil, &stdout, &stderr); code != exitPass {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	var out struct {
		Traces []struct {
			Timeline sequence.Timeline `json:"timeline"`
			Found    sequence.Finding  `json:"found"`
		} `json:"traces"`
	}
	if err := json.Unmarshal(stdout.Bytes(), &out); err != nil || len(out.Traces) != 1 {
		t.Fatalf("%d traces, %v", len(out.Traces), err)
	}
	return out.Traces[0].Timeline, out.Traces[0].Found
}

// charged is what the container was charged at the first event of a step; what is not there holds nothing.
func charged(t *testing.T, tl sequence.Timeline, step sequence.Step) int64 {
	t.Helper()
	for _, e := range tl.Events {
		if e.Step != step {
			continue
		}
		if e.Container == nil {
			return 0
		}
		return e.Container.Bytes
	}
	t.Fatalf("no %s in the timeline", step)
	return 0
}

// Catches a clone charged to the wrong cgroup: of runc 1.1.15's some 10 MiB the container pays all
// when the join comes first, and nothing when the clone does.
func TestTraceShowsWhoPays(t *testing.T) {
	requireOrders(t)
	const mib = 1 << 20
	for _, driver := range []string{"cgroupfs", "systemd"} {
		tl, found := traceJSON(t, "--driver", driver, "--order", "join-before-clone")
		paid := charged(t, tl, sequence.Fexecve) - charged(t, tl, sequence.MemfdCreate)
		if paid < 9*mib || found.Order != sequence.FoundJoinBeforeClone {
			t.Errorf("%s, joined first: the container paid %d bytes, found %+v; want at least 9 MiB", driver, paid, found)
		}
		tl, found = traceJSON(t, "--driver", driver, "--order", "clone-before-join")
		paid = charged(t, tl, sequence.Fexecve) - charged(t, tl, sequence.MemfdCreate)
		if paid > mib/4 || found.Order != sequence.FoundCloneBeforeJoin {
			t.Errorf("%s, cloned first: the container paid %d bytes, found %+v; want next to none", driver, paid, found)
		}
	}
}
