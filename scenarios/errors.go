package scenarios

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Position is a place in a scenario file; lines and columns count from 1. Line 0 is
// the file itself, which was never read.
type Position struct {
	File   string
	Line   int
	Column int
}

// String returns FILE:LINE:COL, the form editors and terminals turn into a link, or FILE alone.
func (p Position) String() string {
	if p.Line == 0 {
		return printable(p.File)
	}
	return fmt.Sprintf("%s:%d:%d", printable(p.File), p.Line, p.Column)
}

// Error is a refused scenario, file or Spec. It prints as one line:
// FILE:LINE:COL: what is wrong: what would be right. A file that could not be read has
// no line and column; what did not come from a file starts with what is wrong.
type Error struct {
	Pos   Position // zero when no file is to blame
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

// quoted returns text a user wrote, fit to stand inside a one-line message. Forty
// characters are enough to recognise a value and keep the line readable.
func quoted(s string) string {
	const most = 40
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "..."
	}
	return strconv.Quote(s)
}

// printable returns s as it is, or quoted when it would break the line or the terminal.
func printable(s string) string {
	if s != "" && isPrintable(s) {
		return s
	}
	return strconv.Quote(s)
}

func isPrintable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) < 0
}
