package enforce

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// proc reads what /proc tells of processes. Its answers are only as true as the
// process lives: callers check that afterwards.
type proc string

func (p proc) file(pid int, elem ...string) string {
	return string(p) + "/" + strconv.Itoa(pid) + "/" + path.Join(elem...)
}

// slurp reads a small file of the kernel's in one go: open, read, close. os.ReadFile
// makes twice as many calls while a runtime stands still.
func slurp(name string) ([]byte, error) {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }() // only read from
	buf := make([]byte, 4096)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}

// cgroup is the process's place in the v2 hierarchy.
func (p proc) cgroup(pid int) (string, error) {
	b, err := slurp(p.file(pid, "cgroup"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(b)) {
		if rest, v2 := strings.CutPrefix(line, "0::"); v2 {
			return strings.TrimSuffix(rest, "\n"), nil
		}
	}
	return "", errors.New("no cgroup v2")
}

// fileID tells one file from another.
type fileID struct{ dev, ino uint64 }

// exe is the file the process executes.
func (p proc) exe(pid int) (fileID, error) {
	var st unix.Stat_t
	if err := unix.Stat(p.file(pid, "exe"), &st); err != nil {
		return fileID{}, err
	}
	return fileID{uint64(st.Dev), st.Ino}, nil
}

// tgid is the process of a thread.
func (p proc) tgid(tid int) (int, error) {
	b, err := slurp(p.file(tid, "status"))
	if err != nil {
		return 0, err
	}
	_, rest, _ := bytes.Cut(b, []byte("\nTgid:\t"))
	line, _, found := bytes.Cut(rest, []byte("\n"))
	if !found {
		return 0, fmt.Errorf("no Tgid of thread %d", tid)
	}
	return strconv.Atoi(string(line))
}

// threads lists a process's threads; none when it is gone.
func (p proc) threads(pid int) []int {
	fd, err := unix.Open(p.file(pid, "task"), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = unix.Close(fd) }() // only read from
	var names []string
	buf := make([]byte, 4096)
	for {
		n, err := unix.ReadDirent(fd, buf)
		if n <= 0 || err != nil {
			break
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
	return numbers(strings.Join(names, " "))
}

// descendants lists the processes below pid, as far as their parents live.
func (p proc) descendants(pid int) []int {
	var all []int
	for _, tid := range p.threads(pid) {
		b, err := slurp(p.file(pid, "task", strconv.Itoa(tid), "children"))
		if err != nil {
			continue // the thread has ended; its children are another's now
		}
		for _, child := range numbers(string(b)) {
			all = append(append(all, child), p.descendants(child)...)
		}
	}
	return all
}

// numbers are the decimal words of s.
func numbers(s string) []int {
	var out []int
	for word := range strings.FieldsSeq(s) {
		if n, err := strconv.Atoi(word); err == nil {
			out = append(out, n)
		}
	}
	return out
}

// waits reports whether all of the process sleeps and it can only go on by another's
// word: each thread is in a call that waits, and one of them for a pipe, a socket or
// several descriptors. The state is the calls with their arguments, to be compared with a later look.
//
// There is no event for this. /proc/PID/syscall says "running" of a task that is not asleep.
func (p proc) waits(pid int) (state string, waiting bool) {
	var all strings.Builder
	for _, tid := range p.threads(pid) {
		b, err := slurp(p.file(pid, "task", strconv.Itoa(tid), "syscall"))
		if err != nil {
			return "", false
		}
		nr, arg := firstWords(string(b))
		switch {
		case many[nr], input[nr] && p.carriesWords(pid, arg):
			waiting = true
		case asleep[nr]:
		default:
			return "", false
		}
		all.Write(b)
	}
	return all.String(), waiting
}

// firstWords takes a line of /proc/PID/syscall apart: the call's number and its first argument.
// A task that is running, or in no call at all, has number -1.
func firstWords(line string) (nr int, arg uint64) {
	f := strings.Fields(line)
	if len(f) < 2 {
		return -1, 0
	}
	nr, err1 := strconv.Atoi(f[0])
	arg, err2 := strconv.ParseUint(f[1], 0, 64)
	if err1 != nil || err2 != nil {
		return -1, 0
	}
	return nr, arg
}

// carriesWords reports whether a descriptor leads to another process.
func (p proc) carriesWords(pid int, fd uint64) bool {
	link, err := p.link(pid, fd)
	return err == nil && (strings.HasPrefix(link, "socket:") || strings.HasPrefix(link, "pipe:"))
}

func (p proc) link(pid int, fd uint64) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlink(p.file(pid, "fd", strconv.FormatUint(fd, 10)), buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

// sealed reports whether a descriptor is a memfd that nobody can write any more, which is what runc and crun make of their binary.
func (p proc) sealed(pid int, fd uint64) bool {
	link, err := p.link(pid, fd)
	if err != nil || !strings.HasPrefix(link, "/memfd:") {
		return false // and is not opened: it might be anything
	}
	own, err := unix.Open(p.file(pid, "fd", strconv.FormatUint(fd, 10)), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(own) }() // only read from
	const need = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	seals, err := unix.FcntlInt(uintptr(own), unix.F_GET_SEALS, 0)
	return err == nil && seals&need == need
}

// memory reads up to n bytes from a thread's address space, fewer where no page follows: the kernel copies the
// part up to the page's end and the rest each as a whole or not at all.
func (p proc) memory(tid int, addr uint64, n int) ([]byte, error) {
	buf := make([]byte, n)
	size := uint64(os.Getpagesize())
	first := int(min(uint64(n), size-addr%size))
	local := []unix.Iovec{{Base: &buf[0], Len: uint64(n)}}
	remote := []unix.RemoteIovec{{Base: uintptr(addr), Len: first}, {Base: uintptr(addr) + uintptr(first), Len: n - first}}
	n, err := unix.ProcessVMReadv(tid, local, remote, 0)
	if err != nil {
		return nil, fmt.Errorf("process_vm_readv %d: %w", tid, err)
	}
	return buf[:n], nil
}

// cString reads a string that ends with a zero.
func (p proc) cString(tid int, addr uint64, limit int) (string, error) {
	b, err := p.memory(tid, addr, limit)
	if err != nil {
		return "", err
	}
	s, _, found := bytes.Cut(b, []byte{0})
	if !found {
		return "", fmt.Errorf("string at %#x of thread %d has no end", addr, tid)
	}
	return string(s), nil
}

// directory resolves the path of a mkdir or mkdirat to an absolute one, by name alone.
func (p proc) directory(c *call) (string, error) {
	addr, base := c.Args[0], "cwd"
	if c.kind == mkdirat {
		addr = c.Args[1]
		if at := int32(c.Args[0]); at != unix.AT_FDCWD {
			base = path.Join("fd", strconv.Itoa(int(at)))
		}
	}
	name, err := p.cString(int(c.TID), addr, unix.PathMax)
	if err != nil || path.IsAbs(name) {
		return path.Clean(name), err
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlink(p.file(int(c.TID), base), buf)
	return path.Join(string(buf[:max(n, 0)]), name), err
}

// socket is the path a connect goes to; "" for a socket without one.
func (p proc) socket(c *call) (string, error) {
	b, err := p.memory(int(c.TID), c.Args[1], int(min(c.Args[2], unix.SizeofSockaddrUnix)))
	if err != nil || len(b) < 3 || binary.NativeEndian.Uint16(b) != unix.AF_UNIX {
		return "", err
	}
	name, _, _ := bytes.Cut(b[2:], []byte{0})
	if len(name) == 0 {
		return "", nil
	}
	return path.Clean(string(name)), nil
}

// isBus reports whether systemd listens behind a socket, itself or by way of the message bus. runc
// and crun use the first; runc falls back to the second, where there is no bus.
func isBus(name string) bool {
	switch strings.TrimPrefix(name, "/var") {
	case "/run/dbus/system_bus_socket", "/run/systemd/private":
		return true
	}
	return false
}
