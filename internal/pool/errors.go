package pool

import (
	"fmt"
	"strconv"
	"unicode"
)

// Position is a place in what was read; lines and columns count from 1. Line 0 is
// the whole of it.
type Position struct {
	File   string
	Line   int
	Column int
}

// String returns FILE:LINE:COL, which editors and terminals turn into a link, or FILE alone.
func (p Position) String() string {
	file := p.File
	if file == "" || !isPrintable(file) {
		file = strconv.Quote(file)
	}
	if p.Line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d:%d", file, p.Line, p.Column)
}

// Error is a refused pool. It prints as one line, FILE:LINE:COL: what is wrong: what
// would be right; without a place where none is known.
type Error struct {
	Pos   Position
	Wrong string
	Right string
	// Err is the cause where the operating system had one.
	Err error
}

func (e *Error) Error() string {
	line := e.Wrong + ": " + e.Right
	if e.Pos == (Position{}) {
		return line
	}
	return e.Pos.String() + ": " + line
}

func (e *Error) Unwrap() error { return e.Err }

// at gives an error the place that only a reader knows.
func (e *Error) at(pos Position) *Error {
	e.Pos = pos
	return e
}

// quoted is text of the user's, fit for a one-line message; forty characters are
// enough to recognise a value.
func quoted(s string) string {
	const most = 40
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "..."
	}
	return strconv.Quote(s)
}

func isPrintable(s string) bool {
	for _, r := range s {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return false
		}
	}
	return true
}
