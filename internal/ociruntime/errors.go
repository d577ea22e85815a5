package ociruntime

import (
	"strings"
	"unicode"
)

// RefError is a reference to a runtime that cannot be used: the user named
// something that is not there, is no runtime, or cannot be read as a reference.
// It is an input error.
type RefError struct {
	Ref    string // as the user wrote it
	Reason string
	Err    error // may be nil
}

func (e *RefError) Error() string {
	return joinCause("runtime "+quote(e.Ref)+": "+e.Reason, e.Err)
}

func (e *RefError) Unwrap() error { return e.Err }

// EnvError is a machine that lacks what the work needs: a compiler, a library, a
// network, an architecture. What was asked for may be quite right.
type EnvError struct {
	What   string // what could not be done
	Reason string
	Remedy string // the one thing to do about it; may be empty
	Err    error  // may be nil
}

func (e *EnvError) Error() string {
	s := joinCause(e.What+": "+e.Reason, e.Err)
	if e.Remedy != "" {
		s += " (" + e.Remedy + ")"
	}
	return s
}

func (e *EnvError) Unwrap() error { return e.Err }

func joinCause(s string, cause error) string {
	if cause == nil {
		return s
	}
	return s + ": " + cause.Error()
}

// maxQuoted bounds what a message repeats of a user's input or a runtime's output.
const maxQuoted = 120

// quote makes any input fit into one line of a message.
func quote(s string) string {
	return `"` + printable(s, maxQuoted) + `"`
}

// printable returns about the first limit bytes of s with everything replaced
// that is not printed as itself: what a runtime says ends up on terminals and in tables.
func printable(s string, limit int) string {
	cut := len(s) > limit
	if cut {
		s = s[:limit]
	}
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if cut {
		s += "..."
	}
	return s
}
