package attack

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/initbench/initbench/internal/testenv"
	"golang.org/x/sys/unix"
)

// done is the answer to an order that the kernel let the attacker carry out.
const done = "done"

// attacker is the process inside a container. It takes one order a line and gives one line's answer:
// done, the kernel's errno by name, or what was asked for.
type attacker struct {
	exe   int            // O_PATH of the runtime's file, by way of /proc/PID/exe
	pidfd int            // of the runtime that the image had executed
	fifo  *os.File       // which that one reads
	kept  []func() error // ends what is kept
	watch int            // inotify
	sigio chan os.Signal
}

func play(in io.Reader, out io.Writer) int {
	a := &attacker{exe: -1, pidfd: -1, watch: -1, sigio: make(chan os.Signal, 1)}
	// The kernel's word that somebody waits for a lease.
	signal.Notify(a.sigio, unix.SIGIO)
	orders := bufio.NewScanner(in)
	for orders.Scan() {
		order, arg, _ := strings.Cut(orders.Text(), " ")
		fmt.Fprintln(out, a.obey(order, arg))
	}
	return 0
}

func (a *attacker) obey(order, arg string) string {
	switch order {
	case "await":
		return a.await()
	case "grab":
		return outcome(a.grab(arg))
	case "kill":
		return outcome(a.kill())
	case "try":
		return a.try(arg)
	case "keep":
		return outcome(a.keep(arg))
	case "drop":
		return outcome(a.drop())
	case "broken":
		<-a.sigio
		return done
	case "seen":
		return a.seen()
	case "descriptors":
		return descriptors()
	}
	return "no such order: " + order
}

// outcome writes an error in one word where it is the kernel's.
func outcome(err error) string {
	var errno unix.Errno
	switch {
	case err == nil:
		return done
	case errors.As(err, &errno):
		return unix.ErrnoName(errno)
	}
	return "error: " + err.Error()
}

// await returns the process that executes the runtime inside the container, once it has come to open its config.json: a
// fifo's open for writing waits for that.
func (a *attacker) await() string {
	f, err := os.OpenFile(bundle+"/config.json", os.O_WRONLY, 0)
	if err != nil {
		return outcome(err)
	}
	a.fifo = f
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return outcome(err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err == nil && strings.HasPrefix(string(b), "/proc/self/exe\x00") {
			return filepath.Base(filepath.Dir(path))
		}
	}
	return "error: nobody executes /proc/self/exe"
}

// grab takes hold of the file that a process executes, and of the process.
func (a *attacker) grab(pid string) error {
	n, err := strconv.Atoi(pid)
	if err != nil {
		return err
	}
	if a.pidfd, err = unix.PidfdOpen(n, 0); err != nil {
		return err
	}
	a.exe, err = unix.Open("/proc/"+pid+"/exe", unix.O_PATH|unix.O_CLOEXEC, 0)
	return err
}

// kill ends the runtime, and returns when nothing executes its file any more: a pidfd can be read once all
// threads are gone, and with them the memory that holds the file.
func (a *attacker) kill() error {
	if err := unix.PidfdSendSignal(a.pidfd, unix.SIGKILL, nil, 0); err != nil {
		return err
	}
	if err := testenv.Await(a.pidfd, unix.POLLIN, time.Minute); err != nil {
		return err
	}
	return errors.Join(unix.Close(a.pidfd), a.fifo.Close())
}

func (a *attacker) target() target {
	return target{fd: a.exe, path: fmt.Sprintf("/proc/self/fd/%d", a.exe)}
}

func (a *attacker) try(name string) string {
	for _, t := range attempts {
		if t.name == name {
			return outcome(t.do(a.target()))
		}
	}
	return "no such attempt: " + name
}

// keep does what only counts while it lasts.
func (a *attacker) keep(what string) error {
	t := a.target()
	switch what {
	case "open":
		return a.keepOpen(t, unix.O_WRONLY, 0)
	case "lease":
		return a.keepOpen(t, unix.O_RDONLY, unix.F_WRLCK)
	case "mode":
		return a.keepMode(t, 0)
	case "setuid":
		a.kept = append(a.kept, func() error { return unix.Chown(t.path, 0, 0) })
		if err := unix.Chown(t.path, nobody, nobody); err != nil {
			return err
		}
		return a.keepMode(t, unix.S_ISUID|unix.S_ISGID|0o111)
	case "watch":
		return a.keepWatch(t)
	}
	return fmt.Errorf("no way to keep %s", what)
}

// nobody is a user whom the runtime must not become.
const nobody = 65534

// keepMode adds bits, or takes all.
func (a *attacker) keepMode(t target, add uint32) error {
	var st unix.Stat_t
	if err := unix.Stat(t.path, &st); err != nil {
		return err
	}
	was, now := st.Mode&0o777, uint32(0)
	if add != 0 {
		now = was | add
	}
	a.kept = append(a.kept, func() error { return unix.Chmod(t.path, was) })
	return unix.Chmod(t.path, now)
}

func (a *attacker) keepOpen(t target, flags, lease int) error {
	fd, err := unix.Open(t.path, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	a.kept = append(a.kept, func() error { return unix.Close(fd) })
	if lease == 0 {
		return nil
	}
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, lease)
	return err
}

func (a *attacker) keepWatch(t target) (err error) {
	if a.watch, err = unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC); err != nil {
		return err
	}
	_, err = unix.InotifyAddWatch(a.watch, t.path, unix.IN_OPEN)
	return err
}

// drop ends all that is kept, but for the watch.
func (a *attacker) drop() (err error) {
	for _, end := range a.kept {
		err = errors.Join(err, end())
	}
	a.kept = nil
	return err
}

// seen counts the opens of the file since it was last asked.
func (a *attacker) seen() string {
	buf := make([]byte, 64*unix.SizeofInotifyEvent) // the events of a file have no names
	n, err := unix.Read(a.watch, buf)
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		return outcome(err)
	}
	return strconv.Itoa(max(n, 0) / unix.SizeofInotifyEvent)
}

// descriptors lists where what this process was given leads to.
func descriptors() string {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return outcome(err)
	}
	var list []string
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			list = append(list, to)
		}
	}
	return strings.Join(list, " ")
}
