package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/journal"
	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/internal/runner"
	"github.com/initbench/initbench/internal/vm"
)

// finding is one thing that a measurement needs, or would be better with.
type finding struct {
	Name string `json:"name"`
	// OK is yes, no, or unknown: a probe that could not tell says so.
	OK     string `json:"ok"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"`
}

func newDoctorCommand() *cobra.Command {
	var format string
	var deep bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "say what this machine can and cannot measure, and the one thing to do about each",
		Long: `doctor looks at what trials need here and what the guest needs. It exits 0 when trials can be
made in at least one of the two, else 4. With --boot it also boots the guest, which alone proves it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkWord("--format", format, "table", "json"); err != nil {
				return err
			}
			return doctor(cmd, format, deep)
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "table or json")
	cmd.Flags().BoolVar(&deep, "boot", false, "boot the guest to prove that it works")
	complete(cmd, "format", "table", "json")
	return cmd
}

func doctor(cmd *cobra.Command, format string, deep bool) error {
	ctx := cmd.Context()
	host := hostFindings(ctx)
	guest := guestFindings(ctx, deep, cmd.ErrOrStderr())
	all := slices.Concat(host, laneFindings(host), guest, extraFindings(ctx))
	if err := printFindings(cmd.OutOrStdout(), format, all); err != nil {
		return err
	}
	if !canAny(host) && !can(guest) {
		return &codeError{code: exitEnvironment, message: "nothing can be measured here yet: mend one of the two lanes above"}
	}
	return nil
}

// hostFindings has one line a driver: what either lacks, the other may have.
func hostFindings(ctx context.Context) []finding {
	var all []finding
	for _, d := range cgroupjoin.Drivers() {
		err := runner.CanMeasure(ctx, []cgroupjoin.Driver{d})
		all = append(all, found("host, "+string(d)+" driver", err, "trials can be made here", hostRemedy()))
	}
	return all
}

// hostRemedy is the first thing that stands in the way here; the guest needs none of it.
func hostRemedy() string {
	switch {
	case runtime.GOOS != "linux":
		return "measure on Linux"
	case os.Geteuid() != 0:
		return "run as root, or use the guest (--in vm)"
	}
	return "boot with cgroup v2 alone and systemd as PID 1, or use the guest (--in vm)"
}

// laneFindings are what observed trials and those with an order imposed need of the host.
// The observer is loaded to know, which is done only where a trial could use it.
func laneFindings(host []finding) []finding {
	const observer, notify = "host, BPF observer", "host, seccomp user notification"
	if !canAny(host) {
		const why = "not tried: no trial can be made here"
		return []finding{{Name: observer, OK: "unknown", Detail: why}, {Name: notify, OK: "unknown", Detail: why}}
	}
	return []finding{
		found(observer, runner.CanObserve(), "trials can be observed", "allow BPF: a kernel with BTF (CONFIG_DEBUG_INFO_BTF), CAP_BPF and CAP_PERFMON; or use the guest (--in vm)"),
		found(notify, runner.CanImpose(), "orders can be imposed", "use Linux 5.5 or newer with CONFIG_SECCOMP_FILTER, or the guest (--in vm)"),
	}
}

func guestFindings(ctx context.Context, deep bool, stderr io.Writer) []finding {
	var all []finding
	qemu, err := vm.CheckSuite(vm.Bookworm)
	all = append(all, found("guest, QEMU", err, qemu, ""))
	for _, need := range []struct{ command, pkg string }{{"mmdebstrap", "mmdebstrap"}, {"mke2fs", "e2fsprogs"}} {
		path, err := exec.LookPath(need.command)
		all = append(all, found("guest, "+need.command, err, path, "apt-get install "+need.pkg))
	}
	if !deep {
		return append(all, finding{Name: "guest, boot", OK: "unknown", Detail: "not tried", Remedy: "initbench doctor --boot tries"})
	}
	return append(all, bootFinding(ctx, stderr))
}

func bootFinding(ctx context.Context, stderr io.Writer) finding {
	g, err := vm.Start(ctx, vm.Options{Log: stderr})
	if err != nil {
		return found("guest, boot", err, "", "")
	}
	facts := g.Facts()
	g.Close()
	return found("guest, boot", nil, facts.String(), "")
}

// extraFindings do not stop a measurement.
func extraFindings(ctx context.Context) []finding {
	_, goErr := exec.LookPath("go")
	qemu, trixieErr := vm.CheckSuite(vm.Trixie)
	builtin, builtinErr := ociruntime.Resolve(ctx, ociruntime.Ref{Kind: ociruntime.BuiltinRef, Name: "builtin"}, ociruntime.Options{})
	all := []finding{
		found("guest with --suite trixie", trixieErr, qemu, "scripts/guest-qemu10.sh"),
		found("builtin", builtinErr, builtin.Path, "make build"),
		found("runc@vX.Y.Z", goErr, "the go command can install it", "install Go 1.21 or newer, or give runtimes by path"),
		found("OOM victims on the host", readable("/dev/kmsg"), "/dev/kmsg can be read", "run as root"),
	}
	return append(all, remainsFinding(ctx))
}

func readable(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

func remainsFinding(ctx context.Context) finding {
	lock, err := journal.Lock(journal.Base())
	var busy *journal.BusyError
	switch {
	case errors.As(err, &busy):
		return found("no remains of earlier runs", err, "", "wait for the run to end")
	case err != nil:
		return found("no remains of earlier runs", err, "", "run as root, or set INITBENCH_STATE_DIR to a directory of yours")
	}
	remains, err := runner.Remains(ctx)
	if uerr := lock.Unlock(); err == nil {
		err = uerr
	}
	if err == nil && len(remains) > 0 {
		err = fmt.Errorf("%d left, such as %s", len(remains), remains[0])
	}
	return found("no remains of earlier runs", err, "none", "initbench clean")
}

func found(name string, err error, detail, remedy string) finding {
	if err != nil {
		detail, remedy = parted(err, remedy)
		return finding{Name: name, OK: "no", Detail: detail, Remedy: remedy}
	}
	return finding{Name: name, OK: "yes", Detail: detail}
}

// parted are an error and its remedy, which has a column of its own: the one that the error itself ends with, for it knows what failed, or else what
// is to be done about most of its kind. Two for one fault would be one too many.
func parted(err error, otherwise string) (detail, remedy string) {
	detail = oneLine(err.Error())
	var root *cgroupjoin.RootError
	var guest *vm.EnvError
	var binary *ociruntime.EnvError
	switch {
	case errors.As(err, &root):
		remedy = root.Remedy
	case errors.As(err, &guest):
		remedy = guest.Remedy
	case errors.As(err, &binary):
		remedy = binary.Remedy
	}
	for _, tail := range []string{" (" + remedy + ")", ": " + remedy} {
		if rest, said := strings.CutSuffix(detail, tail); said && remedy != "" {
			return rest, remedy
		}
	}
	return detail, otherwise
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// can tells whether nothing is known to stand against a lane.
func can(lane []finding) bool {
	return !slices.ContainsFunc(lane, func(f finding) bool { return f.OK == "no" })
}

// canAny tells whether either driver can be measured on the host.
func canAny(drivers []finding) bool {
	return slices.ContainsFunc(drivers, func(f finding) bool { return f.OK == "yes" })
}

func printFindings(out io.Writer, format string, all []finding) error {
	if format == "json" {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(map[string]any{"schema": 1, "findings": all})
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 3, WidthMax: 64, WidthMaxEnforcer: text.WrapSoft}, {Number: 4, WidthMax: 40, WidthMaxEnforcer: text.WrapSoft}})
	t.AppendHeader(table.Row{"", "what", "found", "remedy"})
	for _, f := range all {
		t.AppendRow(table.Row{f.OK, f.Name, f.Detail, f.Remedy})
	}
	_, err := fmt.Fprintln(out, t.Render())
	return err
}
