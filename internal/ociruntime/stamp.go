package ociruntime

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// HeldLine is what a holding payload writes before it waits, newline included.
const HeldLine = "initbench-held\n"

const stampWord = "initbench-stamp "

// maxStamp is more than the longest stamp there can be: word, nonce (64), a space, 20 digits, newline.
const maxStamp = 128

// ErrNoStamp means that the output ended without the payload's stamp.
var ErrNoStamp = errors.New("the output ended without the payload's stamp")

// ScanStamp reads up to and including the line that carries the stamp with this
// nonce and returns its CLOCK_MONOTONIC nanoseconds; what follows is left in r.
// The stream may be shared with a runtime that prints whatever it likes, so the
// stamp may begin in the middle of a line, lines may be of any length (none is
// kept whole), and stamps with another nonce are output like any other. At the
// end of the output the error is [ErrNoStamp].
func ScanStamp(r *bufio.Reader, nonce string) (int64, error) {
	var tail []byte // the end of the line so far: a stamp may straddle two reads
	for {
		part, err := r.ReadSlice('\n')
		tail = append(tail, part...)
		if ns, found := findStamp(tail, nonce); found {
			return ns, nil
		}
		switch {
		case err == nil:
			tail = tail[:0]
		case errors.Is(err, bufio.ErrBufferFull):
			tail = append(tail[:0], tail[max(0, len(tail)-maxStamp):]...)
		case errors.Is(err, io.EOF):
			return 0, ErrNoStamp
		default:
			return 0, fmt.Errorf("read the payload's output: %w", err)
		}
	}
}

// findStamp looks for a whole stamp at the end of a line: it is written in one
// write, newline included, so that nothing of another writer comes after it.
func findStamp(line []byte, nonce string) (int64, bool) {
	at := bytes.LastIndex(line, []byte(stampWord+nonce+" "))
	if at < 0 {
		return 0, false
	}
	digits, whole := bytes.CutSuffix(line[at+len(stampWord)+len(nonce)+1:], []byte("\n"))
	if !whole {
		return 0, false
	}
	ns, err := strconv.ParseUint(string(digits), 10, 63)
	if err != nil || strconv.FormatUint(ns, 10) != string(digits) { // a sign or a zero before it is not the payload's: it would have no longest stamp
		return 0, false
	}
	return int64(ns), true
}

// WaitHeld reads up to and including [HeldLine]. It is called after [ScanStamp], when
// nobody but the payload writes any more.
func WaitHeld(r *bufio.Reader) error {
	line := make([]byte, len(HeldLine))
	if _, err := io.ReadFull(r, line); err != nil {
		return fmt.Errorf("wait for the payload to hold: %w", err)
	}
	if string(line) != HeldLine {
		return fmt.Errorf("wait for the payload to hold: it wrote %s", quote(string(line)))
	}
	return nil
}
