package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// refuseUnknownShells has completion end with an error where it is asked for a shell that it has no script for: a command of
// others alone prints its help and succeeds, so that a script would go on with an empty file.
func refuseUnknownShells(root *cobra.Command) {
	completion, _, err := root.Find([]string{"completion"})
	if err != nil {
		return // the library names it so
	}
	var shells []string
	for _, shell := range completion.Commands() {
		shells = append(shells, shell.Name())
	}
	known := strings.Join(shells, ", ")
	completion.Args = cobra.ArbitraryArgs
	completion.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return usagef("completion: no script for the shell %q: write one of %s", args[0], known)
	}
}

// withoutWords are the types of flags whose values nobody can offer; a shell left to itself offers files for them.
var withoutWords = []string{"int", "uint64", "float64", "duration"}

// completeNoFiles has every flag that takes a number, a duration or a size offer nothing, unless it has words of its own.
func completeNoFiles(cmd *cobra.Command) {
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		_, has := cmd.GetFlagCompletionFunc(f.Name)
		sizes := slices.Contains([]string{"memory", "from", "to", "step"}, f.Name)
		if !has && (sizes || slices.Contains(withoutWords, f.Value.Type())) {
			completeBy(cmd, f.Name, cobra.NoFileCompletions)
		}
	})
	for _, sub := range cmd.Commands() {
		completeNoFiles(sub)
	}
}

// completeRun offers runs for a flag, whatever arguments there are besides.
func completeRun(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	return completeRuns(1)(cmd, nil, begun)
}

// completeDirectory and completeYAML leave it to the shell to find them.
func completeDirectory(cmd *cobra.Command, flag string) {
	completeBy(cmd, flag, cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs))
}

func completeYAML(cmd *cobra.Command, flag string) {
	completeBy(cmd, flag, cobra.FixedCompletions([]string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt))
}
