package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

func newMergeCommand() *cobra.Command {
	var out string
	var quiet bool
	cmd := &cobra.Command{
		Use:   "merge DIR DIR... -o DIR",
		Short: "join runs of one plan into one that can be judged, on any machine, without root",
		Long: `merge joins runs of one plan, made in several sessions or on several machines, into one that compare and
report take. The plan must be the same: scenarios, arms, policy, and the arms' binaries by their SHA-256; the
environments must not differ in what makes figures not comparable, such as kernel or CPU. Trials,
blocks and batches are renumbered, so that arms are only compared within the block they were measured in.

Runs that looked at their own records to decide when to stop are judged as if they had not, and the verdict
warns of it. A merged run cannot be resumed. One that is killed while it is merged leaves a hidden directory .NAME-* beside
the one that was to be made; it may be removed.`,
		Example: `  initbench merge monday tuesday -o week
  initbench compare week`,
		Args:              cobra.MinimumNArgs(2),
		ValidArgsFunction: completeRuns(math.MaxInt),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usagef("merge: give -o DIR, the new run's directory")
			}
			return merge(cmd, args, out, quiet)
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&out, "out", "o", "", "directory of the merged run, which must not exist")
	completeDirectory(cmd, "out")
	fl.BoolVarP(&quiet, "quiet", "q", false, "no progress and no notes, only errors")
	return cmd
}

func merge(cmd *cobra.Command, dirs []string, out string, quiet bool) error {
	fresh, err := newHeader(scenarios.Spec{}, false)
	if err != nil {
		return err
	}
	stderr := cmd.ErrOrStderr()
	if quiet {
		stderr = io.Discard
	}
	roomy()
	bar := newMergeBar(stderr, dirs)
	h, err := results.Merge(cmd.Context(), dirs, out, results.MergeOptions{
		ID: fresh.ID, Created: fresh.Created, Initbench: fresh.Initbench, Read: bar.read,
		Differ: func(a, b results.Environment) string { return strings.Join(verdict.Incomparable(a, b), "; ") },
	})
	bar.stop()
	if err != nil {
		return interruptedMerge(cmd.Context(), err)
	}
	trials := 0
	for _, p := range h.MergedFrom {
		trials += p.Trials
	}
	sayLeftOut(stderr, h.MergedFrom)
	_, _ = fmt.Fprintf(stderr, "records: %s (%d trials of %d runs)\n", out, trials, len(h.MergedFrom)) // notes are only advice
	return nil
}

// sayLeftOut says what of the runs did not go into the merged one.
func sayLeftOut(notes io.Writer, parts []results.Part) {
	for _, p := range parts {
		if p.HalfLines+p.LeftTimelines > 0 {
			_, _ = fmt.Fprintf(notes, "note: run %s: %d half lines and %d timelines of trials that are not recorded are left out\n", p.ID, p.HalfLines, p.LeftTimelines) // notes are only advice
		}
	}
}

func interruptedMerge(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &codeError{code: exitInterrupted, message: "interrupted: nothing was merged"}
	}
	return err
}

// mergeBar shows on a terminal how much of the input was dealt with.
type mergeBar struct {
	bars *mpb.Progress
	bar  *mpb.Bar
}

func newMergeBar(stderr io.Writer, dirs []string) *mergeBar {
	if !isTerminal(stderr) {
		return &mergeBar{}
	}
	var total int64
	for _, dir := range dirs {
		total += sizeOf(dir)
	}
	b := &mergeBar{bars: mpb.New(mpb.WithOutput(stderr), mpb.WithWidth(40))}
	b.bar = b.bars.AddBar(total, mpb.PrependDecorators(decor.Counters(decor.SizeB1024(0), "merged % .1f of % .1f ")))
	return b
}

// sizeOf is that of a run's lines. What cannot be seen is no bar's to say.
func sizeOf(dir string) (bytes int64) {
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		if info, err := f.Info(); err == nil && filepath.Ext(f.Name()) == ".jsonl" {
			bytes += info.Size()
		}
	}
	return bytes
}

func (b *mergeBar) read(bytes int64) {
	if b.bar != nil {
		b.bar.IncrInt64(bytes)
	}
}

// stop ends the bar, finished or not.
func (b *mergeBar) stop() {
	if b.bars == nil {
		return
	}
	b.bar.Abort(false)
	b.bars.Wait()
}
