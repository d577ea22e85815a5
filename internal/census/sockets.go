package census

import (
	"fmt"
	"strconv"
	"strings"
)

// table is one of /proc/net's lists of sockets: where its lines have the inode, by which a descriptor is known.
type table struct {
	file    string
	machine Kind
	fd      Kind
	inode   int
	name    func(fields []string) string
}

// tables are all lists there are. Each begins with a line of headings.
var tables = []table{
	{"netlink", NetlinkSockets, FDNetlink, 9, netlinkName},
	{"unix", UnixSockets, FDUnix, 6, unixName},
	{"packet", PacketSockets, FDPacket, 8, func(f []string) string { return "packet protocol " + f[3] }},
	{"tcp", InetSockets, FDInet, 9, inetName("tcp")},
	{"tcp6", InetSockets, FDInet, 9, inetName("tcp6")},
	{"udp", InetSockets, FDInet, 9, inetName("udp")},
	{"udp6", InetSockets, FDInet, 9, inetName("udp6")},
	{"raw", InetSockets, FDInet, 9, inetName("raw")},
	{"raw6", InetSockets, FDInet, 9, inetName("raw6")},
	{"icmp", InetSockets, FDInet, 9, inetName("icmp")},
	{"icmp6", InetSockets, FDInet, 9, inetName("icmp6")},
	{"udplite", InetSockets, FDInet, 9, inetName("udplite")},
	{"udplite6", InetSockets, FDInet, 9, inetName("udplite6")},
}

// socket is a line of a table.
type socket struct {
	inode uint64
	// kernel is a netlink socket of the kernel's own, one of which each network namespace has for each protocol.
	kernel bool
	fields []string
}

// parse reads a table. A line without a socket's inode, as TCP's of a closed connection that
// waits for its time to be over, is of nothing that anybody holds.
func (t table) parse(content []byte) ([]socket, error) {
	var all []socket
	heading := true
	for line := range strings.Lines(string(content)) {
		if heading {
			heading = false
			continue
		}
		fields := strings.Fields(line)
		if t.machine == UnixSockets && (len(fields) == 0 || !strings.HasSuffix(fields[0], ":")) {
			continue // of the name before it: the kernel writes a newline in a name as it is
		}
		if len(fields) <= t.inode {
			return nil, fmt.Errorf("%s: %q has no column %d", t.file, strings.TrimSpace(line), t.inode+1)
		}
		inode, err := strconv.ParseUint(fields[t.inode], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: inode: %w", t.file, err)
		}
		if inode != 0 {
			all = append(all, socket{inode: inode, kernel: t.machine == NetlinkSockets && fields[2] == "0", fields: fields})
		}
	}
	return all, nil
}

// netlinkProtocols are those of linux/netlink.h that daemons use.
var netlinkProtocols = map[string]string{
	"0": "route", "2": "usersock", "4": "sock_diag", "6": "xfrm", "7": "selinux", "9": "audit", "10": "fib_lookup",
	"11": "connector", "12": "netfilter", "15": "kobject_uevent", "16": "generic", "20": "rdma", "21": "crypto",
}

func netlinkName(fields []string) string {
	protocol := netlinkProtocols[fields[1]]
	if protocol == "" {
		protocol = "protocol " + fields[1]
	}
	return "netlink " + protocol
}

func unixName(fields []string) string {
	if len(fields) > 7 {
		return "unix " + strings.Join(fields[7:], " ")
	}
	return "unix"
}

func inetName(protocol string) func([]string) string {
	return func(fields []string) string { return protocol + " " + fields[1] + " " + fields[2] }
}

// socketKind is what the kernel calls a socket's protocol (the attribute system.sockprotoname of its inode), which needs no
// table: a socket may be of a network namespace that its process has left.
func socketKind(protocol string) Kind {
	switch {
	case protocol == "NETLINK":
		return FDNetlink
	case strings.HasPrefix(protocol, "UNIX"):
		return FDUnix
	case protocol == "PACKET":
		return FDPacket
	}
	for _, family := range []string{"TCP", "UDP", "RAW", "PING", "MPTCP", "SCTP", "DCCP"} {
		if strings.HasPrefix(protocol, family) {
			return FDInet
		}
	}
	return FDSocket
}
