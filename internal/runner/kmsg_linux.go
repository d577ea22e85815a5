package runner

import (
	"errors"
	"fmt"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/results"
)

// The kernel's two lines about a memory cgroup kill (Linux mm/oom_kill.c,
// __oom_kill_process and dump_oom_victim's summary). The first is always
// printed, the second is rate-limited to 10 in 5 s.
var (
	killedLine  = regexp.MustCompile(`^Memory cgroup out of memory: Killed process (\d+) \((.*)\) total-vm:\d+kB, anon-rss:(\d+)kB, file-rss:(\d+)kB, shmem-rss:(\d+)kB`)
	summaryLine = regexp.MustCompile(`^oom-kill:constraint=CONSTRAINT_MEMCG,.*oom_memcg=([^,]*),task_memcg=([^,]*),task=(.*),pid=(\d+),uid=\d+`)
)

// kernelLog reads /dev/kmsg from the moment it was opened. It is for one
// goroutine at a time.
type kernelLog struct{ f *os.File }

func openKernelLog() (*kernelLog, error) {
	f, err := os.OpenFile("/dev/kmsg", os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, unix.SEEK_END); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &kernelLog{f: f}, nil
}

func (k *kernelLog) Close() error { return k.f.Close() }

// await returns when there is something to read, the limit is over, or a signal came: its caller looks, and waits again.
func (k *kernelLog) await(limit time.Duration) error {
	raw, err := k.f.SyscallConn()
	if err != nil {
		return err
	}
	var pollErr error
	err = raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		_, pollErr = unix.Poll(fds, int(limit.Milliseconds())+1)
	})
	if errors.Is(pollErr, unix.EINTR) {
		pollErr = nil
	}
	return errors.Join(err, pollErr)
}

// drain reads records until there are none; one read returns one record.
func (k *kernelLog) drain() ([]string, error) {
	raw, err := k.f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var out []string
	buf := make([]byte, 8192) // CONSOLE_EXT_LOG_MAX
	for {
		var n int
		var readErr error
		if err := raw.Control(func(fd uintptr) { n, readErr = unix.Read(int(fd), buf) }); err != nil {
			return out, err
		}
		switch {
		case errors.Is(readErr, unix.EAGAIN):
			return out, nil
		case errors.Is(readErr, unix.EPIPE), errors.Is(readErr, unix.EINTR):
			// EPIPE: records were overwritten before they were read; the next read has the oldest left.
			continue
		case readErr != nil:
			return out, fmt.Errorf("read /dev/kmsg: %w", readErr)
		case n == 0:
			return out, nil
		}
		out = append(out, kmsgText(string(buf[:n])))
	}
}

// kmsgText cuts "prefix,seq,usec,flags;text\n KEY=value..." down to the text
// (kernel documentation, ABI/testing/dev-kmsg).
func kmsgText(record string) string {
	_, text, found := strings.Cut(record, ";")
	if !found {
		return ""
	}
	text, _, _ = strings.Cut(text, "\n")
	return text
}

// isOfKill leaves out the many other lines that the kernel prints about each kill.
func isOfKill(line string) bool {
	return strings.HasPrefix(line, "Memory cgroup out of memory: ") || strings.HasPrefix(line, "oom-kill:")
}

// victims pairs the kernel's lines by pid. Each victim's Memcg is empty when the
// summary line was rate-limited away; task is the victim's own cgroup then also unknown.
func victims(lines []string) []victim {
	memcg := map[int][2]string{}
	var out []victim
	for _, l := range lines {
		if m := summaryLine.FindStringSubmatch(l); m != nil {
			if pid, err := strconv.Atoi(m[4]); err == nil {
				memcg[pid] = [2]string{m[1], m[2]}
			}
		}
		if v, ok := parseKilled(l); ok {
			v.Memcg, v.task = memcg[v.PID][0], memcg[v.PID][1]
			delete(memcg, v.PID) // a later process of that number is another
			out = append(out, v)
		}
	}
	return out
}

type victim struct {
	results.Victim
	task string // task_memcg
}

// within tells whether the victim died in cgroup (a path below the mount), by
// the kernel's own word; known is false when that word is missing.
func (v victim) within(cgroup string) (inside, known bool) {
	if v.task == "" {
		return false, false
	}
	return v.task == cgroup || strings.HasPrefix(v.task, path.Clean(cgroup)+"/"), true
}

func parseKilled(line string) (victim, bool) {
	m := killedLine.FindStringSubmatch(line)
	if m == nil {
		return victim{}, false
	}
	pid, err := strconv.Atoi(m[1])
	var size [3]int64
	for i := range size {
		kib, e := strconv.ParseInt(m[3+i], 10, 52)
		err = errors.Join(err, e)
		size[i] = kib << 10
	}
	if err != nil {
		return victim{}, false
	}
	return victim{Victim: results.Victim{PID: pid, Comm: m[2], AnonBytes: size[0], FileBytes: size[1], ShmemBytes: size[2], Line: line}}, true
}
