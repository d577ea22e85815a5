package yamlpos

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Position is a place in a file; lines and columns count from 1. Line 0 is
// the file itself, which was never read.
type Position struct {
	File   string
	Line   int
	Column int
}

// String returns FILE:LINE:COL, the form editors and terminals turn into a link, or FILE alone.
func (p Position) String() string {
	if p.Line == 0 {
		return Printable(p.File)
	}
	return fmt.Sprintf("%s:%d:%d", Printable(p.File), p.Line, p.Column)
}

// Error is a refused file, or a value that came in another way. It prints as one line:
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

// Quoted returns text a user wrote, fit to stand inside a one-line message. Forty
// characters are enough to recognise a value and keep the line readable.
func Quoted(s string) string {
	const most = 40
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "..."
	}
	return strconv.Quote(s)
}

// Printable returns s as it is, or quoted when it would break the line or the terminal.
func Printable(s string) string {
	if s != "" && IsPrintable(s) {
		return s
	}
	return strconv.Quote(s)
}

// IsPrintable tells whether s keeps to its line and leaves the terminal alone.
func IsPrintable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) < 0
}
