package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/initbench/initbench/internal/pool"
)

func newPoolCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pool",
		Short: "check address pools before anything is made of them",
		Long: `A pool is a base and the size of the subnets that are cut from it, written as Docker writes it: {"base": "fd0d:0ce5::/48", "size": 64}.
docs/pools.md says which are refused, and how subnets are taken from them.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPoolCheckCommand())
	return cmd
}

func newPoolCheckCommand() *cobra.Command {
	var anySize bool
	cmd := &cobra.Command{
		Use:   "check FILE|POOL|-",
		Short: "say how many subnets pools have, or what is wrong with them (exit 2)",
		Long: `Check reads pools from a JSON or YAML FILE (- for standard input), or the argument itself where it begins with { or [.
Docker's own daemon.json will do. It prints number, first and last subnet of each pool, and refuses in one line what is no pool, or is one that nobody should have:
more than 2^24 subnets, IPv6 subnets of a size below 64, subnets without an address for a container, and pools that overlap.`,
		Example: `  initbench pool check '{"base":"fd0d:0ce5::/48","size":64}'
  initbench pool check /etc/docker/daemon.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return checkPools(cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr(), args[0], anySize)
		},
	}
	cmd.Flags().BoolVar(&anySize, "any-size", false, "print pools that are against the advice too, with a warning: initbench computes subnets and lists none")
	return cmd
}

func checkPools(stdin io.Reader, stdout, stderr io.Writer, arg string, anySize bool) error {
	name, data, err := readPools(stdin, arg)
	if err != nil {
		return err
	}
	pools, err := pool.ParseChecked(name, data)
	if against := err; anySize && err != nil {
		if pools, err = pool.Parse(name, data); err == nil {
			_, _ = fmt.Fprintf(stderr, "initbench: warning: %v\n", against) // a warning is only advice
		}
	}
	if err != nil {
		return err
	}
	for _, p := range pools {
		if err := printPool(stdout, p); err != nil {
			return err
		}
	}
	return nil
}

// readPools takes what begins with a bracket for the pool itself: no file worth a name does.
func readPools(stdin io.Reader, arg string) (name string, data []byte, err error) {
	switch {
	case strings.HasPrefix(arg, "{"), strings.HasPrefix(arg, "["):
		return "argument", []byte(arg), nil
	case arg == "-":
		data, err = pool.ReadAll("standard input", stdin)
		return "standard input", data, err
	}
	data, err = pool.ReadFile(arg)
	return arg, data, err
}

func printPool(w io.Writer, p pool.Pool) error {
	host := p.Base().Addr().BitLen() - p.Size()
	_, err := fmt.Fprintf(w, "%s: %s subnets of 2^%d addresses, %s to %s\n", p, p.Subnets(), host, p.At(0), p.At(p.Last()))
	return err
}
