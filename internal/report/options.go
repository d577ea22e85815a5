package report

import (
	"os"

	"github.com/mattn/go-isatty"
	"golang.org/x/term"
)

// Options of a table. The zero value is what a file or a pipe gets.
type Options struct {
	// Width of the terminal in columns; 0 when there is none, and lines may be as long as they are.
	Width int
	// Color lets rulings be coloured.
	Color bool
}

// ForTerminal gives the options for writing to f: a width and colours only where f
// is a terminal, and no colours where NO_COLOR is set (no-color.org) or the terminal is dumb.
func ForTerminal(f *os.File) Options {
	if !isatty.IsTerminal(f.Fd()) {
		return Options{}
	}
	opts := Options{Color: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	// A terminal that does not know its width is treated as a pipe is.
	if width, _, err := term.GetSize(int(f.Fd())); err == nil {
		opts.Width = width
	}
	return opts
}
