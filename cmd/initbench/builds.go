package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/scenarios"
)

// buildFlags choose what a scenario's cells of the built-in runtime are made of.
type buildFlags struct {
	clones, strategies, sizes []string
}

func (b *buildFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&b.clones, "clone", nil, "builtin: only this maker of the copy, parent, init, once or none (may be repeated)")
	fl.StringArrayVar(&b.strategies, "strategy", nil, "builtin: only this way to copy, such as memfd or overlayfs (may be repeated)")
	fl.StringArrayVar(&b.sizes, "size", nil, "builtin: the binary padded up to this size, such as 16MiB (may be repeated)")
	complete(cmd, "clone", wordsOf(memfdclone.Wheres())...)
	complete(cmd, "strategy", wordsOf(memfdclone.Strategies())...)
	completeBy(cmd, "size", completeSizes)
}

// completeSizes offers those that the catalogue measures; any other will do.
func completeSizes(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	all, err := scenarios.Catalogue()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var sizes []int64
	for _, s := range all {
		sizes = append(sizes, s.Sizes...)
	}
	slices.Sort(sizes)
	var words []string
	for _, n := range slices.Compact(sizes) {
		words = append(words, scenarios.FormatSize(n))
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

func (b *buildFlags) override(s scenarios.Scenario) (scenarios.Scenario, error) {
	var err error
	if s.Clones, err = chosen("--clone", b.clones, s.Clones, memfdclone.ParseWhere); err != nil {
		return s, err
	}
	if s.Strategies, err = chosen("--strategy", b.strategies, s.Strategies, memfdclone.ParseStrategy); err != nil {
		return s, err
	}
	if s.Sizes, err = chosen("--size", b.sizes, s.Sizes, scenarios.ParseSize); err != nil {
		return s, err
	}
	slices.Sort(s.Sizes)
	return s, nil
}

// check refuses a choice that no arm of the run has.
func (b *buildFlags) check(spec scenarios.Spec) error {
	if slices.ContainsFunc(spec.Runtimes, func(r scenarios.Runtime) bool { return scenarios.IsBuiltin(r.Ref) }) {
		return nil
	}
	for _, f := range []struct {
		flag  string
		given []string
	}{{"--clone", b.clones}, {"--strategy", b.strategies}, {"--size", b.sizes}} {
		if len(f.given) > 0 {
			return usagef("%s %s: only the built-in runtime has a choice, and it is no arm of this run: add --runtime builtin", f.flag, f.given[0])
		}
	}
	return nil
}
