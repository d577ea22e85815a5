package census

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// flat reads one value of a file of lines "key value", as cgroup.stat and vmstat are.
func flat(content []byte, key string) (int64, error) {
	for line := range bytes.Lines(content) {
		k, v, found := strings.Cut(strings.TrimRight(string(line), "\n"), " ")
		if found && k == key {
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil || n < 0 {
				return 0, fmt.Errorf("%s is %q, which is no count", key, v)
			}
			return n, nil
		}
	}
	return 0, fmt.Errorf("no line has %s", key)
}

// process is what a line of /proc/PID/stat says.
type process struct {
	pid     int
	comm    string
	state   byte
	threads int64
	kernel  bool
}

// Positions in /proc/PID/stat behind the name, and the flag of a kernel thread (PF_KTHREAD), see proc(5).
const (
	statState, statFlags, statThreads = 0, 6, 17
	kernelThread                      = 0x00200000
)

// parseStat takes apart "PID (COMM) STATE PPID ..."; COMM may hold anything, ')' and blanks too.
func parseStat(content []byte) (process, error) {
	open, end := bytes.IndexByte(content, '('), bytes.LastIndexByte(content, ')')
	if open < 1 || end < open {
		return process{}, errors.New("no name in parentheses")
	}
	fields := strings.Fields(string(content[end+1:]))
	if len(fields) <= statThreads {
		return process{}, fmt.Errorf("%d fields behind the name, want more than %d", len(fields), statThreads)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content[:open])))
	if err != nil {
		return process{}, fmt.Errorf("process: %w", err)
	}
	flags, err := strconv.ParseUint(fields[statFlags], 10, 64)
	if err != nil {
		return process{}, fmt.Errorf("flags: %w", err)
	}
	threads, err := strconv.ParseInt(fields[statThreads], 10, 64)
	if err != nil {
		return process{}, fmt.Errorf("threads: %w", err)
	}
	return process{pid: pid, comm: string(content[open+1 : end]), state: fields[statState][0], threads: threads, kernel: flags&kernelThread != 0}, nil
}

// keyUsers adds up the keys of all users: lines of "UID: USAGE NKEYS/NIKEYS QNKEYS/MAXKEYS QNBYTES/MAXBYTES", see proc(5).
func keyUsers(content []byte) (int64, error) {
	sum := int64(0)
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			return 0, fmt.Errorf("%q has no number of keys", strings.TrimSpace(line))
		}
		made, _, _ := strings.Cut(fields[2], "/")
		n, err := strconv.ParseUint(made, 10, 31)
		if err != nil {
			return 0, fmt.Errorf("number of keys: %w", err)
		}
		sum += int64(n)
	}
	return sum, nil
}

// keyType is the column of a key's type in /proc/keys.
const keyType = 7

// keyrings lists the rings of /proc/keys by serial and description: lines of
// "SERIAL FLAGS USAGE TIMEOUT PERM UID GID TYPE DESCRIPTION: SUMMARY". The kernel shortens a description to its own liking.
func keyrings(content []byte) ([]string, error) {
	var names []string
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if len(fields) <= keyType {
			return nil, fmt.Errorf("%q has no type", strings.TrimSpace(line))
		}
		if fields[keyType] == "keyring" {
			names = append(names, strings.Join(append(fields[:1:1], fields[keyType+1:]...), " "))
		}
	}
	return names, nil
}

// information reads one value of /proc/PID/fdinfo/FD: lines of "key:<tab>value".
func information(content []byte, key string) string {
	for line := range strings.Lines(string(content)) {
		if k, v, found := strings.Cut(line, ":"); found && k == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
