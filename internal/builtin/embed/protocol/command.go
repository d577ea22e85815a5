package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Verb is what is asked of an embedder, and what an answer is about.
type Verb string

const (
	// Cycle has a container made, started, waited for and removed.
	Cycle Verb = "cycle"
	// Collect has garbage collected until what nothing refers to any more has been closed, also where the collector is off.
	Collect Verb = "collect"
	// Ready is the embedder's first answer, to no command.
	Ready Verb = "ready"
)

// Command is one line to an embedder.
type Command struct {
	Verb Verb `json:"verb"`
	// ID and Bundle are a Cycle's alone, and so is Systemd, which selects the cgroup driver.
	ID      string `json:"id,omitempty"`
	Bundle  string `json:"bundle,omitempty"`
	Systemd bool   `json:"systemd,omitempty"`
}

// Step is where a cycle failed.
type Step string

const (
	Read   Step = "read"   // the command itself
	Bundle Step = "bundle" // its config.json
	Create Step = "create"
	Start  Step = "start" // up to init's waiting for the next
	Exec   Step = "exec"  // of the payload
	Wait   Step = "wait"  // for its end, or the embedder was told to end before
	Delete Step = "delete"
)

// Answer is one line of an embedder.
type Answer struct {
	Verb Verb   `json:"verb"`
	ID   string `json:"id,omitempty"`
	// Exit is the payload's exit status, 128 and the signal's number where one ended it. It means something in a Cycle that reached Delete.
	Exit int `json:"exit"`
	// Failed is the first step that did, with libcontainer's words for it; empty means none.
	Failed  Step   `json:"failed,omitempty"`
	Message string `json:"message,omitempty"`
	// Libcontainer and Go are the versions an embedder was built with: Ready alone has them.
	Libcontainer string `json:"libcontainer,omitempty"`
	Go           string `json:"go,omitempty"`
}

// MaxLine bounds a line of either: PATH_MAX, however it is escaped, and our words.
const MaxLine = 64 << 10

// maxMessage bounds the words of others in an answer.
const maxMessage = 4 << 10

// maxID keeps what is named after a container below NAME_MAX.
const maxID = 200

// DecodeCommand reads a line, with or without its newline. What it does not know it refuses.
func DecodeCommand(line []byte) (Command, error) {
	var c Command
	if err := decode(line, &c); err != nil {
		return Command{}, err
	}
	if err := c.check(); err != nil {
		return Command{}, err
	}
	return c, nil
}

// DecodeAnswer reads a line of an embedder.
func DecodeAnswer(line []byte) (Answer, error) {
	var a Answer
	err := decode(line, &a)
	return a, err
}

func decode(line []byte, to any) error {
	if len(line) > MaxLine {
		return fmt.Errorf("a line of more than %d bytes", MaxLine)
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return errors.New(oneLine(err.Error()))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value in a line")
	}
	return nil
}

func (c Command) check() error {
	switch c.Verb {
	case Collect:
		if c.ID != "" || c.Bundle != "" || c.Systemd {
			return errors.New("collect is about no container")
		}
		return nil
	case Cycle:
		return c.checkCycle()
	}
	return fmt.Errorf("verb %.20q is neither %s nor %s", c.Verb, Cycle, Collect)
}

func (c Command) checkCycle() error {
	switch {
	case c.ID == "" || len(c.ID) > maxID:
		return fmt.Errorf("an id of %d bytes: want 1 to %d", len(c.ID), maxID)
	case strings.ContainsFunc(c.ID, func(r rune) bool { return !strings.ContainsRune(idLetters, r) }):
		return fmt.Errorf("id %.40q has more in it than letters, digits and _+-. of a container's id", c.ID)
	case c.ID == "." || c.ID == "..":
		return errors.New("an id that is a directory")
	case !filepath.IsAbs(c.Bundle) || strings.ContainsRune(c.Bundle, 0):
		return fmt.Errorf("bundle %.40q is no absolute path", c.Bundle)
	}
	return nil
}

// idLetters are what libcontainer has in an ID.
const idLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-."

// oneLine is for what init or the kernel says in several, or at length.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxMessage {
		s = s[:maxMessage] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}
