package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// rank says which end of a test counts when lanes differ: a failure anywhere is
// a failure, and a skip is one only where nobody passed.
var rank = map[string]int{"skip": 1, "pass": 2, "fail": 3}

// report prints the closing line over everything in the file. Only where all
// lanes ran is a test that was skipped in each of them a failure.
func report(file string, out io.Writer, allLanes bool) error {
	ends, err := readEnds(file)
	if err != nil {
		return err
	}
	count := map[string]int{}
	var hidden []string
	for key, action := range ends {
		count[action]++
		if action == "skip" {
			hidden = append(hidden, key[0]+" "+key[1])
		}
	}
	slices.Sort(hidden)
	for _, test := range hidden {
		_, _ = fmt.Fprintln(out, "skipped:", test) // the closing line counts them again
	}
	_, err = fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", count["pass"], count["fail"], count["skip"])
	switch {
	case err != nil:
		return err
	case count["fail"] > 0:
		return fmt.Errorf("%d failed", count["fail"])
	case count["skip"] > 0 && allLanes:
		return fmt.Errorf("%d skipped in every lane: nothing has tested what they test", count["skip"])
	case count["pass"] == 0:
		return errors.New("no test ran")
	}
	return nil
}

func readEnds(file string) (map[[2]string]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	// Only read from: a close that fails loses nothing.
	defer func() { _ = f.Close() }()
	ends := map[[2]string]string{}
	for dec := json.NewDecoder(f); ; {
		var e event
		if err := dec.Decode(&e); err == io.EOF {
			return ends, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if rank[e.Action] > rank[ends[e.key()]] {
			ends[e.key()] = e.Action
		}
	}
}
