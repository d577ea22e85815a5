package vm

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A frame that is written in one order and read in another would cross stdout
// with stderr.
func TestFramesComeBackAsTheyWere(t *testing.T) {
	var wire bytes.Buffer
	f := &framer{rw: &wire}
	want := []frame{
		{kindRequest, []byte(`{"argv":["true"]}`)}, {kindStdout, []byte("a\x00b")}, {kindStdinEOF, []byte{}}, {kindSignal, []byte{2}},
	}
	for _, fr := range want {
		if err := f.write(fr.kind, fr.body); err != nil {
			t.Fatal(err)
		}
	}
	for i, fr := range want {
		got, err := f.read()
		if err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		if diff := cmp.Diff(fr, got, cmp.AllowUnexported(frame{})); diff != "" {
			t.Errorf("frame %d (-want +got):\n%s", i, diff)
		}
	}
}

// A sender that made frames larger than the reader takes would break every large
// output.
func TestSenderSplitsWhatIsTooLargeForOneFrame(t *testing.T) {
	var wire bytes.Buffer
	f := &framer{rw: &wire}
	text := strings.Repeat("x", 3*chunk+1)
	n, err := sender{f, kindStdout}.Write([]byte(text))
	if err != nil || n != len(text) {
		t.Fatalf("Write = %d, %v; want %d", n, err, len(text))
	}
	var got []byte
	for frames := 0; wire.Len() > 0; frames++ {
		fr, err := f.read()
		if err != nil || len(fr.body) > chunk {
			t.Fatalf("frame %d: %d bytes, %v", frames, len(fr.body), err)
		}
		got = append(got, fr.body...)
	}
	if string(got) != text {
		t.Errorf("got %d bytes back, want %d", len(got), len(text))
	}
}

// A corrupt length must neither allocate four gigabytes nor pass for a frame.
func TestReadRefusesBrokenFrames(t *testing.T) {
	for name, wire := range map[string][]byte{
		"too long":       {byte(kindStdout), 0xff, 0xff, 0xff, 0xff, 'x'},
		"header cut off": {byte(kindStdout), 0, 0},
		"body cut off":   {byte(kindStdout), 0, 0, 0, 9, 'x'},
		"nothing":        {},
	} {
		if fr, err := (&framer{rw: bytes.NewBuffer(wire)}).read(); err == nil {
			t.Errorf("%s: read %v without an error", name, fr)
		}
	}
}

// The agent and the host read what the other side of a channel sends: no bytes may
// make them panic or allocate without bound.
func FuzzFrame(f *testing.F) {
	f.Add([]byte{byte(kindExit), 0, 0, 0, 2, '{', '}'})
	f.Add([]byte{0, 0xff, 0, 0, 0})
	f.Fuzz(func(t *testing.T, wire []byte) {
		fr, err := (&framer{rw: bytes.NewBuffer(wire)}).read()
		if err == nil && len(fr.body)+frameHeader > len(wire) {
			t.Errorf("%d bytes of body from %d on the wire", len(fr.body), len(wire))
		}
	})
}
