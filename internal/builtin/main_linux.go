//go:build cgo

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/initbench/initbench/internal/builtin/embed/embedder"
	"github.com/initbench/initbench/internal/builtin/options"
	"github.com/initbench/initbench/sequence/seam"
)

// libcontainerVersion is set by package build.
var libcontainerVersion = "unknown"

func init() {
	if len(os.Args) > 1 && os.Args[1] == "init" {
		if err := plantInInit(); err != nil {
			fmt.Fprintln(os.Stderr, "initbench-builtin: init:", err)
			os.Exit(1)
		}
		embedder.Init() // does not return
	}
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "embed" {
		os.Exit(embedder.Main(os.Args[2:], libcontainerVersion))
	}
	cmd, err := options.Parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "initbench-builtin:", err)
		os.Exit(2)
	}
	if err := run(cmd); err != nil {
		fail(cmd, err)
	}
}

// fail says the error once on stderr and once in the log, where there is one.
func fail(cmd options.Command, err error) {
	err = fmt.Errorf("%s %s: %w", cmd.Verb, cmd.ID, err)
	if cmd.Log != "" {
		logrus.Error(err)
	}
	fmt.Fprintln(os.Stderr, "initbench-builtin:", oneLine(err))
	os.Exit(1)
}

// oneLine is for what init or the kernel says in several.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

func run(cmd options.Command) error {
	if !seam.Patched {
		return errors.New("built on a libcontainer without its patch: run `make build`")
	}
	if err := setLog(cmd); err != nil {
		return err
	}
	if cmd.Verb == "version" {
		fmt.Printf("initbench-builtin on libcontainer %s\ngo: %s\n", libcontainerVersion, runtime.Version())
		return nil
	}
	if cmd.Verb == "create" {
		return create(cmd)
	}
	if err := checkRoot(); err != nil {
		return err
	}
	return manage(cmd)
}

func checkRoot() error {
	if os.Geteuid() != 0 {
		return errors.New("only root can have containers here: rootless ones are left out")
	}
	return nil
}

func setLog(cmd options.Command) error {
	if cmd.Debug {
		logrus.SetLevel(logrus.DebugLevel)
	}
	if cmd.LogFormat == "json" {
		logrus.SetFormatter(new(logrus.JSONFormatter))
	}
	if !cmd.Debug {
		// Warnings that lead up to an error, and what init said, which the error repeats: one line is clearer.
		logrus.SetOutput(io.Discard)
	}
	if cmd.Log == "" {
		return nil
	}
	f, err := os.OpenFile(cmd.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND|os.O_SYNC, 0o644)
	if err == nil {
		logrus.SetOutput(f)
	}
	return err
}

// finishUndisturbed keeps a signal to the whole process group, such as a ^C, from
// ending a create half-way. As in runc all are caught, in the background, since that is a call
// for each, and none is ignored, which init would inherit.
func finishUndisturbed() { go signal.Notify(make(chan os.Signal, 1)) }
