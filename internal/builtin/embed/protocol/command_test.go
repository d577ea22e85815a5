package protocol

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

// Catches a command that is read as another than was written.
func TestCommandsAreRead(t *testing.T) {
	for line, want := range map[string]Command{
		`{"verb":"collect"}`: {Verb: Collect},
		"{\"verb\":\"cycle\",\"id\":\"c-1_x.y+z\",\"bundle\":\"/b\"}\n":     {Verb: Cycle, ID: "c-1_x.y+z", Bundle: "/b"},
		` {"bundle":"/b c","systemd":true,"id":"1","verb":"cycle"} ` + "\n": {Verb: Cycle, ID: "1", Bundle: "/b c", Systemd: true},
	} {
		if got, err := DecodeCommand([]byte(line)); err != nil || got != want {
			t.Errorf("%s: %+v, %v", line, got, err)
		}
	}
}

// Catches a command that is carried out though it says nothing clear, or nothing that can be done.
func TestBadCommands(t *testing.T) {
	for line, want := range map[string]string{
		``:                               "EOF",
		`{`:                              "unexpected EOF",
		`[]`:                             "cannot unmarshal array",
		`null`:                           `verb "" is neither cycle nor collect`,
		`{"verb":"ready"}`:               `verb "ready" is neither`,
		`{"verb":"collect","id":"x"}`:    "about no container",
		`{"verb":"collect"}{}`:           "more than one value",
		`{"verb":"collect"} x`:           "more than one value",
		`{"verb":"collect","more":true}`: `unknown field "more"`,
		`{"verb":"cycle","bundle":"/b"}`: "an id of 0 bytes: want 1 to 200",
		`{"verb":"cycle","bundle":"/b","id":"` + strings.Repeat("a", 201) + `"}`: "an id of 201 bytes",
		`{"verb":"cycle","bundle":"/b","id":".."}`:                               "an id that is a directory",
		`{"verb":"cycle","bundle":"/b","id":"a/b"}`:                              `id "a/b" has more in it`,
		`{"verb":"cycle","bundle":"b","id":"a"}`:                                 `bundle "b" is no absolute path`,
		`{"verb":"cycle","bundle":"/b\u0000","id":"a"}`:                          "is no absolute path",
		strings.Repeat(" ", MaxLine+1):                                           "a line of more than 65536 bytes",
	} {
		got, err := DecodeCommand([]byte(line))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") || got != (Command{}) {
			t.Errorf("%.60s: %+v, %v; want %q", line, got, err, want)
		}
	}
}

// Catches a command that breaks the embedder, one that leads out of its directories, and one that means something else written anew.
func FuzzDecodeCommand(f *testing.F) {
	for _, s := range []string{`{"verb":"cycle","id":"c1","bundle":"/run/b","systemd":true}`, `{"verb":"collect"}`, `{"verb":"cycle","id":"..","bundle":"/"}`, "", "{", `{"verb":1}`, "null"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		c, err := DecodeCommand(line)
		if err != nil {
			if c != (Command{}) || strings.ContainsAny(err.Error(), "\n\r") || len(err.Error()) > 2*maxMessage {
				t.Fatalf("%q: %+v, %v", line, c, err)
			}
			return
		}
		if strings.ContainsAny(c.ID, "/\x00") || len(c.ID) > maxID || c.ID == ".." || (c.ID == "") != (c.Verb == Collect) {
			t.Fatalf("%q: id %q", line, c.ID)
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := DecodeCommand(text); err != nil || again != c {
			t.Fatalf("%q: %+v, written anew %+v, %v", line, c, again, err)
		}
	})
}

// Catches an embedder that an input of any kind stops, or that answers a line twice, with more than a line, or with one that cannot be read.
func FuzzServe(f *testing.F) {
	for _, s := range []string{"{\"verb\":\"collect\"}\n", "\n\nx\n", "{\"verb\":\"cycle\",\"id\":\"a\",\"bundle\":\"/b\"}\nno end", "\xff\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r, w := io.Pipe()
		input := &held{Reader: bytes.NewReader(in), answered: make(chan struct{})}
		done := make(chan error, 1)
		go func() {
			err := Serve(context.Background(), input, w, Answer{Verb: Ready}, func(_ context.Context, c Command) Answer {
				return Answer{Message: c.Bundle}
			})
			done <- errors.Join(err, w.Close())
		}()
		answers := bufio.NewReaderSize(r, MaxLine)
		// What is behind the last newline is no line.
		for i := range 1 + bytes.Count(in, []byte("\n")) {
			line, err := answers.ReadSlice('\n')
			if err != nil {
				t.Fatalf("answer %d: %v", i, err)
			}
			if a, err := DecodeAnswer(line); err != nil || (i == 0) != (a.Verb == Ready) {
				t.Fatalf("answer %d: %q, %v", i, line, err)
			}
		}
		close(input.answered)
		if _, err := answers.ReadByte(); !errors.Is(err, io.EOF) {
			t.Fatalf("behind the last answer: %v", err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

// held is an input that does not end before all that was read of it is answered.
type held struct {
	io.Reader
	answered chan struct{}
}

func (h *held) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if err != nil {
		<-h.answered
	}
	return n, err
}

// Catches a command that is done to its end though nobody waits for it, and one that is begun then.
func TestEndOfInputInterrupts(t *testing.T) {
	in, commands := io.Pipe()
	var done int
	started := make(chan struct{})
	result := make(chan error, 1)
	var out bytes.Buffer
	go func() {
		result <- Serve(context.Background(), in, &out, Answer{Verb: Ready}, func(ctx context.Context, c Command) Answer {
			done++
			close(started)
			<-ctx.Done()
			return Answer{Failed: Wait}
		})
	}()
	cycle := []byte("{\"verb\":\"cycle\",\"id\":\"a\",\"bundle\":\"/b\"}\n")
	if _, err := commands.Write(cycle); err != nil {
		t.Fatal(err)
	}
	<-started
	if err := commands.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil || done != 1 || !strings.HasSuffix(out.String(), "\n{\"verb\":\"cycle\",\"id\":\"a\",\"exit\":0,\"failed\":\"wait\"}\n") {
		t.Errorf("%v, %d begun: %s", err, done, out.String())
	}
}
