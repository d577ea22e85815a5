package enforce

import (
	"errors"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// notification is struct seccomp_notif. golang.org/x/sys has neither it nor the two
// others of this interface, only the numbers of its ioctls.
type notification struct {
	ID    uint64
	TID   uint32 // of the thread, in our PID namespace
	Flags uint32
	Nr    int32
	Arch  uint32
	IP    uint64
	Args  [6]uint64
}

// response is struct seccomp_notif_resp.
type response struct {
	ID    uint64
	Val   int64
	Error int32
	Flags uint32
}

// sizes is struct seccomp_notif_sizes.
type sizes struct{ Notif, Resp, Data uint16 }

func notifSizes() (s sizes, err error) {
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_NOTIF_SIZES, 0, uintptr(unsafe.Pointer(&s)))
	if errno != 0 {
		return s, errno
	}
	return s, nil
}

// call is a stopped one.
type call struct {
	notification
	kind kind
	at   time.Time // received
}

// listener is the descriptor that a filter's notifications come from.
type listener struct {
	fd  int
	buf []uint64 // as large as this kernel's seccomp_notif, which may outgrow ours
}

func newListener(fd int) (listener, error) {
	s, err := notifSizes()
	return listener{fd: fd, buf: make([]uint64, (max(uintptr(s.Notif), unsafe.Sizeof(notification{}))+7)/8)}, err
}

// errGone: the caller was killed or its call was interrupted meanwhile. Nobody waits for an answer.
var errGone = errors.New("the call is gone")

// ioctl waits for nothing: a notification that poll announced and that went meanwhile is ENOENT. So the
// Go runtime need not be told of the call, which would rouse its monitor.
func (l listener) ioctl(request uint, arg unsafe.Pointer) error {
	for {
		_, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(l.fd), uintptr(request), uintptr(arg))
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
			continue
		case unix.ENOENT:
			return errGone
		}
		return errno
	}
}

// receive takes a notification. Call it when poll says there is one.
func (l listener) receive() (*call, error) {
	clear(l.buf) // the kernel refuses a buffer that is not zero
	if err := l.ioctl(unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&l.buf[0])); err != nil {
		return nil, err
	}
	n := *(*notification)(unsafe.Pointer(&l.buf[0]))
	return &call{notification: n, kind: trapped[n.Nr], at: time.Now()}, nil
}

// carryOn lets the call be made as if no filter were there. That its arguments
// may change after they were looked at does not matter: nothing is being permitted.
func (l listener) carryOn(c *call) error {
	r := response{ID: c.ID, Flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	return l.ioctl(unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r))
}

// valid reports whether the call still waits: only then is what was read from /proc
// under its thread's number that thread's.
func (l listener) valid(c *call) bool { return l.check(c.ID) == nil }

// alive returns why the listener cannot be asked any more. No call has number 0... but the kernel
// can be asked for it.
func (l listener) alive() error {
	if err := l.check(0); err != nil && !errors.Is(err, errGone) {
		return err
	}
	return nil
}

func (l listener) check(id uint64) error {
	return l.ioctl(unix.SECCOMP_IOCTL_NOTIF_ID_VALID, unsafe.Pointer(&id))
}
