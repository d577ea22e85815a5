package scenarios

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
)

// maxNesting bounds brackets and dashes inside each other. The format needs
// three levels. The parser's time and memory grow with the square of the depth: 32 KiB of "["
// cost it three seconds and 1.6 GB.
const maxNesting = 8

// kind is what a value looks like in the file.
type kind string

const (
	aMapping  kind = "a mapping"
	aSequence kind = "a sequence"
	aText     kind = "text"
	aNumber   kind = "a number"
	aBool     kind = "true or false"
	aNull     kind = "nothing"
)

// node is a YAML value with its place, all that the decoder needs to know.
// The library's own decoder is not used: it says nothing of where a value stood
// once it is in a struct, and semantic errors need that too.
type node struct {
	kind   kind
	pos    Position
	text   string // a scalar as the file wrote it, quotes resolved
	quoted bool
	items  []node // of a sequence
	fields []entry
}

type entry struct {
	key   string
	pos   Position // of the key
	value node
}

// dialect is what a kind of file says of itself where it is wrong.
type dialect struct{ name, empty string }

var scenarioFile = dialect{"scenario", "write a scenario: name, trials, judge (see `initbench scenarios`)"}

// parseYAML turns data into its one value. Its errors carry a position in file.
func parseYAML(file string, data []byte, of dialect) (node, *Error) {
	if err := checkText(file, data); err != nil {
		return node{}, err
	}
	y := yamlReader{file, of}
	tokens := lexer.Tokenize(strings.ReplaceAll(string(data), "\r\n", "\n"))
	if err := y.checkTokens(tokens); err != nil {
		return node{}, err
	}
	root, err := y.parse(tokens)
	if err != nil {
		return node{}, err
	}
	if root == nil {
		return node{}, y.wrong(nil, "the file is empty", of.empty)
	}
	return y.convert(root)
}

// checkText refuses what no scenario needs and what makes positions or terminals lie:
// bytes that are no text, tabs, control characters, invisible and exotic spaces.
func checkText(file string, data []byte) *Error {
	pos := Position{file, 1, 1}
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == '\n' || (r == '\r' && len(data) > 1 && data[1] == '\n'):
		case r == utf8.RuneError && size == 1:
			return &Error{Pos: pos, Wrong: fmt.Sprintf("byte %#02x is not UTF-8", data[0]), Right: "save the file as UTF-8"}
		case r == '\t':
			return &Error{Pos: pos, Wrong: "a tab", Right: "write spaces"}
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

type yamlReader struct {
	file string
	of   dialect
}

// wrong builds an error at tk, or at the file's start where there is no token.
func (y yamlReader) wrong(tk *token.Token, wrong, right string) *Error {
	return &Error{Pos: y.pos(tk), Wrong: wrong, Right: right}
}

func (y yamlReader) pos(tk *token.Token) Position {
	if tk == nil || tk.Position == nil {
		return Position{y.file, 1, 1}
	}
	return Position{y.file, max(tk.Position.Line, 1), max(tk.Position.Column, 1)}
}

// unwanted are the parts of YAML that a scenario has no use for; aliases would also
// let a short file stand for a huge one.
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
	depth, dashes, dashLine, content := 0, 0, 0, false
	for _, tk := range tokens {
		if what, ok := unwanted[tk.Type]; ok {
			return y.wrong(tk, what+" is not read here", "write the value itself")
		}
		switch tk.Type {
		case token.DocumentHeaderType:
			if content {
				return y.wrong(tk, "a second YAML document", "write one "+y.of.name+" a file")
			}
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
			return y.wrong(tk, fmt.Sprintf("more than %d levels", maxNesting), "a "+y.of.name+" needs three")
		}
		content = content || tk.Type != token.CommentType
	}
	return nil
}

// parse runs the library's parser. Keys written twice are let through here and
// refused by convert, which knows where the first one was.
func (y yamlReader) parse(tokens token.Tokens) (ast.Node, *Error) {
	parsed, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, y.syntax(err)
	}
	for i, doc := range parsed.Docs {
		if i > 0 && doc.Body != nil {
			return nil, y.wrong(doc.Body.GetToken(), "a second YAML document", "write one "+y.of.name+" a file")
		}
	}
	if len(parsed.Docs) == 0 || parsed.Docs[0].Body == nil || parsed.Docs[0].Body.Type() == ast.CommentType {
		return nil, nil
	}
	return parsed.Docs[0].Body, nil
}

// syntax keeps the parser's message and place. Its Error method is not called:
// that also draws the source around the error, in several lines, and in time and memory
// quadratic in the size of the file.
func (y yamlReader) syntax(err error) *Error {
	const right = "write YAML as in `key: value`"
	if e, ok := err.(yaml.Error); ok {
		message := strings.Join(strings.Fields(e.GetMessage()), " ")
		return y.wrong(e.GetToken(), "not YAML ("+message+")", right)
	}
	return y.wrong(nil, "not YAML", right)
}

func (y yamlReader) convert(n ast.Node) (node, *Error) {
	at := node{pos: y.pos(n.GetToken())}
	switch v := n.(type) {
	case *ast.MappingNode:
		return y.mapping(v)
	case *ast.SequenceNode:
		return y.sequence(at, v)
	case *ast.StringNode:
		at.kind, at.text, at.quoted = aText, v.Value, v.Token.Type != token.StringType
	case *ast.LiteralNode:
		at.kind, at.text, at.quoted = aText, strings.TrimSpace(v.Value.Value), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		// The token's text, not its value: 010 must not quietly become eight.
		at.kind, at.text = aNumber, n.GetToken().Value
	case *ast.BoolNode:
		at.kind, at.text = aBool, v.String()
	case *ast.NullNode:
		at.kind = aNull
	default:
		return node{}, y.wrong(n.GetToken(), "a "+n.Type().String()+" is not read here", "write a plain value")
	}
	return at, nil
}

func (y yamlReader) sequence(at node, n *ast.SequenceNode) (node, *Error) {
	at.kind = aSequence
	for _, value := range n.Values {
		item, err := y.convert(value)
		if err != nil {
			return node{}, err
		}
		at.items = append(at.items, item)
	}
	return at, nil
}

func (y yamlReader) mapping(n *ast.MappingNode) (node, *Error) {
	m := node{kind: aMapping, pos: y.pos(n.Start)}
	if len(n.Values) > 0 && !n.IsFlowStyle {
		// A block mapping's own token is its first colon.
		m.pos = y.pos(n.Values[0].Key.GetToken())
	}
	seen := make(map[string]Position, len(n.Values))
	for _, value := range n.Values {
		e, err := y.entry(value)
		if err != nil {
			return node{}, err
		}
		if first, twice := seen[e.key]; twice {
			return node{}, &Error{Pos: e.pos, Wrong: fmt.Sprintf("key %s a second time", quoted(e.key)),
				Right: fmt.Sprintf("keep one (the first is on line %d)", first.Line)}
		}
		seen[e.key] = e.pos
		m.fields = append(m.fields, e)
	}
	return m, nil
}

func (y yamlReader) entry(n *ast.MappingValueNode) (entry, *Error) {
	e := entry{key: n.Key.GetToken().Value, pos: y.pos(n.Key.GetToken())}
	value, err := y.convert(n.Value)
	if value.kind == aNull {
		// The parser places a value that is not there at the next token.
		value.pos = e.pos
	}
	e.value = value
	return e, err
}
