package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/initbench/initbench/internal/census"
)

// censusFlags say what is counted.
type censusFlags struct {
	watch     []string
	stateDirs []string
	cgroup    string
	format    string
	names     bool
	since     string
}

// censusSheet is what `initbench census --format json` prints, and what --since reads.
type censusSheet struct {
	Schema  int             `json:"schema"`
	Machine census.Census   `json:"machine"`
	Watched []watchedCensus `json:"watched,omitempty"`
	// Changes are against the census of --since.
	Changes []census.Difference `json:"changes,omitempty"`
}

// watchedCensus are the descriptors of one process.
type watchedCensus struct {
	Watch   string              `json:"watch"`
	PID     int                 `json:"pid"`
	Comm    string              `json:"comm"`
	Census  census.Census       `json:"descriptors"`
	Changes []census.Difference `json:"changes,omitempty"`
}

// defaultStateDirs are where runc, crun and containerd's shim keep one directory a container.
var defaultStateDirs = []string{"/run/runc", "/run/crun", "/run/containerd/runc/k8s.io", "/run/containerd/io.containerd.runtime.v2.task/k8s.io"}

func newCensusCommand() *cobra.Command {
	var f censusFlags
	cmd := &cobra.Command{
		Use:   "census",
		Short: "count this machine's kernel objects by kind, and the descriptors of processes",
		Long: `census counts what starts of containers may leave behind: cgroups, units, mounts, namespaces, sockets,
BPF objects, shared memory, keys, processes and state directories; and of each process named by --watch
its descriptors by kind. What cannot be read is told with the reason, and is no zero.

With --format json --names it can be kept, and --since FILE shows what has changed since.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&f.watch, "watch", nil, "count the descriptors of this process too: PID, UNIT.service, NAME, or all:NAME (may be repeated)")
	fl.StringArrayVar(&f.stateDirs, "state-dir", defaultStateDirs, "count the entries of this directory instead of the runtimes' own (may be repeated)")
	fl.StringVar(&f.cgroup, "cgroup", "", "count the cgroups below this directory (default /sys/fs/cgroup)")
	fl.BoolVar(&f.names, "names", false, "list the objects' names too")
	fl.StringVar(&f.since, "since", "", "show what has changed since this census, which --format json --names printed")
	fl.StringVar(&f.format, "format", "table", "table or json")
	complete(cmd, "format", "table", "json")
	completeBy(cmd, "watch", cobra.NoFileCompletions)
	completeDirectory(cmd, "state-dir")
	completeDirectory(cmd, "cgroup")
	completeBy(cmd, "since", cobra.FixedCompletions([]string{"json"}, cobra.ShellCompDirectiveFilterFileExt))
	return cmd
}

func (f *censusFlags) run(cmd *cobra.Command) error {
	if err := checkWord("--format", f.format, "table", "json"); err != nil {
		return err
	}
	watches, err := parseWatches(f.watch)
	if err != nil {
		return err
	}
	if err := f.checkDirectories(cmd.Flags().Changed("state-dir")); err != nil {
		return err
	}
	var before censusSheet
	if f.since != "" {
		if before, err = readCensus(f.since); err != nil {
			return err
		}
	}
	sheet, err := f.take(cmd.Context(), watches)
	if err != nil {
		return err
	}
	if f.since != "" {
		sheet.compare(before)
	}
	return f.print(cmd.OutOrStdout(), sheet)
}

// checkDirectories refuses what somebody named and is not there: counted as nothing it would be a slip that looks like an answer.
func (f *censusFlags) checkDirectories(stateDirs bool) error {
	if f.cgroup != "" {
		if err := mustBeDirectory("--cgroup", f.cgroup); err != nil {
			return err
		}
	}
	if !stateDirs {
		return nil // a runtime that never ran has none
	}
	for _, dir := range f.stateDirs {
		if err := mustBeDirectory("--state-dir", dir); err != nil {
			return err
		}
	}
	return nil
}

func mustBeDirectory(flag, path string) error {
	if !isDirectory(path) {
		return usagef("%s %s: no such directory", flag, path)
	}
	return nil
}

func parseWatches(texts []string) ([]census.Watch, error) {
	var all []census.Watch
	for _, text := range texts {
		w, err := census.ParseWatch(text)
		if err != nil {
			return nil, usagef("--watch: %w", err)
		}
		all = append(all, w)
	}
	return all, nil
}

// readCensus reads what an earlier census printed.
func readCensus(path string) (censusSheet, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return censusSheet{}, usagef("--since: %w", err)
	}
	var sheet censusSheet
	if err := json.Unmarshal(b, &sheet); err != nil {
		return censusSheet{}, usagef("--since %s: no census: %w", path, err)
	}
	if sheet.Schema != 1 || sheet.Machine.Counts == nil {
		return censusSheet{}, usagef("--since %s: no census: initbench census --format json --names prints one", path)
	}
	return sheet, nil
}

func (f *censusFlags) take(ctx context.Context, watches []census.Watch) (censusSheet, error) {
	sheet := censusSheet{Schema: 1}
	taker, err := census.New(ctx, census.Options{Cgroup: f.cgroup, StateDirs: f.stateDirs})
	if err != nil {
		return sheet, err
	}
	defer taker.Close()
	take := taker.Take
	if f.names || f.since != "" {
		take = taker.TakeNamed
	}
	if sheet.Machine, err = take(ctx); err != nil {
		return sheet, err
	}
	for _, w := range watches {
		of, err := f.watched(ctx, w)
		if err != nil {
			return sheet, err
		}
		sheet.Watched = append(sheet.Watched, of...)
	}
	return sheet, nil
}

func (f *censusFlags) watched(ctx context.Context, w census.Watch) ([]watchedCensus, error) {
	found, err := census.Find(ctx, w)
	var ambiguous *census.AmbiguousError
	if errors.As(err, &ambiguous) {
		return nil, usagef("--watch: %w", err)
	}
	var all []watchedCensus
	for _, p := range found {
		d, terr := p.Take()
		p.Close()
		if err = errors.Join(err, terr); err != nil {
			continue // the others are to be let go of, too
		}
		c := d.Census()
		if !f.names && f.since == "" {
			c.Names = nil
		}
		all = append(all, watchedCensus{Watch: w.String(), PID: p.PID, Comm: p.Comm, Census: c})
	}
	return all, err
}

// compare finds changes; a process is the same by its number and name.
func (s *censusSheet) compare(before censusSheet) {
	s.Changes = census.Compare(before.Machine, s.Machine)
	for i, now := range s.Watched {
		for _, old := range before.Watched {
			if old.PID == now.PID && old.Comm == now.Comm {
				s.Watched[i].Changes = census.Compare(old.Census, now.Census)
			}
		}
	}
}

func (f *censusFlags) print(out io.Writer, s censusSheet) error {
	if f.format == "json" {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(s)
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	if f.since != "" {
		changeRows(t, s)
	} else {
		countRows(t, s)
	}
	_, err := fmt.Fprintln(out, t.Render())
	return err
}

func countRows(t table.Writer, s censusSheet) {
	t.AppendHeader(table.Row{"of", "kind", "count", "names, or why there is no count"})
	kindRows(t, "machine", s.Machine, true)
	for _, w := range s.Watched {
		t.AppendSeparator()
		kindRows(t, fmt.Sprintf("%d (%s)", w.PID, w.Comm), w.Census, false)
	}
}

// kindRows leaves out, of a process, the kinds that it has none of.
func kindRows(t table.Writer, of string, c census.Census, zeros bool) {
	for _, k := range c.Kinds() {
		n, read := c.Counts[k]
		switch {
		case !read:
			t.AppendRow(table.Row{of, k, "unread", oneLine(c.Unread[k])})
		case n != 0 || zeros:
			t.AppendRow(table.Row{of, k, n, strings.Join(c.Names[k], "\n")})
		}
	}
}

func changeRows(t table.Writer, s censusSheet) {
	t.AppendHeader(table.Row{"of", "kind", "before", "now", "new, gone, or why there is no count"})
	differenceRows(t, "machine", s.Changes)
	for _, w := range s.Watched {
		differenceRows(t, fmt.Sprintf("%d (%s)", w.PID, w.Comm), w.Changes)
	}
}

func differenceRows(t table.Writer, of string, all []census.Difference) {
	for _, d := range all {
		if d.Unread != "" {
			t.AppendRow(table.Row{of, d.Kind, "unread", "unread", oneLine(d.Unread)})
			continue
		}
		var lines []string
		for _, name := range d.New {
			lines = append(lines, "+ "+name)
		}
		for _, name := range d.Gone {
			lines = append(lines, "- "+name)
		}
		t.AppendRow(table.Row{of, d.Kind, d.Before, d.After, strings.Join(lines, "\n")})
	}
}
