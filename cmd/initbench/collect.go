package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/initbench/initbench/internal/runner"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/sequence"
)

// newCollectCommand is what runs inside the guest: a job on stdin, its lines on stdout.
func newCollectCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "collect",
		Short:  "make the trials of a job read from stdin, or of the groups that follow it there, and write their records to stdout",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			input := &io.LimitedReader{R: cmd.InOrStdin(), N: maxJob}
			var job runner.Job
			dec := json.NewDecoder(input)
			dec.DisallowUnknownFields()
			if err := dec.Decode(&job); err != nil {
				return usagef("collect: the job on stdin: %w", err)
			}
			if err := job.Spec.Validate(); err != nil {
				return err
			}
			sink := lineSink{cmd.OutOrStdout()}
			if job.Live {
				return runner.Collect(cmd.Context(), job, readGroups(cmd.Context(), dec, input), sink, cmd.ErrOrStderr())
			}
			return collectPlan(cmd.Context(), job, sink, cmd.ErrOrStderr())
		},
	}
}

// maxJob bounds a job as it is read.
const maxJob = 64 << 20

// collectPlan makes what is left of the job's plan.
func collectPlan(ctx context.Context, job runner.Job, sink runner.Sink, notes io.Writer) error {
	plan, stop := runner.Planned(job)
	defer stop()
	return runner.Collect(ctx, job, plan, sink, notes)
}

// lineSink writes each line with one write: whoever reads sees it as soon as its trial has ended.
type lineSink struct{ out io.Writer }

func (s lineSink) Environment(e results.Environment) error { return s.encode(e) }
func (s lineSink) Record(r results.Record) error           { return s.encode(r) }

// Cycle writes how far a session is, which is a line as well: whoever waits hears that the guest lives.
func (s lineSink) Cycle(c runner.Cycle) { _ = s.encode(cycleLine{cycleKind, c}) } // progress is only advice

// cycleLine is no line of a run: nobody stores it.
type cycleLine struct {
	Kind string `json:"kind"`
	runner.Cycle
}

const cycleKind = "cycle"

// errNoCycle is a line that is to be stored.
var errNoCycle = errors.New("no cycle")

// tellCycle passes on a line that is a cycle's, as lineSink writes it.
func tellCycle(line []byte, to runner.Sink) error {
	if !bytes.HasPrefix(line, []byte(`{"kind":"`+cycleKind+`"`)) {
		return errNoCycle
	}
	var c cycleLine
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return fmt.Errorf("the guest sent a cycle: %w", err)
	}
	if sink, wants := to.(runner.CycleSink); wants {
		sink.Cycle(c.Cycle)
	}
	return nil
}

func (s lineSink) Timeline(trial int, t sequence.Timeline) error {
	line, err := results.EncodeTimeline(trial, t)
	if err != nil {
		return err
	}
	return s.write(line)
}

func (s lineSink) encode(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.write(append(line, '\n'))
}

func (s lineSink) write(line []byte) error {
	if _, err := s.out.Write(line); err != nil {
		return fmt.Errorf("write to stdout: %w", err)
	}
	return nil
}
