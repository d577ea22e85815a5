package vm

import (
	"regexp"
	"strings"
	"sync"
)

// console keeps the end of what the guest printed on its serial line and notices
// when the kernel says that it is dying.
type console struct {
	mu      sync.Mutex
	lines   []string
	partial []byte
	// fatal is the first line that announced the kernel's death.
	fatal string
	dying chan struct{} // closed with fatal
}

const (
	consoleLines = 400
	consoleWidth = 512
)

// fatalLine matches what a kernel prints when it cannot be trusted any more. A
// soft lockup is only a guest that got no processor for a while.
var (
	fatalLine  = regexp.MustCompile(`Kernel panic|Oops: |BUG: |general protection fault|Unable to mount root|end Kernel panic`)
	harmless   = regexp.MustCompile(`BUG: (soft lockup|workqueue lockup)`)
	escapeCode = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")
)

func newConsole() *console { return &console{dying: make(chan struct{})} }

// Write takes what the serial line says, in pieces of any size.
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range p {
		if b != '\n' {
			if len(c.partial) < consoleWidth {
				c.partial = append(c.partial, b)
			}
			continue
		}
		c.line(string(c.partial))
		c.partial = c.partial[:0]
	}
	return len(p), nil
}

func (c *console) line(s string) {
	s = strings.TrimRight(escapeCode.ReplaceAllString(s, ""), "\r ")
	if s == "" {
		return
	}
	c.lines = append(c.lines, s)
	if len(c.lines) > consoleLines {
		c.lines = append(c.lines[:0], c.lines[len(c.lines)-consoleLines:]...)
	}
	if c.fatal == "" && fatalLine.MatchString(s) && !harmless.MatchString(s) {
		c.fatal = s
		close(c.dying)
	}
}

// tail is the last n lines, the unfinished one included.
func (c *console) tail(n int) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := append([]string(nil), c.lines...)
	if len(c.partial) > 0 {
		all = append(all, string(c.partial))
	}
	return all[max(0, len(all)-n):]
}

func (c *console) fatalSaid() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fatal
}
