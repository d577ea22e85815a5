package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// version is set by the Makefile; a plain go build has the module's.
var version = ""

// buildVersion names this build in records and in --version.
func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unknown"
	}
	return info.Main.Version
}

// run is the whole program: arguments in, exit code out.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	// After the first signal the default action is back: a second one ends us at
	// once, and `initbench clean` removes what is left.
	context.AfterFunc(ctx, stop)
	root := newRootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return exitCode(ctx, root.ExecuteContext(ctx), stderr)
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "initbench",
		Short: "measure what a container start costs, and who pays: a gate before a runtime upgrade",
		Long: `initbench starts containers under cgroup v2 with the cgroupfs or systemd driver and records
OOM kills, charged memory and start latency.

Exit codes: 0 pass, 1 regressed, 2 usage or input error, 3 inconclusive,
4 the environment or the harness failed, 130 interrupted (the run can be resumed).
Machine output goes to stdout, everything else to stderr.`,
		Version:       buildVersion(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%s: %w (see %s --help)", cmd.CommandPath(), plainly(err), cmd.CommandPath())
	})
	root.AddCommand(newGateCommand(), newRunCommand(), newLimitCommand(), newCalibrateCommand(), newTraceCommand(), newLifecycleCommand(), newCompareCommand(), newReportCommand(), newMergeCommand(), newPolicyCommand(), newPoolCommand(), newScenariosCommand(),
		newDoctorCommand(), newCensusCommand(), newCleanCommand(), newVMCommand(), newVMAgentCommand(), newCollectCommand())
	root.InitDefaultCompletionCmd() // of which the library has its own, but for an unknown shell
	refuseUnknownShells(root)
	usageArgs(root)
	completeNoFiles(root)
	return root
}

// plainly says of a flag's value what it should be, where the library repeats what
// Go's own parser thought of it.
func plainly(err error) error {
	var value *pflag.InvalidValueError
	if !errors.As(err, &value) {
		return err
	}
	wanted := map[string]string{"int": "a whole number", "uint64": "a whole number from 0 to 2^64-1", "duration": "a duration such as 30s", "bool": "true or false"}
	if want, known := wanted[value.GetFlag().Value.Type()]; known {
		return fmt.Errorf("--%s %q is not %s", value.GetFlag().Name, value.GetValue(), want)
	}
	return err
}

// usageArgs makes a wrong number of arguments a usage error everywhere.
func usageArgs(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usagef("%s: %w (see %s --help)", c.CommandPath(), err, c.CommandPath())
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		usageArgs(sub)
	}
}
