package ociruntime

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"strconv"
	"syscall"
)

// Payload says what the payload does after its stamp, in this order: map and
// touch anonymous memory, shared memory, write a file through the page cache,
// enumerate, hold, exit. Zero sizes are left out.
type Payload struct {
	// Nonce is repeated in the stamp, so that no other output passes for it.
	Nonce      string
	AnonBytes  int64
	ShmemBytes int64
	// FilePath must not exist. In a container the root is read-only and every writable
	// mount a tmpfs, whose pages count as shmem: only outside one is this page cache.
	FilePath  string
	FileBytes int64
	// Enumerate makes it list the subnets of an address pool, or be able to name them without.
	Enumerate Enumeration
	// Hold makes it say [HeldLine] and wait for the end of its stdin.
	Hold bool
	// ExitCode is 0 to 99.
	ExitCode int
}

// Enumerator is a way to be ready to hand out the subnets of an address pool.
type Enumerator string

const (
	// Eager makes a record of every subnet before the first is handed out, as libnetwork did before Docker 27.
	Eager Enumerator = "eager"
	// Lazy has one record, and computes what it says.
	Lazy Enumerator = "lazy"
)

// Enumerators lists the closed set.
func Enumerators() []Enumerator { return []Enumerator{Eager, Lazy} }

// Limits of an Enumeration, which payload.c has too.
const (
	MaxEnumerationBits = 64
	MinRecordBytes     = 8
	MaxRecordBytes     = 4096
)

// Enumeration is a pool's number of subnets and what each takes in memory. The zero value is none.
type Enumeration struct {
	// Bits is log2 of the number of subnets: the pool's size less its base's length.
	Bits int
	// RecordBytes is a subnet's record, 8 to 4096. Go's net.IPNet for an IPv6 subnet, with the address and the mask it
	// points at, takes 80.
	RecordBytes int64
	How         Enumerator
}

// Args are the payload's arguments, without its own name.
func (p Payload) Args() []string {
	args := []string{p.Nonce}
	add := func(action string, n int64) {
		if n != 0 {
			args = append(args, action, strconv.FormatInt(n, 10))
		}
	}
	add("anon", p.AnonBytes)
	add("shmem", p.ShmemBytes)
	if p.FilePath != "" {
		args = append(args, "file", p.FilePath, strconv.FormatInt(p.FileBytes, 10))
	}
	if e := p.Enumerate; e.How != "" {
		args = append(args, "enumerate", strconv.Itoa(e.Bits), strconv.FormatInt(e.RecordBytes, 10), string(e.How))
	}
	if p.Hold {
		args = append(args, "hold")
	}
	add("exit", int64(p.ExitCode))
	return args
}

// NewNonce returns a nonce that no earlier trial used.
func NewNonce() string {
	var b [8]byte
	// crypto/rand.Read never returns an error; it ends the process instead.
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// payloadFailures are the exit codes of payload.c's own failures.
var payloadFailures = map[int]string{
	100: "did not understand its arguments",
	101: "could not read the clock",
	102: "could not write its stamp",
	103: "could not map anonymous memory",
	104: "could not map shared memory",
	105: "could not make its file",
	106: "could not write its file",
	107: "could not say that it holds",
	108: "could not read its stdin",
	109: "could not map memory for records of subnets",
	110: "handed out another subnet than it was to",
}

// PayloadFailure says what an exit code of the payload means, when it is one of
// its own failures rather than the code it was told to exit with.
func PayloadFailure(code int) (what string, failed bool) {
	what, failed = payloadFailures[code]
	return what, failed
}

// PayloadBinary returns the payload's executable, or an [*EnvError] on an
// architecture it was not written for.
func PayloadBinary() ([]byte, error) {
	if len(payloadELF) == 0 {
		return nil, &EnvError{What: "provide the payload", Reason: "it exists for linux/amd64 only",
			Remedy: "run on an amd64 machine"}
	}
	return payloadELF, nil
}

// WritePayload writes the payload's executable to path, which must not exist.
func WritePayload(path string) error {
	bin, err := PayloadBinary()
	if err != nil {
		return err
	}
	return writeExecutable(path, bin)
}

// writeExecutable holds the fork lock while the file is open for writing: a child
// forked in between would keep a copy of the descriptor until its own exec, and
// until then executing the file fails with ETXTBSY (golang/go#22315).
func writeExecutable(path string, data []byte) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o755) // whatever the umask: the container's user need not be root
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
