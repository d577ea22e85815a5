package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"

	"github.com/initbench/initbench/cgroupjoin"
)

// judgeFile prints the table of trials that were made before, and judges them again.
func judgeFile(file string, out io.Writer) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	samples, runtimes, err := readTrials(f, file)
	if err != nil {
		return err
	}
	b := &bench{samples: samples}
	return errors.Join(b.table(out, cells(runtimes)), b.verdict(cells(runtimes)))
}

// readTrials reads what sample.print has written: a way's trials of a round, then its rate. Runtimes are in the order of their names.
func readTrials(r io.Reader, file string) (map[key][]sample, []runtime, error) {
	samples := map[key][]sample{}
	var runtimes []runtime
	var round sample
	var of key // whose round it is
	lines := benchfmt.NewReader(r, file)
	for lines.Scan() {
		line, ok := lines.Result().(*benchfmt.Result)
		if !ok {
			return nil, nil, fmt.Errorf("%v", lines.Result())
		}
		k, rate, err := parseName(line.Name)
		switch {
		case err != nil:
		case len(line.Values) != 1:
			err = fmt.Errorf("%d values, want one", len(line.Values))
		case len(round.ns) > 0 && k != of:
			err = fmt.Errorf("the round of %s, %s has no rate", of.cell, of.way)
		case rate:
			round.perMinute = line.Values[0].Value
			samples[k] = append(samples[k], round)
			round = sample{}
		default:
			of, round.ns = k, append(round.ns, line.Values[0].Value*1e9) // benchfmt reads ns as seconds
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s:%d: %s: %w", file, lineOf(line), line.Name, err)
		}
		if !slices.Contains(runtimes, k.cell.runtime) {
			runtimes = append(runtimes, k.cell.runtime)
		}
	}
	slices.SortFunc(runtimes, func(a, b runtime) int { return strings.Compare(a.name, b.name) })
	return samples, runtimes, errors.Join(lines.Err(), complete(samples, runtimes, len(round.ns)))
}

func lineOf(r *benchfmt.Result) int { _, line := r.Pos(); return line }

// complete says what is missing for a table: a file that was cut short is not judged.
func complete(samples map[key][]sample, runtimes []runtime, left int) error {
	if len(runtimes) == 0 || left > 0 {
		return errors.New("the trials end within a round")
	}
	for _, c := range cells(runtimes) {
		for _, w := range ways {
			if mine, first := len(samples[key{c, w.name}]), len(samples[key{c, ways[0].name}]); mine == 0 || mine != first {
				return fmt.Errorf("%s: %d rounds of %s and %d of %s", c, mine, w.name, first, ways[0].name)
			}
		}
	}
	return nil
}

// parseName is benchName's other way round. A runtime that is only read of has no path.
func parseName(name benchfmt.Name) (k key, rate bool, err error) {
	base, parts := name.Parts()
	if string(base) != "Harness" || len(parts) != 3 {
		return k, false, errors.New("no benchmark of this harness")
	}
	value := func(i int, of string) string {
		v, found := strings.CutPrefix(string(parts[i]), "/"+of+"=")
		if !found || v == "" {
			err = fmt.Errorf("no %s=", of)
		}
		return v
	}
	k.cell.runtime.name, k.cell.driver, k.way = value(0, "runtime"), cgroupjoin.Driver(value(1, "driver")), value(2, "way")
	k.way, rate = strings.CutSuffix(k.way, "-rate")
	return k, rate, err
}
