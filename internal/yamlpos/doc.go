// Package yamlpos reads the files that people write, scenarios, policies and address pools: one YAML value a file, each with its place, so
// that what is wrong with it can be told in one line, FILE:LINE:COL: what is wrong: what would be right, however late it is found out.
//
// It refuses what such files have no use for and what makes places or terminals lie: anchors, aliases, tags, merge keys, second
// documents, keys written twice, tabs, control characters, bytes that are no text, and nesting beyond what the formats need, for the parser's time and
// memory grow with the square of it. What keys there are and what their values mean, whoever decodes a [Node] says.
package yamlpos
