package ociruntime

import (
	"strings"

	"golang.org/x/mod/semver"
)

// Kind says how a reference names its binary.
type Kind string

const (
	PathRef   Kind = "path"   // a file: the reference contains a slash
	NameRef   Kind = "name"   // a command looked up on PATH
	ModuleRef Kind = "module" // a version of runc, installed on first use
	// BuiltinRef is the runtime that comes with initbench: builtin[:key=value,...].
	BuiltinRef Kind = "builtin"
	// EmbedderRef is a program that embeds a version of libcontainer, built on first use: builtin@vX.Y.Z. It is no runtime
	// with a command line: [Resolve] refuses it, [ResolveEmbedder] does not.
	EmbedderRef Kind = "embedder"
)

// Ref is a reference to a runtime, parsed but not yet looked for. Two references
// that mean the same are equal.
type Ref struct {
	Kind Kind
	// Name is the path, the command, or the module's short name.
	Name string
	// Version of a ModuleRef or EmbedderRef, with its leading v.
	Version string
	// Builtin is how a BuiltinRef is to make a start.
	Builtin Builtin
}

// module is a runtime that the go command can install: its short name, which is
// also its binary's, and its import path.
type module struct{ name, path string }

// runc is the only one: crun is written in C and youki in Rust.
var runc = module{name: "runc", path: "github.com/opencontainers/runc"}

// maxRef is PATH_MAX: nothing longer can be opened.
const maxRef = 4096

const refForms = "want a path, the name of a command on PATH, runc@vX.Y.Z, builtin[:key=value,...], or builtin@vX.Y.Z"

// ParseRef reads a reference to a runtime. What it refuses is a [*RefError].
func ParseRef(s string) (Ref, error) {
	if reason := unreadable(s); reason != "" {
		return Ref{}, &RefError{Ref: s, Reason: reason}
	}
	if options, is := cutBuiltin(s); is {
		return parseBuiltin(s, options)
	}
	if strings.Contains(s, "/") {
		return Ref{Kind: PathRef, Name: s}, nil
	}
	name, version, versioned := strings.Cut(s, "@")
	if !versioned {
		return Ref{Kind: NameRef, Name: s}, nil
	}
	if name == builtinName {
		return parseEmbedder(s, version)
	}
	if name != runc.name {
		return Ref{}, &RefError{Ref: s, Reason: "only runc can be installed by version (runc@vX.Y.Z); " +
			"for any other runtime give a path or the name of a command on PATH"}
	}
	v, valid := canonicalVersion(version)
	if !valid {
		return Ref{}, &RefError{Ref: s, Reason: "the version must be written in full, like runc@v1.1.15 or runc@v1.2.0-rc.1"}
	}
	return Ref{Kind: ModuleRef, Name: name, Version: v}, nil
}

// unreadable says why s can be no reference at all, or nothing.
func unreadable(s string) string {
	switch {
	case s == "":
		return "the reference is empty; " + refForms
	case len(s) > maxRef:
		return "the reference is longer than any path can be"
	case strings.TrimSpace(s) != s:
		return "the reference begins or ends with white space"
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "the reference contains a control character"
	case strings.HasPrefix(s, "-"):
		return "the reference begins with a dash; write a path as ./" + printable(s, maxQuoted)
	}
	return ""
}

// canonicalVersion accepts the version with or without its v, for GitHub's
// release pages, runc's own --version and containerd's notes write it without.
// Queries such as latest or v1.1 are refused: they would mean another binary
// tomorrow, under the same name in the records.
func canonicalVersion(s string) (string, bool) {
	v := "v" + strings.TrimPrefix(s, "v")
	exact := semver.IsValid(v) && semver.Canonical(v) == v
	return v, exact && len(v) <= maxVersion
}

// maxVersion keeps the cache's file names below NAME_MAX; a pseudo-version has about 40.
const maxVersion = 100

// String returns the canonical form, which ParseRef reads back to the same value.
func (r Ref) String() string {
	switch r.Kind {
	case ModuleRef, EmbedderRef:
		return r.Name + "@" + r.Version
	case BuiltinRef:
		return r.Builtin.ref()
	}
	return r.Name
}
