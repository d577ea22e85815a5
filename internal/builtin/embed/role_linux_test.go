package embed_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/initbench/initbench/internal/builtin/embed"
	"github.com/initbench/initbench/internal/builtin/embed/protocol"
	"github.com/initbench/initbench/internal/testenv"
)

// roleVariable has the test binary be something else than a test.
const roleVariable = "INITBENCH_EMBED_TEST_ROLE"

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		testenv.Main(m)
	}
	run, known := roles[role]
	if !known {
		fmt.Fprintln(os.Stderr, "no such role:", role)
		os.Exit(2)
	}
	run()
	os.Exit(0)
}

var roles = map[string]func(){
	"hold":     hold,
	"embedder": answering,
	"ignoring": func() { signal.Ignore(syscall.SIGTERM); answering() },
	"deaf":     deaf,
	"silent":   func() { signal.Ignore(syscall.SIGTERM); forever() },
	"mute":     func() { _, _ = io.Copy(io.Discard, os.Stdin) },
	"endless":  func() { _, _ = os.Stdout.Write(make([]byte, 2*protocol.MaxLine)); _, _ = io.Copy(io.Discard, os.Stdin) },
	"early":    func() { fmt.Fprintln(os.Stderr, "cannot\neven start"); os.Exit(7) },
	"wrong":    func() { fmt.Println(`{"verb":"cycle","id":"x","exit":0}`); _, _ = io.Copy(io.Discard, os.Stdin) },
	"harness":  harness,
}

// hold is a container's payload that ends by a signal alone.
func hold() {
	if _, err := os.OpenFile("/tmp/held", os.O_WRONLY, 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	forever()
}

func forever() {
	for {
		_ = syscall.Pause() // returns when a signal has been handled
	}
}

// answering is an embedder without libcontainer: a container's ID says how its cycle goes.
func answering() {
	hello := protocol.Answer{Verb: protocol.Ready, Libcontainer: "v0.0.0", Go: "go0"}
	err := protocol.Serve(context.Background(), os.Stdin, os.Stdout, hello, func(ctx context.Context, c protocol.Command) protocol.Answer {
		switch c.ID {
		case "exits-3":
			return protocol.Answer{Exit: 3}
		case "fails":
			return protocol.Answer{Failed: protocol.Start, Message: "no\nway"}
		case "hangs":
			<-ctx.Done()
			return protocol.Answer{Failed: protocol.Wait}
		case "dies":
			fmt.Fprintln(os.Stderr, "oh\ndear")
			os.Exit(7)
		case "babbles":
			fmt.Println("not JSON")
		case "mistakes":
			fmt.Println(`{"verb":"cycle","id":"another","exit":0}`)
		}
		return protocol.Answer{}
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// deaf never reads what it is told: SIGTERM alone ends it.
func deaf() {
	fmt.Println(`{"verb":"ready","exit":0,"libcontainer":"v0.0.0"}`)
	forever()
}

// harness starts an embedder of the role that its input names, has it hang in a cycle, and says which process it is.
func harness() {
	role, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err == nil {
		err = os.Setenv(roleVariable, role[:len(role)-1])
	}
	var e *embed.Embedder
	if err == nil {
		e, err = embed.Start(context.Background(), "/proc/self/exe", embed.Options{StateRoot: "/nonexistent"})
	}
	if err == nil {
		fmt.Println(e.PID())
		_, err = e.Cycle(context.Background(), embed.Container{ID: "hangs", Bundle: "/nonexistent"})
	}
	fmt.Fprintln(os.Stderr, "harness:", err)
	os.Exit(1)
}
