package pool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/initbench/initbench/internal/yamlpos"
)

const (
	// MaxFileBytes bounds a file: the parser's memory is a multiple of it.
	MaxFileBytes = 1 << 20
	// MaxPools bounds a list of pools: each is compared with all before it.
	MaxPools = 1000
	// dockerKey is where Docker's daemon.json has its pools.
	dockerKey = "default-address-pools"
)

const example = `{"base": "fd0d:0ce5::/48", "size": 64}`

// ReadFile reads a file for [Parse]. Every error is an *Error.
func ReadFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, unread(file, err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	return ReadAll(file, f)
}

// ReadAll reads a stream for [Parse], no further than Parse would; name is what errors call it.
func ReadAll(name string, r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxFileBytes+1))
	if err != nil {
		return nil, unread(name, err)
	}
	return data, nil
}

func unread(file string, err error) *Error {
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return &Error{Pos: Position{File: file}, Wrong: err.Error(), Right: "give a file with pools, or the pool itself: " + example, Err: err}
}

// Parse reads pools written as JSON or YAML: one mapping with base and size, a list of
// such, or Docker's daemon.json, of which only default-address-pools is looked at. It
// refuses what is no pool; whether they are wise, [CheckAll] says.
// Every error is an *Error.
func Parse(file string, data []byte) ([]Pool, error) {
	l, err := parse(file, data)
	if err != nil {
		return nil, err
	}
	return l.pools, nil
}

// ParseChecked is Parse and [CheckAll] in one, with the place of what is refused.
func ParseChecked(file string, data []byte) ([]Pool, error) {
	l, err := parse(file, data)
	if err != nil {
		return nil, err
	}
	if i, e := flawOf(l.pools); e != nil {
		return nil, at(e, l.at[i])
	}
	return l.pools, nil
}

// list is pools and where each stood: its size, which is what to change.
type list struct {
	pools []Pool
	at    []Position
}

func parse(file string, data []byte) (list, *Error) {
	l, err := read(file, data)
	if err != nil {
		err.Pos = within(data, err.Pos)
	}
	return l, err
}

// within keeps a place inside of what was read: the parser puts a value that is not there where the next would be.
func within(data []byte, p Position) Position {
	lines := bytes.Split(data, []byte("\n"))
	if p.Line > len(lines) {
		p.Line, p.Column = len(lines), len(lines[len(lines)-1])+1
	}
	if p.Line > 0 {
		p.Column = min(p.Column, len(lines[p.Line-1])+1)
	}
	return p
}

// dialect is JSON's too, for daemon.json is that.
var dialect = yamlpos.Dialect{Name: "list of pools", Empty: "write one pool as " + example, Syntax: "write pools as " + example, JSON: true}

func read(file string, data []byte) (list, *Error) {
	if len(data) > MaxFileBytes {
		return list{}, &Error{Pos: Position{File: file}, Wrong: fmt.Sprintf("more than %d bytes", MaxFileBytes), Right: "write fewer pools"}
	}
	root, err := yamlpos.Parse(file, data, dialect)
	if err != nil {
		return list{}, err
	}
	return listOf(root)
}

func refuse(pos Position, wrong, right string) *Error {
	return &Error{Pos: pos, Wrong: wrong, Right: right}
}

// listOf reads a pool, a list of pools, or the list in Docker's own file.
func listOf(root yamlpos.Node) (list, *Error) {
	switch root.Kind {
	case yamlpos.Mapping:
		for _, k := range root.Keys {
			if k.Name == dockerKey {
				return listOf(k.Value)
			}
		}
		p, where, err := poolOf(root)
		return list{[]Pool{p}, []Position{where}}, err
	case yamlpos.Sequence:
		return several(root)
	}
	return list{}, refuse(root.Pos, "no pool", "write one as "+example)
}

func several(n yamlpos.Node) (l list, err *Error) {
	if len(n.Items) == 0 {
		return list{}, refuse(n.Pos, "no pool", "write one as "+example)
	}
	if len(n.Items) > MaxPools {
		return list{}, refuse(n.Items[MaxPools].Pos, fmt.Sprintf("more than %d pools", MaxPools), "write fewer")
	}
	for _, item := range n.Items {
		p, where, err := poolOf(item)
		if err != nil {
			return list{}, err
		}
		l.pools, l.at = append(l.pools, p), append(l.at, where)
	}
	return l, nil
}

// poolOf reads one mapping of base and size, and returns the place of its size.
func poolOf(n yamlpos.Node) (Pool, Position, *Error) {
	if n.Kind != yamlpos.Mapping {
		return Pool{}, Position{}, refuse(n.Pos, "no pool", "write one as "+example)
	}
	values, err := fields(n)
	if err != nil {
		return Pool{}, Position{}, err
	}
	base := values[keyBase]
	if base.Kind != yamlpos.Text {
		return Pool{}, Position{}, refuse(base.Pos, "a base that is no text", "write it as "+example)
	}
	size, err := number(values[keySize])
	if err != nil {
		return Pool{}, Position{}, err
	}
	p, f := newPool(base.Text, size)
	if f != nil {
		return Pool{}, values[keySize].Pos, at(f.Error, values[f.key].Pos)
	}
	return p, values[keySize].Pos, nil
}

// fields returns the values of base and size, and refuses a mapping of anything else.
func fields(m yamlpos.Node) (map[string]yamlpos.Node, *Error) {
	values := map[string]yamlpos.Node{}
	for _, k := range m.Keys {
		if k.Name != keyBase && k.Name != keySize {
			return nil, refuse(k.Pos, "unknown key "+quoted(k.Name), yamlpos.DidYouMean(k.Name, []string{keyBase, keySize})+"a pool has base and size")
		}
		values[k.Name] = k.Value
	}
	for _, key := range []string{keyBase, keySize} {
		if !m.Has(key) {
			return nil, refuse(m.Pos, "a pool without a "+key, "write it as "+example)
		}
	}
	return values, nil
}

// number reads decimal digits alone, by the token's text: 010 must not quietly become eight.
func number(n yamlpos.Node) (int, *Error) {
	size, err := strconv.ParseUint(n.Text, 10, 31)
	if n.Kind != yamlpos.Number || err != nil || strconv.FormatUint(size, 10) != n.Text {
		return 0, refuse(n.Pos, "size "+quoted(n.Text)+" is no length of a prefix", "write a whole number, such as 64")
	}
	return int(size), nil
}
