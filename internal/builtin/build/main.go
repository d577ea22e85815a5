//go:build linux

// Command build builds the built-in runtime, initbench-builtin: package main in
// internal/builtin, on a copy of libcontainer with libcontainer.patch applied.
//
//	go run ./internal/builtin/build -o bin/initbench-builtin
//
// The copy is made of the runc module that go.mod names, from the module cache,
// and kept in bin/.builtin for the next time. It always lies there, whatever -o
// says: Go writes where a replaced module lies into the binary, and the same
// source must give the same bytes. What is built is static, since it also runs in a guest
// with other libraries, and stripped, since its size is what gets cloned.
//
// The command refuses a libcontainer that the patch does not fit, and names the
// hunk. docs/adr/0008 says why a patch, and how to move it to another version.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := flag.String("o", "bin/initbench-builtin", "the binary to write")
	flag.Parse()
	if err := build(ctx, *out); err != nil {
		fmt.Fprintln(os.Stderr, "build initbench-builtin:", err)
		os.Exit(1)
	}
}

func build(ctx context.Context, out string) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	runc, err := findModule(ctx, root, runcPath)
	if err != nil {
		return err
	}
	patch, err := os.ReadFile(filepath.Join(root, "internal", "builtin", "libcontainer.patch"))
	if err != nil {
		return err
	}
	work := filepath.Join(root, "bin", ".builtin")
	copied, err := patchedCopy(runc, patch, work)
	if err != nil {
		return err
	}
	modfile, err := writeModfile(root, copied, work)
	if err != nil {
		return err
	}
	return goBuild(ctx, root, modfile, runc.Version, out)
}
