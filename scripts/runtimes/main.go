// Command runtimes prints the path of each runtime it is given by reference, after
// installing those that are not in the cache, where initbench finds them too.
//
//	runtimes runc@v1.1.15 runc@v1.2.6 builtin@v1.5.1
//
// It is how the guest lane of the tests gets the binaries it takes along. It
// refuses nothing itself: what a reference is, is internal/ociruntime's to say.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/initbench/initbench/internal/ociruntime"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	for _, arg := range os.Args[1:] {
		path, err := resolve(ctx, arg)
		if err != nil {
			fmt.Fprintln(os.Stderr, "runtimes:", err)
			os.Exit(1)
		}
		fmt.Println(path)
	}
}

func resolve(ctx context.Context, arg string) (string, error) {
	ref, err := ociruntime.ParseRef(arg)
	if err != nil {
		return "", err
	}
	look := ociruntime.Resolve
	if ref.Kind == ociruntime.EmbedderRef {
		look = ociruntime.ResolveEmbedder
	}
	binary, err := look(ctx, ref, ociruntime.Options{Log: os.Stderr})
	return binary.Path, err
}
