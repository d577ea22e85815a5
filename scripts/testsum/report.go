package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// rank says which end of a test counts when lanes differ: a failure anywhere is
// a failure, and a skip is one only where nobody passed.
var rank = map[string]int{"skip": 1, "pass": 2, "fail": 3}

// errShown says that the closing line has told already.
var errShown = errors.New("")

// report prints the closing line over everything in the file, after the names of
// the tests that spoil it. Only where all lanes ran is a test that was skipped in
// each of them one of those.
func report(file string, out io.Writer, allLanes bool) error {
	ends, err := readEnds(file)
	if err != nil {
		return err
	}
	count := map[string]int{}
	var lines []string
	for key, action := range ends {
		count[action]++
		if action == "fail" || action == "skip" && allLanes {
			lines = append(lines, action+": "+strings.TrimSpace(key[0]+" "+key[1])+"\n")
		}
	}
	slices.Sort(lines)
	closing := fmt.Sprintf("%d passed, %d failed, %d skipped", count["pass"], count["fail"], count["skip"])
	if count["skip"] > 0 && allLanes {
		closing += " in every lane, so that nothing tests what they test"
	}
	if _, err := fmt.Fprintln(out, strings.Join(lines, "")+closing); err != nil {
		return err
	}
	switch {
	case count["fail"] > 0, count["skip"] > 0 && allLanes:
		return errShown
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
