//go:build cgo

package embedder

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/initbench/initbench/internal/builtin/embed/protocol"
)

// grace is how long a cycle may take to end once nobody waits for it.
const grace = 10 * time.Second

// Main is the embedder: args are what follows its verb, libcontainer the version that it is built with.
// It returns the exit code.
func Main(args []string, libcontainer string) int {
	if err := run(args, libcontainer); err != nil {
		fmt.Fprintln(os.Stderr, "embed:", err)
		return 1
	}
	return 0
}

func run(args []string, libcontainer string) error {
	root, err := parse(args)
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return errors.New("only root can have containers here: rootless ones are left out")
	}
	// Warnings that lead up to an error, which the error repeats.
	logrus.SetOutput(io.Discard)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	hello := protocol.Answer{Verb: protocol.Ready, Libcontainer: libcontainer, Go: runtime.Version()}
	return protocol.Serve(ctx, os.Stdin, os.Stdout, hello, func(ctx context.Context, c protocol.Command) protocol.Answer {
		// A libcontainer that never returns must not keep a process that nobody waits for.
		cancel := context.AfterFunc(ctx, func() { time.AfterFunc(grace, func() { os.Exit(3) }) })
		defer cancel()
		if c.Verb == protocol.Collect {
			collect()
			return protocol.Answer{}
		}
		return cycle(ctx, root, c)
	})
}

// parse settles the collector, and returns where state is kept.
func parse(args []string) (root string, err error) {
	fl := flag.NewFlagSet("embed", flag.ContinueOnError)
	fl.SetOutput(io.Discard)
	fl.StringVar(&root, "state-root", "", "")
	gc := fl.String("gc", "on", "")
	if err := fl.Parse(args); err != nil {
		return "", err
	}
	switch {
	case fl.NArg() > 0:
		return "", fmt.Errorf("unexpected argument %q", fl.Arg(0))
	case !filepath.IsAbs(root):
		return "", fmt.Errorf("--state-root %q is no absolute path", root)
	case *gc == "off":
		debug.SetGCPercent(-1)
	case *gc != "on":
		return "", fmt.Errorf("--gc %q is neither on nor off", *gc)
	}
	return root, nil
}

// collect returns when what had no reference has been finalized, and what only that had referred to as well.
func collect() {
	for range 2 {
		finalized := make(chan struct{})
		abandon(finalized)
		// One goroutine runs all finalizers, in the order in which the collector found them: one round may not have had its turn.
		for done := false; !done; {
			runtime.GC()
			select {
			case <-finalized:
				done = true
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
}

// abandon makes something for the collector to find. It is not inlined: its frame would hold on to it.
//
//go:noinline
func abandon(finalized chan struct{}) {
	runtime.SetFinalizer(&struct{ c chan struct{} }{finalized}, func(*struct{ c chan struct{} }) { close(finalized) })
}
