package yamlpos

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxNesting bounds brackets and dashes inside each other. The formats need
// three levels. The parser's time and memory grow with the square of the depth: 32 KiB of "["
// cost it three seconds and 1.6 GB.
const maxNesting = 8

// Kind is what a value looks like in the file, in words that an error can have.
type Kind string

// The closed set.
const (
	Mapping  Kind = "a mapping"
	Sequence Kind = "a sequence"
	Text     Kind = "text"
	Number   Kind = "a number"
	Bool     Kind = "true or false"
	Null     Kind = "nothing"
)

// Node is a YAML value with its place: whoever decodes it can still say, of what is found out to be wrong later, where it stood.
// The library's own decoder is not used: it says nothing of that once a value is in a struct.
type Node struct {
	Kind Kind
	Pos  Position
	// Text is a scalar's as the file wrote it, quotes resolved; Quoted: there were some.
	Text   string
	Quoted bool
	Items  []Node // of a sequence
	Keys   []Key  // of a mapping
}

// Key is one of a mapping, and what it stands before.
type Key struct {
	Name  string
	Pos   Position
	Value Node
}

// Has tells whether a mapping has a key.
func (n Node) Has(key string) bool {
	return slices.ContainsFunc(n.Keys, func(k Key) bool { return k.Name == key })
}

// Dialect is what a kind of file says of itself where it is wrong, and what of YAML's strictness it lets go.
type Dialect struct {
	// Name is what such a file holds, as in "scenario".
	Name string
	// Empty is what to do with a file that holds nothing, Syntax with one that is no YAML.
	Empty, Syntax string
	// JSON: it may be written as JSON too, as machines do, with tabs before its lines.
	JSON bool
}

func (d Dialect) syntax() string {
	if d.JSON {
		return "JSON or YAML"
	}
	return "YAML"
}

// Parse reads the one value of a file. Its errors carry a position in it, and file as the name of it.
func Parse(file string, data []byte, of Dialect) (Node, *Error) {
	if err := checkText(file, data, of.JSON); err != nil {
		return Node{}, err
	}
	y := yamlReader{file, of}
	tokens := lexer.Tokenize(strings.ReplaceAll(string(data), "\r\n", "\n"))
	if err := y.checkTokens(tokens); err != nil {
		return Node{}, err
	}
	root, err := y.parse(tokens)
	if err != nil {
		return Node{}, err
	}
	if root == nil {
		return Node{}, y.wrong(nil, "the file is empty", of.Empty)
	}
	return y.convert(root)
}

// checkText refuses what nobody needs and what makes positions or terminals lie:
// bytes that are no text, tabs, control characters, invisible and exotic spaces. Where tabs are let
// through YAML still refuses them for its own indentation.
func checkText(file string, data []byte, tabs bool) *Error {
	pos := Position{file, 1, 1}
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == '\n' || r == '\t' && tabs || (r == '\r' && len(data) > 1 && data[1] == '\n'):
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
	of   Dialect
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

// unwanted are the parts of YAML that no file here has a use for; aliases would also
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
				return y.wrong(tk, "a second YAML document", "write one "+y.of.Name+" a file")
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
			return y.wrong(tk, fmt.Sprintf("more than %d levels", maxNesting), "a "+y.of.Name+" needs three")
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
			return nil, y.wrong(doc.Body.GetToken(), "a second YAML document", "write one "+y.of.Name+" a file")
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
	right := y.of.Syntax
	if right == "" {
		right = "write " + y.of.syntax() + " as in `key: value`"
	}
	if e, ok := err.(yaml.Error); ok {
		message := strings.Join(strings.Fields(e.GetMessage()), " ")
		return y.wrong(e.GetToken(), "not "+y.of.syntax()+" ("+message+")", right)
	}
	return y.wrong(nil, "not "+y.of.syntax(), right)
}

func (y yamlReader) convert(n ast.Node) (Node, *Error) {
	at := Node{Pos: y.pos(n.GetToken())}
	switch v := n.(type) {
	case *ast.MappingNode:
		return y.mapping(v)
	case *ast.SequenceNode:
		return y.sequence(at, v)
	case *ast.StringNode:
		at.Kind, at.Text, at.Quoted = Text, v.Value, v.Token.Type != token.StringType
	case *ast.LiteralNode:
		at.Kind, at.Text, at.Quoted = Text, strings.TrimSpace(v.Value.Value), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		// The token's text, not its value: 010 must not quietly become eight.
		at.Kind, at.Text = Number, n.GetToken().Value
	case *ast.BoolNode:
		at.Kind, at.Text = Bool, v.String()
	case *ast.NullNode:
		at.Kind = Null
	default:
		return Node{}, y.wrong(n.GetToken(), "a "+n.Type().String()+" is not read here", "write a plain value")
	}
	return at, nil
}

func (y yamlReader) sequence(at Node, n *ast.SequenceNode) (Node, *Error) {
	at.Kind = Sequence
	for _, value := range n.Values {
		item, err := y.convert(value)
		if err != nil {
			return Node{}, err
		}
		at.Items = append(at.Items, item)
	}
	return at, nil
}

func (y yamlReader) mapping(n *ast.MappingNode) (Node, *Error) {
	m := Node{Kind: Mapping, Pos: y.pos(n.Start)}
	if len(n.Values) > 0 && !n.IsFlowStyle {
		// A block mapping's own token is its first colon.
		m.Pos = y.pos(n.Values[0].Key.GetToken())
	}
	seen := make(map[string]Position, len(n.Values))
	for _, value := range n.Values {
		e, err := y.entry(value)
		if err != nil {
			return Node{}, err
		}
		if first, twice := seen[e.Name]; twice {
			return Node{}, &Error{Pos: e.Pos, Wrong: fmt.Sprintf("key %s a second time", Quoted(e.Name)),
				Right: fmt.Sprintf("keep one (the first is on line %d)", first.Line)}
		}
		seen[e.Name] = e.Pos
		m.Keys = append(m.Keys, e)
	}
	return m, nil
}

func (y yamlReader) entry(n *ast.MappingValueNode) (Key, *Error) {
	e := Key{Name: n.Key.GetToken().Value, Pos: y.pos(n.Key.GetToken())}
	value, err := y.convert(n.Value)
	if value.Kind == Null {
		// The parser places a value that is not there at the next token.
		value.Pos = e.Pos
	}
	e.Value = value
	return e, err
}
