package protocol

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Doer does one command. Its context ends with the embedder's input: nobody waits any more for what it does.
type Doer func(context.Context, Command) Answer

// Serve says hello, then answers the lines of in one after the other until in or ctx ends. The command that is
// being done then is told by its context and answered; lines behind it are not. The error is that of writing.
func Serve(ctx context.Context, in io.Reader, out io.Writer, hello Answer, do Doer) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	if err := write(out, hello); err != nil {
		return err
	}
	lines := make(chan []byte)
	// It ends with in, or with this process.
	go func() {
		defer end()
		readLines(ctx, in, lines)
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case line := <-lines:
			if err := write(out, answer(ctx, line, do)); err != nil {
				return err
			}
		}
	}
}

// readLines reads on while a command is done: that is how the end of the input is noticed. A line without
// its newline is none, for whoever wrote it did not get to its end; one that is too long arrives cut, and so unreadable.
func readLines(ctx context.Context, in io.Reader, lines chan<- []byte) {
	r := bufio.NewReaderSize(in, MaxLine+1)
	for {
		line, err := r.ReadSlice('\n')
		whole := append([]byte(nil), line...)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = r.ReadSlice('\n')
		}
		if err != nil {
			return
		}
		select {
		case lines <- whole:
		case <-ctx.Done():
			return
		}
	}
}

func answer(ctx context.Context, line []byte, do Doer) Answer {
	c, err := DecodeCommand(line)
	if err != nil {
		return Answer{Verb: c.Verb, Failed: Read, Message: oneLine(err.Error())}
	}
	a := do(ctx, c)
	a.Verb, a.ID, a.Message = c.Verb, c.ID, oneLine(a.Message)
	return a
}

func write(out io.Writer, a Answer) error {
	text, err := json.Marshal(a)
	if err == nil {
		_, err = out.Write(append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("answer %s: %w", a.Verb, err)
	}
	return nil
}
