package policy

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/initbench/initbench/scenarios"
)

// maxNesting bounds brackets inside each other: a policy needs three levels, and the parser's time and memory grow with the
// square of the depth.
const maxNesting = 8

// kind is what a value looks like in the file.
type kind string

const (
	aMapping  kind = "a mapping"
	aSequence kind = "a list"
	aText     kind = "text"
	aNumber   kind = "a number"
	aBool     kind = "true or false"
	aNull     kind = "nothing"
)

// node is a YAML value with its place. The library's own decoder is not used: once a value is in a struct it no longer says where it
// stood, and what is wrong with a policy is mostly found out afterwards.
type node struct {
	kind   kind
	pos    scenarios.Position
	text   string // of a scalar, as the file wrote it
	items  []node
	fields []entry
}

type entry struct {
	key   string
	pos   scenarios.Position
	value node
}

type reader struct{ file string }

func (y reader) fail(tk *token.Token, wrong, right string) *scenarios.Error {
	return &scenarios.Error{Pos: y.pos(tk), Wrong: wrong, Right: right}
}

func (y reader) pos(tk *token.Token) scenarios.Position {
	if tk == nil || tk.Position == nil {
		return scenarios.Position{File: y.file, Line: 1, Column: 1}
	}
	return scenarios.Position{File: y.file, Line: max(tk.Position.Line, 1), Column: max(tk.Position.Column, 1)}
}

// read turns a file into its one value.
func (y reader) read(data []byte) (node, *scenarios.Error) {
	if err := y.checkText(data); err != nil {
		return node{}, err
	}
	tokens := lexer.Tokenize(strings.ReplaceAll(string(data), "\r\n", "\n"))
	if err := y.checkTokens(tokens); err != nil {
		return node{}, err
	}
	parsed, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // convert refuses those, and says where the first was
	if err != nil {
		return node{}, y.syntax(err)
	}
	var body ast.Node
	for _, doc := range parsed.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.CommentType:
		case body != nil:
			return node{}, y.fail(doc.Body.GetToken(), "a second YAML document", "write one policy a file")
		default:
			body = doc.Body
		}
	}
	if body == nil {
		return node{}, y.fail(nil, "the file is empty", "leave --policy out to judge by the default, or see `initbench policy init`")
	}
	return y.convert(body)
}

// checkText refuses what makes positions or terminals lie.
func (y reader) checkText(data []byte) *scenarios.Error {
	pos := scenarios.Position{File: y.file, Line: 1, Column: 1}
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == '\n' || r == '\r' && len(data) > 1 && data[1] == '\n':
		case r == utf8.RuneError && size == 1:
			return &scenarios.Error{Pos: pos, Wrong: fmt.Sprintf("byte %#02x is not UTF-8", data[0]), Right: "save the file as UTF-8"}
		case r == '\t':
			return &scenarios.Error{Pos: pos, Wrong: "a tab", Right: "write spaces"}
		case !unicode.IsPrint(r):
			return &scenarios.Error{Pos: pos, Wrong: fmt.Sprintf("the unprintable character %U", r), Right: "remove it"}
		}
		pos.Column++
		if r == '\n' {
			pos.Line, pos.Column = pos.Line+1, 1
		}
		data = data[size:]
	}
	return nil
}

// unwanted are the parts of YAML that a policy has no use for; aliases would let a short file stand for a huge one.
var unwanted = map[token.Type]string{
	token.AnchorType: "an anchor (&)", token.AliasType: "an alias (*)", token.TagType: "a tag (!)", token.MergeKeyType: "a merge key (<<)",
	token.MappingKeyType: "a complex key (?)", token.DirectiveType: "a directive (%)", token.DocumentEndType: "a document end (...)",
}

// checkTokens refuses on the flat list, before the parser recurses into it.
func (y reader) checkTokens(tokens token.Tokens) *scenarios.Error {
	depth, dashes, line := 0, 0, 0
	for _, tk := range tokens {
		if what, ok := unwanted[tk.Type]; ok {
			return y.fail(tk, what+" is not read here", "write the value itself")
		}
		switch tk.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.SequenceEntryType:
			if tk.Position.Line != line {
				dashes, line = 0, tk.Position.Line
			}
			dashes++
		}
		if depth > maxNesting || dashes > maxNesting {
			return y.fail(tk, fmt.Sprintf("more than %d levels", maxNesting), "a policy needs three")
		}
	}
	return nil
}

// syntax keeps the parser's message and place. Its Error method also draws the source, in several lines.
func (y reader) syntax(err error) *scenarios.Error {
	const right = "write YAML as in `key: value`"
	if e, ok := err.(yaml.Error); ok {
		return y.fail(e.GetToken(), "not YAML ("+strings.Join(strings.Fields(e.GetMessage()), " ")+")", right)
	}
	return y.fail(nil, "not YAML", right)
}

func (y reader) convert(n ast.Node) (node, *scenarios.Error) {
	at := node{pos: y.pos(n.GetToken())}
	switch v := n.(type) {
	case *ast.MappingNode:
		return y.mapping(v)
	case *ast.SequenceNode:
		at.kind = aSequence
		for _, value := range v.Values {
			item, err := y.convert(value)
			if err != nil {
				return node{}, err
			}
			at.items = append(at.items, item)
		}
	case *ast.StringNode:
		at.kind, at.text = aText, v.Value
	case *ast.LiteralNode:
		at.kind, at.text = aText, strings.TrimSpace(v.Value.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		at.kind, at.text = aNumber, n.GetToken().Value // not its value: 010 must not quietly become eight
	case *ast.BoolNode:
		at.kind, at.text = aBool, v.String()
	case *ast.NullNode:
		at.kind = aNull
	default:
		return node{}, y.fail(n.GetToken(), "a "+n.Type().String()+" is not read here", "write a plain value")
	}
	return at, nil
}

func (y reader) mapping(n *ast.MappingNode) (node, *scenarios.Error) {
	m := node{kind: aMapping, pos: y.pos(n.Start)}
	if len(n.Values) > 0 && !n.IsFlowStyle {
		m.pos = y.pos(n.Values[0].Key.GetToken()) // a block mapping's own token is its first colon
	}
	first := map[string]scenarios.Position{}
	for _, value := range n.Values {
		e := entry{key: value.Key.GetToken().Value, pos: y.pos(value.Key.GetToken())}
		if at, twice := first[e.key]; twice {
			return node{}, &scenarios.Error{Pos: e.pos, Wrong: fmt.Sprintf("key %s a second time", quoted(e.key)),
				Right: fmt.Sprintf("keep one (the first is on line %d)", at.Line)}
		}
		first[e.key] = e.pos
		v, err := y.convert(value.Value)
		if err != nil {
			return node{}, err
		}
		if e.value = v; v.kind == aNull {
			e.value.pos = e.pos // the parser places a value that is not there at the next token
		}
		m.fields = append(m.fields, e)
	}
	return m, nil
}
