package scenarios

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

var oneLine = regexp.MustCompile(`^f\.yaml:([0-9]+):([0-9]+): [[:print:]\p{L}\p{S}]`)

// Catches a file that crashes or hangs the parser, an error without a place in the file or
// of several lines, and a scenario that is let in although Validate refuses it.
func FuzzParse(f *testing.F) {
	names, err := fs.Glob(embedded, "catalogue/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		data, err := embedded.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse("f.yaml", data)
		if err == nil {
			if err := s.Validate(); err != nil {
				t.Fatalf("parsed, but: %v", err)
			}
			return
		}
		if err := wellFormed(err, data); err != nil {
			t.Fatal(err)
		}
	})
}

// wellFormed checks what every refused file gets: an *Error, one line, a place within the file.
func wellFormed(err error, data []byte) error {
	var e *Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%T is not an *Error: %w", err, err)
	}
	if strings.ContainsAny(err.Error(), "\n\r\x00\x1b") || !oneLine.MatchString(err.Error()) {
		return fmt.Errorf("not one line with a place: %q", err)
	}
	if e.Wrong == "" || e.Right == "" {
		return fmt.Errorf("half an answer: %q", err)
	}
	lines := bytes.Split(data, []byte("\n"))
	if e.Pos.Line > len(lines) || e.Pos.Column > len(lines[e.Pos.Line-1])+1 {
		return fmt.Errorf("outside the file: %w", err)
	}
	return nil
}

// Catches sizes that overflow, turn negative, or print as something that reads back as another size.
func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"0", "16MiB", "9007199254740992", "8388608GiB", "8388609GiB", "16MB", "-1", "1.5MiB", "12 parsecs", "99999999999999999999KiB"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseSize(s)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || strings.ContainsAny(err.Error(), "\n\r\x00\x1b") {
				t.Fatalf("not one typed line: %q", err)
			}
			return
		}
		if n < 0 || n > MaxSize {
			t.Fatalf("%q is %d", s, n)
		}
		if again, err := ParseSize(FormatSize(n)); err != nil || again != n {
			t.Fatalf("%q is %d, printed as %s, read back as %d, %v", s, n, FormatSize(n), again, err)
		}
	})
}
