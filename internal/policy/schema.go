package policy

import "encoding/json"

// Schema is the JSON Schema (2020-12) of a policy file, for editors. It says less than the parser, which also knows which margin a metric can have
// and which ceilings make sense.
func Schema() []byte {
	s := mappingOf(keys)
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "initbench policy"
	s["description"] = "What initbench gate judges a runtime upgrade by."
	// A map's keys are written in the order of their names, so that the same table gives the same bytes.
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // maps, lists and strings only
	}
	return append(text, '\n')
}
