package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/initbench/initbench/internal/vm"
)

// vmFlags are those of `initbench vm`.
type vmFlags struct {
	guest  guestFlags
	cache  string
	push   []string
	hold   string
	attach string
	carry  bool
	quiet  bool
}

func newVMCommand() *cobra.Command {
	f := &vmFlags{}
	cmd := &cobra.Command{
		Use:   "vm [flags] [-- CMD [ARG]...]",
		Short: "a root shell, or one command, in the guest",
		Long: `vm boots the guest (real cgroup v2, systemd, ext4) and runs CMD in it as root, in a delegated unit
of its own; without CMD a shell. It ends with CMD's exit status, or 128+N when signal N killed it.
The guest has no network and forgets everything when it ends.

The first Ctrl-C interrupts CMD and waits ten seconds for it; the second stops the guest at once.

One guest can serve many commands: --hold keeps it until interrupted, --attach uses it.`,
		Example: `  initbench vm -- uname -r
  initbench vm --push ./runc -- runc --version
  initbench vm --hold /tmp/guest &
  go test -exec 'initbench vm --attach /tmp/guest --carry --' ./cgroupjoin`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd, args); err != nil {
				return err
			}
			return f.run(cmd, args)
		},
	}
	f.register(cmd)
	return cmd
}

// newVMAgentCommand is the guest's side; its unit is part of the image.
func newVMAgentCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "vm-agent",
		Short:  "serve requests inside the guest",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(cmd *cobra.Command, _ []string) error { return vm.RunAgent(cmd.Context()) },
	}
}

func (f *vmFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	f.guest.register(cmd)
	fl.StringVar(&f.cache, "cache", "", "directory for guest images (default: initbench in the user's cache directory)")
	fl.StringArrayVar(&f.push, "push", nil, "copy LOCAL[:GUEST] to the guest first; without GUEST onto its PATH (may be repeated)")
	fl.StringVar(&f.hold, "hold", "", "boot, say ready on stdout, and serve --attach DIR until interrupted")
	fl.StringVar(&f.attach, "attach", "", "use the guest held in DIR instead of booting one")
	fl.BoolVar(&f.carry, "carry", false, "copy CMD and ./testdata into a like-named directory of the guest and run it there (go test -exec)")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no progress lines")
	// What follows CMD is CMD's own.
	fl.SetInterspersed(false)
}

// check refuses combinations that cannot be meant.
func (f *vmFlags) check(cmd *cobra.Command, args []string) error {
	switch {
	case f.hold != "" && f.attach != "":
		return usagef("--hold and --attach: either boot a guest for others or use one")
	case f.hold != "" && len(args) > 0:
		return usagef("--hold serves others' commands and takes none: %q", args[0])
	case f.carry && len(args) == 0:
		return usagef("--carry: there is no CMD to carry")
	}
	if f.attach != "" {
		for _, name := range []string{"suite", "memory", "cpus", "clock", "accel", "cache"} {
			if cmd.Flags().Changed(name) {
				return usagef("--attach uses a guest as it is: --%s belongs to the --hold that booted it", name)
			}
		}
	}
	if _, err := f.pushes(); err != nil {
		return err
	}
	return f.guest.check()
}

// pushed is one file to take along.
type pushed struct {
	local, guest string
	mode         os.FileMode
}

func (f *vmFlags) pushes() ([]pushed, error) {
	var all []pushed
	for _, arg := range f.push {
		local, guest, found := strings.Cut(arg, ":")
		if !found {
			guest = path.Join(vm.GuestBin, filepath.Base(local))
		}
		if !path.IsAbs(guest) {
			return nil, usagef("--push %s: the guest path %q is not absolute", arg, guest)
		}
		st, err := os.Stat(local)
		if err != nil {
			return nil, usagef("--push: %w", err)
		}
		if !st.Mode().IsRegular() {
			return nil, usagef("--push %s: not a regular file", local)
		}
		all = append(all, pushed{local, guest, st.Mode()})
	}
	return all, nil
}

func (f *vmFlags) run(cmd *cobra.Command, args []string) error {
	if f.attach != "" {
		held, err := vm.Attach(cmd.Context(), f.attach)
		if err != nil {
			return err
		}
		return f.use(cmd, held, args)
	}
	if f.hold != "" { // before the boot, which takes its time
		if err := vm.CheckHold(cmd.Context(), f.hold); err != nil {
			return err
		}
	}
	opts, err := f.guest.options()
	if err != nil {
		return err
	}
	opts.CacheDir = f.cache
	if !f.quiet {
		opts.Log = cmd.ErrOrStderr()
	}
	guest, err := vm.Start(cmd.Context(), opts)
	if err != nil {
		return err
	}
	defer guest.Close()
	if f.hold != "" {
		return f.serve(cmd, guest)
	}
	return f.use(cmd, guest, args)
}

func (f *vmFlags) serve(cmd *cobra.Command, guest *vm.Guest) error {
	if err := f.pushAll(cmd.Context(), guest); err != nil {
		return err
	}
	return guest.Hold(cmd.Context(), f.hold, func() {
		// Whoever does not read it waits for the directory's socket instead.
		_, _ = fmt.Fprintf(cmd.OutOrStdout(), "ready in %s: %s\n", f.hold, guest.Facts())
	})
}

func (f *vmFlags) pushAll(ctx context.Context, m vm.Machine) error {
	files, err := f.pushes()
	if err != nil {
		return err
	}
	for _, p := range files {
		if err := m.Push(ctx, p.local, p.guest, p.mode); err != nil {
			return err
		}
	}
	return nil
}

// use runs what was asked for and ends with its status.
func (f *vmFlags) use(cmd *cobra.Command, m vm.Machine, args []string) error {
	ctx := cmd.Context()
	if err := f.pushAll(ctx, m); err != nil {
		return err
	}
	c := vm.Cmd{Argv: args, Stdin: cmd.InOrStdin(), Stdout: cmd.OutOrStdout(), Stderr: cmd.ErrOrStderr()}
	if len(args) == 0 {
		c.Argv = shellFor(c.Stdin)
	}
	code, err := f.runner(m)(ctx, c)
	if err != nil {
		return err
	}
	if code != exitPass {
		return &codeError{code: code}
	}
	return nil
}

// runner is how the command is run: carried, at a terminal, or with plain pipes.
func (f *vmFlags) runner(m vm.Machine) func(context.Context, vm.Cmd) (int, error) {
	return func(ctx context.Context, c vm.Cmd) (int, error) {
		if f.carry {
			return vm.Carry(ctx, m, c)
		}
		return vm.RunHere(ctx, m, c)
	}
}

// shellFor is what runs when no command is given.
func shellFor(stdin io.Reader) []string {
	if file, ok := stdin.(*os.File); ok && isTerminal(file) {
		return []string{"bash", "-l"}
	}
	return []string{"sh", "-s"}
}
