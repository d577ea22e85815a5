package pool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	// MaxFileBytes bounds a file: the parser's memory is a multiple of it.
	MaxFileBytes = 1 << 20
	// MaxPools bounds a list of pools: each is compared with all before it.
	MaxPools = 1000
	// maxNesting bounds brackets and dashes inside each other, of which the format needs three levels: the
	// parser's time and memory grow with the square of the depth.
	maxNesting = 8
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
		return nil, e.at(l.at[i])
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

func read(file string, data []byte) (list, *Error) {
	if len(data) > MaxFileBytes {
		return list{}, &Error{Pos: Position{File: file}, Wrong: fmt.Sprintf("more than %d bytes", MaxFileBytes), Right: "write fewer pools"}
	}
	if err := checkText(file, data); err != nil {
		return list{}, err
	}
	y := yamlReader{file}
	tokens := lexer.Tokenize(strings.ReplaceAll(string(data), "\r\n", "\n"))
	if err := y.checkTokens(tokens); err != nil {
		return list{}, err
	}
	root, err := y.parse(tokens)
	if err != nil {
		return list{}, err
	}
	if root == nil {
		return list{}, y.wrong(nil, "no pool", "write one as "+example)
	}
	return y.list(root)
}

// checkText refuses bytes that are no text and characters that make positions or
// terminals lie. Tabs are let through outside YAML's own indentation, which refuses them: daemon.json has them.
func checkText(file string, data []byte) *Error {
	pos := Position{file, 1, 1}
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == '\n' || r == '\t' || (r == '\r' && len(data) > 1 && data[1] == '\n'):
		case r == utf8.RuneError && size == 1:
			return &Error{Pos: pos, Wrong: fmt.Sprintf("byte %#02x is not UTF-8", data[0]), Right: "save the file as UTF-8"}
		case !unicode.IsPrint(r):
			return &Error{Pos: pos, Wrong: fmt.Sprintf("the unprintable character %U", r), Right: "remove it"}
		}
		pos.Column++
		if r == '\n' {
			pos.Line, pos.Column = pos.Line+1, 1
		}
		data = data[size:]
	}
	return nil
}

type yamlReader struct{ file string }

// wrong builds an error at tk, or at the start where there is no token.
func (y yamlReader) wrong(tk *token.Token, wrong, right string) *Error {
	return &Error{Pos: y.pos(tk), Wrong: wrong, Right: right}
}

func (y yamlReader) pos(tk *token.Token) Position {
	if tk == nil || tk.Position == nil {
		return Position{y.file, 1, 1}
	}
	return Position{y.file, max(tk.Position.Line, 1), max(tk.Position.Column, 1)}
}

// unwanted are the parts of YAML that a pool has no use for; aliases would also let a
// short file stand for a huge one.
var unwanted = map[token.Type]string{
	token.AnchorType:      "an anchor (&)",
	token.AliasType:       "an alias (*)",
	token.TagType:         "a tag (!)",
	token.MergeKeyType:    "a merge key (<<)",
	token.MappingKeyType:  "a complex key (?)",
	token.DirectiveType:   "a directive (%)",
	token.DocumentEndType: "a document end (...)",
}

// checkTokens refuses on the flat token list, before the parser recurses into it.
func (y yamlReader) checkTokens(tokens token.Tokens) *Error {
	depth, dashes, dashLine := 0, 0, 0
	for _, tk := range tokens {
		if what, ok := unwanted[tk.Type]; ok {
			return y.wrong(tk, what+" is not read here", "write the value itself")
		}
		switch tk.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.SequenceEntryType:
			if tk.Position.Line != dashLine {
				dashes, dashLine = 0, tk.Position.Line
			}
			dashes++
		}
		if depth > maxNesting || dashes > maxNesting {
			return y.wrong(tk, fmt.Sprintf("more than %d levels", maxNesting), "pools need three")
		}
	}
	return nil
}

// parse runs the library's parser. Keys written twice are let through here and refused
// by fields, which knows where the first one was.
func (y yamlReader) parse(tokens token.Tokens) (ast.Node, *Error) {
	parsed, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, y.syntax(err)
	}
	for i, doc := range parsed.Docs {
		if i > 0 && doc.Body != nil {
			return nil, y.wrong(doc.Body.GetToken(), "a second YAML document", "write one list of pools")
		}
	}
	if len(parsed.Docs) == 0 || parsed.Docs[0].Body == nil || parsed.Docs[0].Body.Type() == ast.CommentType {
		return nil, nil
	}
	return parsed.Docs[0].Body, nil
}

// syntax keeps the parser's message and place. Its Error method is not called: that
// draws the source around the error, in time quadratic in the size of the file.
func (y yamlReader) syntax(err error) *Error {
	const right = "write pools as " + example
	if e, ok := err.(yaml.Error); ok {
		message := strings.Join(strings.Fields(e.GetMessage()), " ")
		return y.wrong(e.GetToken(), "not JSON or YAML ("+message+")", right)
	}
	return y.wrong(nil, "not JSON or YAML", right)
}

// list reads a pool, a list of pools, or the list in Docker's own file.
func (y yamlReader) list(root ast.Node) (list, *Error) {
	if m, ok := root.(*ast.MappingNode); ok {
		for _, e := range m.Values {
			if e.Key.GetToken().Value == dockerKey {
				return y.list(e.Value)
			}
		}
		p, at, err := y.pool(root)
		return list{[]Pool{p}, []Position{at}}, err
	}
	items, ok := root.(*ast.SequenceNode)
	if !ok || len(items.Values) == 0 {
		return list{}, y.wrong(root.GetToken(), "no pool", "write one as "+example)
	}
	if len(items.Values) > MaxPools {
		return list{}, y.wrong(items.Values[MaxPools].GetToken(), fmt.Sprintf("more than %d pools", MaxPools), "write fewer")
	}
	var l list
	for _, item := range items.Values {
		p, at, err := y.pool(item)
		if err != nil {
			return list{}, err
		}
		l.pools, l.at = append(l.pools, p), append(l.at, at)
	}
	return l, nil
}

// pool reads one mapping of base and size, and returns the place of its size.
func (y yamlReader) pool(n ast.Node) (Pool, Position, *Error) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		return Pool{}, Position{}, y.wrong(n.GetToken(), "no pool", "write one as "+example)
	}
	values, err := y.fields(m)
	if err != nil {
		return Pool{}, Position{}, err
	}
	base, err := y.text(values[keyBase])
	if err != nil {
		return Pool{}, Position{}, err
	}
	size, err := y.number(values[keySize])
	if err != nil {
		return Pool{}, Position{}, err
	}
	at := y.pos(values[keySize].GetToken())
	p, f := newPool(base, size)
	if f != nil {
		return Pool{}, at, f.at(y.pos(values[f.key].GetToken()))
	}
	return p, at, nil
}

// fields returns the values of base and size, and refuses a mapping of anything else.
func (y yamlReader) fields(m *ast.MappingNode) (map[string]ast.Node, *Error) {
	values := map[string]ast.Node{}
	for _, e := range m.Values {
		tk := e.Key.GetToken()
		switch {
		case tk.Value != keyBase && tk.Value != keySize:
			return nil, y.wrong(tk, "unknown key "+quoted(tk.Value), "a pool has base and size")
		case values[tk.Value] != nil:
			return nil, y.wrong(tk, "key "+quoted(tk.Value)+" a second time", "keep one")
		}
		values[tk.Value] = e.Value
	}
	for _, key := range []string{keyBase, keySize} {
		if values[key] == nil {
			return nil, y.wrong(m.GetToken(), "a pool without a "+key, "write it as "+example)
		}
	}
	return values, nil
}

func (y yamlReader) text(n ast.Node) (string, *Error) {
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, nil
	case *ast.LiteralNode:
		return strings.TrimSpace(v.Value.Value), nil
	}
	return "", y.wrong(n.GetToken(), "a base that is no text", "write it as "+example)
}

// number reads decimal digits alone, by the token's text: 010 must not quietly become eight.
func (y yamlReader) number(n ast.Node) (int, *Error) {
	text := n.GetToken().Value
	_, plain := n.(*ast.IntegerNode)
	size, err := strconv.ParseUint(text, 10, 31)
	if !plain || err != nil || strconv.FormatUint(size, 10) != text {
		return 0, y.wrong(n.GetToken(), "size "+quoted(text)+" is no length of a prefix", "write a whole number, such as 64")
	}
	return int(size), nil
}
