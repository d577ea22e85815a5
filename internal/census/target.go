package census

import (
	"strconv"
	"strings"
)

// anonymous are the inodes without a file system's name, by what /proc/PID/fd calls them. Kernels differ in the brackets.
var anonymous = map[string]Kind{
	"eventpoll": FDEpoll, "eventfd": FDEventfd, "timerfd": FDTimerfd, "signalfd": FDSignalfd,
	"inotify": FDInotify, "fanotify": FDFanotify, "pidfd": FDPidfd,
	"bpf-prog": FDBPFProgram, "bpf-map": FDBPFMap, "bpf_link": FDBPFLink, "bpf-link": FDBPFLink,
	"btf": FDBPFOther, "bpf_iter": FDBPFOther, "bpf-token": FDBPFOther,
	"seccomp notify": FDSeccompNotify, "io_uring": FDIOUring, "perf_event": FDPerf, "fscontext": FDMountContext,
}

// namespaces are the kinds of the links in /proc/PID/ns, by the name before their number.
var namespaces = map[string]Kind{
	"net": NetNS, "mnt": MntNS, "pid": PIDNS, "uts": UTSNS, "ipc": IPCNS, "user": UserNS, "cgroup": CgroupNS, "time": TimeNS,
}

// target is what a link of /proc/PID/fd says: "net:[4026531840]", "socket:[123]", "pipe:[5]", "anon_inode:[eventfd]",
// "/memfd:name (deleted)", or a path.
type target struct {
	kind Kind
	// inode is a socket's.
	inode uint64
	// path tells that the kind follows from the file behind it, and the kind here is what it is when that cannot be looked at.
	path bool
}

func parseTarget(link string) target {
	if strings.HasPrefix(link, "/memfd:") {
		return target{kind: FDMemfd}
	}
	if strings.HasPrefix(link, "/") {
		return target{kind: FDFile, path: true}
	}
	what, rest, _ := strings.Cut(link, ":")
	switch what {
	case "anon_inode":
		if k, known := anonymous[strings.Trim(rest, "[]")]; known {
			return target{kind: k}
		}
	case "pipe":
		return target{kind: FDPipe}
	case "pidfd": // a file system of their own since Linux 6.9
		return target{kind: FDPidfd}
	case "socket":
		inode, err := bracketed(rest)
		if err == nil {
			return target{kind: FDSocket, inode: inode}
		}
	}
	if _, known := namespaces[what]; known && strings.HasPrefix(rest, "[") {
		return target{kind: FDNamespace}
	}
	return target{kind: FDOther}
}

// bracketed reads the number of "[123]".
func bracketed(s string) (uint64, error) {
	return strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"), 10, 64)
}

// parseNamespace takes "net:[4026531840]" apart.
func parseNamespace(link string) (kind Kind, inode uint64, known bool) {
	what, rest, _ := strings.Cut(link, ":")
	kind, known = namespaces[what]
	if !known || !strings.HasPrefix(rest, "[") || !strings.HasSuffix(rest, "]") {
		return "", 0, false
	}
	inode, err := bracketed(rest)
	return kind, inode, err == nil
}
