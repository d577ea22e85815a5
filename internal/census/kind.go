package census

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is a kind of kernel object. The set is closed.
type Kind string

// Kinds of a machine.
const (
	// Cgroups are those below the Taker's cgroup; dying ones are removed, and stay until the last page charged to them is gone.
	Cgroups      Kind = "cgroups"
	DyingCgroups Kind = "dying-cgroups"

	// Units are those that systemd has loaded; scopes and failed ones are among them.
	Units       Kind = "units"
	FailedUnits Kind = "failed-units"
	Scopes      Kind = "scopes"

	// Mounts are those of this process's namespace; private ones those of all others that a process is in.
	// They are two kinds because a mount here is propagated to each service that has a namespace of its own.
	Mounts        Kind = "mounts"
	PrivateMounts Kind = "private-mounts"

	NetNS    Kind = "netns"
	MntNS    Kind = "mntns"
	PIDNS    Kind = "pidns"
	UTSNS    Kind = "utsns"
	IPCNS    Kind = "ipcns"
	UserNS   Kind = "userns"
	CgroupNS Kind = "cgroupns"
	TimeNS   Kind = "timens"

	// Sockets are those of all network namespaces that a process is in, of whatever family. The kinds below it are listed
	// by the kernel once they are bound or connected; only this number has those that never were.
	Sockets        Kind = "sockets"
	NetlinkSockets Kind = "netlink-sockets"
	UnixSockets    Kind = "unix-sockets"
	InetSockets    Kind = "inet-sockets"
	PacketSockets  Kind = "packet-sockets"

	BPFPrograms Kind = "bpf-programs"
	BPFLinks    Kind = "bpf-links"
	BPFMaps     Kind = "bpf-maps"

	// ShmemPages are all pages of shared memory; TmpfsPages those in a tmpfs that is mounted here; MemfdPages the rest:
	// memfds, shared anonymous memory, System V's, and a tmpfs that only another namespace has.
	ShmemPages Kind = "shmem-pages"
	TmpfsPages Kind = "tmpfs-pages"
	MemfdPages Kind = "memfd-pages"

	// Keys are the kernel's count over all users; keyrings those that this process may list.
	Keys     Kind = "keys"
	Keyrings Kind = "keyrings"

	// Processes leave out the kernel's own threads, which come and go by themselves, and zombies.
	Processes Kind = "processes"
	Zombies   Kind = "zombies"
	// Threads are those of all processes but this one: the Go runtime starts its own when it likes.
	Threads Kind = "threads"

	// StateDirectories are the entries of the directories that the Taker was given.
	StateDirectories Kind = "state-directories"
)

// Kinds of descriptors.
const (
	FDFile          Kind = "fd:file"
	FDDir           Kind = "fd:dir"
	FDDeleted       Kind = "fd:deleted"
	FDDevice        Kind = "fd:device"
	FDCgroup        Kind = "fd:cgroup"
	FDPipe          Kind = "fd:pipe"
	FDMemfd         Kind = "fd:memfd"
	FDNetlink       Kind = "fd:socket:netlink"
	FDUnix          Kind = "fd:socket:unix"
	FDInet          Kind = "fd:socket:inet"
	FDPacket        Kind = "fd:socket:packet"
	FDSocket        Kind = "fd:socket:other"
	FDNamespace     Kind = "fd:ns"
	FDPidfd         Kind = "fd:pidfd"
	FDEpoll         Kind = "fd:epoll"
	FDEventfd       Kind = "fd:eventfd"
	FDTimerfd       Kind = "fd:timerfd"
	FDSignalfd      Kind = "fd:signalfd"
	FDInotify       Kind = "fd:inotify"
	FDFanotify      Kind = "fd:fanotify"
	FDBPFProgram    Kind = "fd:bpf-prog"
	FDBPFMap        Kind = "fd:bpf-map"
	FDBPFLink       Kind = "fd:bpf-link"
	FDBPFOther      Kind = "fd:bpf-other"
	FDSeccompNotify Kind = "fd:seccomp-notify"
	FDIOUring       Kind = "fd:iouring"
	FDPerf          Kind = "fd:perf-event"
	FDMountContext  Kind = "fd:fscontext"
	FDOther         Kind = "fd:other"
)

// MachineKinds are all that a Taker counts, in the order in which they are shown.
func MachineKinds() []Kind {
	return []Kind{
		Cgroups, DyingCgroups, Units, Scopes, FailedUnits, Mounts, PrivateMounts,
		NetNS, MntNS, PIDNS, UTSNS, IPCNS, UserNS, CgroupNS, TimeNS,
		Sockets, NetlinkSockets, UnixSockets, InetSockets, PacketSockets,
		BPFPrograms, BPFLinks, BPFMaps, ShmemPages, TmpfsPages, MemfdPages,
		Keys, Keyrings, Processes, Zombies, Threads, StateDirectories,
	}
}

// DescriptorKinds are all that a process's descriptors are counted as, in the order in which they are shown.
func DescriptorKinds() []Kind {
	return []Kind{
		FDFile, FDDir, FDDeleted, FDDevice, FDCgroup, FDPipe, FDMemfd,
		FDNetlink, FDUnix, FDInet, FDPacket, FDSocket, FDNamespace, FDPidfd,
		FDEpoll, FDEventfd, FDTimerfd, FDSignalfd, FDInotify, FDFanotify,
		FDBPFProgram, FDBPFMap, FDBPFLink, FDBPFOther, FDSeccompNotify, FDIOUring, FDPerf, FDMountContext, FDOther,
	}
}

// ParseKind refuses what is no kind.
func ParseKind(s string) (Kind, error) {
	if k := Kind(s); slices.Contains(MachineKinds(), k) || slices.Contains(DescriptorKinds(), k) {
		return k, nil
	}
	return "", fmt.Errorf("%q is no kind of kernel object", s)
}

// OfProcess reports whether a kind is of a process's descriptors.
func (k Kind) OfProcess() bool { return strings.HasPrefix(string(k), "fd:") }
