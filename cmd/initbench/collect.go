package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/initbench/initbench/internal/runner"
	"github.com/initbench/initbench/results"
)

// newCollectCommand is what runs inside the guest: a job on stdin, its lines on stdout.
func newCollectCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "collect",
		Short:  "make the trials of a job read from stdin and write their records to stdout",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var job runner.Job
			dec := json.NewDecoder(io.LimitReader(cmd.InOrStdin(), 64<<20))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&job); err != nil {
				return usagef("collect: the job on stdin: %w", err)
			}
			if err := job.Spec.Validate(); err != nil {
				return err
			}
			return runner.Collect(cmd.Context(), job, lineSink{json.NewEncoder(cmd.OutOrStdout())}, cmd.ErrOrStderr())
		},
	}
}

// lineSink writes each line with one write: whoever reads sees it as soon as its trial has ended.
type lineSink struct{ enc *json.Encoder }

func (s lineSink) Environment(e results.Environment) error { return s.line(e) }
func (s lineSink) Record(r results.Record) error           { return s.line(r) }

func (s lineSink) line(v any) error {
	if err := s.enc.Encode(v); err != nil {
		return fmt.Errorf("write to stdout: %w", err)
	}
	return nil
}
