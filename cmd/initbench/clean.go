package main

import (
	"github.com/spf13/cobra"

	"github.com/initbench/initbench/internal/runner"
)

func newCleanCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "clean",
		Short: "remove whatever a killed run left behind on this machine",
		Long: `clean removes the cgroups, systemd units, mounts, state directories, bundles and processes
that a killed run left on this machine: those in its journal, and those that the kernel and
systemd still list under initbench's names; of networks the bridges, interfaces and namespaces, and the
leases of addresses and subnets. It waits for no event that would free them, and refuses while a run is under way.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runner.Clean(cmd.Context(), cmd.OutOrStdout())
		},
	}
}
