package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/initbench/initbench/internal/policy"
	"github.com/initbench/initbench/scenarios"
)

// policyFile is what init writes where no name is given.
const policyFile = "initbench-policy.yaml"

func newPolicyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "write or check a policy: what a gate measures and judges by",
		Long: `A policy is a YAML file with the scenarios and drivers of a gate, the margin and severity of each metric, and
absolute ceilings. initbench gate --policy FILE judges by it, and keeps it with the records.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPolicyInitCommand(), newPolicyCheckCommand(), newPolicySchemaCommand())
	return cmd
}

func newPolicyInitCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [FILE]",
		Short: "write the default policy, with comments, to FILE (" + policyFile + ", - for standard output)",
		Long: `Init writes the default policy: what a gate without one judges by. Each key is explained where it stands.
A file that is there already is not overwritten.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file := policyFile
			if len(args) == 1 {
				file = args[0]
			}
			return initPolicy(cmd.OutOrStdout(), cmd.ErrOrStderr(), file)
		},
	}
}

func initPolicy(stdout, stderr io.Writer, file string) error {
	text := []byte(policy.DefaultText())
	if file == "-" {
		_, err := stdout.Write(text)
		return err
	}
	if _, err := os.Lstat(file); err == nil {
		return usagef("policy init: %s is there already: give another name, or remove it", file)
	}
	if dir := filepath.Dir(file); !isDirectory(dir) {
		return usagef("policy init: %s is no directory: make it, or give another name", dir)
	}
	if err := renameio.WriteFile(file, text, 0o644); err != nil {
		return fmt.Errorf("policy init: %w", err)
	}
	_, _ = fmt.Fprintf(stderr, "%s: judge by it with initbench gate --policy %s\n", file, file) // a note is only advice
	return nil
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func newPolicyCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "say what a policy judges by, or what is wrong with it (exit 2)",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := policy.Load(args[0])
			if err != nil {
				return err
			}
			all, err := policyScenarios(p)
			if err != nil {
				return err
			}
			return printPolicy(cmd.OutOrStdout(), p, all)
		},
	}
}

// policyScenarios loads what a policy measures, narrowed to its drivers, and refuses ceilings that nothing of it could hold.
func policyScenarios(p policy.Policy) (all []scenarios.Scenario, err error) {
	for _, name := range p.Scenarios {
		sc, err := p.Scenario(name)
		if err != nil {
			return nil, err
		}
		if sc, err = p.Apply(sc); err != nil {
			return nil, err
		}
		all = append(all, sc)
	}
	return all, p.Check(all)
}

func printPolicy(w io.Writer, p policy.Policy, all []scenarios.Scenario) error {
	if _, err := fmt.Fprintf(w, "%s is a policy\n", p.File); err != nil {
		return err
	}
	for _, sc := range all {
		if _, err := fmt.Fprintf(w, "scenario %s under %s: judges %s\n", sc.Name, strings.Join(wordsOf(sc.Drivers), ", "), strings.Join(sc.Judge, ", ")); err != nil {
			return err
		}
	}
	for _, c := range p.Ceilings {
		if _, err := fmt.Fprintf(w, "ceiling %s: %s\n", c.Text, c.Severity); err != nil {
			return err
		}
	}
	for _, note := range p.Notes(all) {
		if _, err := fmt.Fprintf(w, "note: %s\n", note); err != nil {
			return err
		}
	}
	return nil
}

func newPolicySchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "print the JSON Schema of a policy, for editors",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(policy.Schema())
			return err
		},
	}
}
