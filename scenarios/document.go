package scenarios

// Document is a YAML value with its place, for other files that are as strict as a scenario's: whoever decodes it can still say, of what
// is found out to be wrong later, where it stood.
type Document struct {
	// Kind is "a mapping", "a sequence", "text", "a number", "true or false" or "nothing".
	Kind string
	Pos  Position
	// Text is a scalar's, as the file wrote it, quotes resolved.
	Text  string
	Items []Document // of a sequence
	Keys  []Key      // of a mapping
}

// Key is one of a mapping, and what it stands before.
type Key struct {
	Name  string
	Pos   Position
	Value Document
}

// ParseDocument reads a file of one value, with the part of YAML that scenarios have. name is what such a file is called, as in
// "policy", and empty is what to do with one that holds nothing.
func ParseDocument(file string, data []byte, name, empty string) (Document, *Error) {
	root, err := parseYAML(file, data, dialect{name, empty})
	if err != nil {
		return Document{}, err
	}
	return root.document(), nil
}

func (n node) document() Document {
	d := Document{Kind: string(n.kind), Pos: n.pos, Text: n.text}
	for _, item := range n.items {
		d.Items = append(d.Items, item.document())
	}
	for _, f := range n.fields {
		d.Keys = append(d.Keys, Key{f.key, f.pos, f.value.document()})
	}
	return d
}
