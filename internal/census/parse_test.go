package census

import (
	"slices"
	"strings"
	"testing"
)

// What kernels write, cut to what matters; of Linux 6.1 and 6.12.
const (
	recordedStat     = "817 (a) b (c)) R 807 807 29321 0 -1 4194304 97 0 0 0 0 0 0 0 20 0 3 0 4715438 3133440 382 18446744073709551615\n"
	recordedKthread  = "14 (kworker/0:1-ev) I 2 0 0 0 -1 69238880 0 0 0 0 0 0 0 0 20 0 1 0 4 0 0 18446744073709551615\n"
	recordedCgroup   = "nr_descendants 61\nnr_dying_descendants 2\n"
	recordedNewer    = "nr_descendants 3\nnr_subsys_cpuset 1\nnr_subsys_memory 40\nnr_dying_descendants 0\nnr_dying_subsys_memory 9\n"
	recordedKeyUsers = "    0:     9 8/8 3/1000000 40/25000000\n  998:     2 2/2 2/200 28/20000\n"
	recordedKeys     = `02b4e0db I------     1 perm 1f030000     0     0 keyring   .dns_resolver: empty
27c08c11 I--Q---     1 perm 1f3f0000     0 65534 keyring   _uid_ses.0: 1
1d5c3d25 I--Q---     2   3d 3f130000     0     0 keyring   _ses.initbench-7: 1
1c5a4a31 I--Q---     1 perm 3f010000     0     0 user      initbench: 5
`
	recordedNetlink = `sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
0000000060b26fe8 0   0          00000000 0        0        0     2        0        4       
00000000485ac0d8 0   1          00000551 0        0        0     2        0        1512    
00000000485ac0d9 16  4195       00000000 0        0        0     2        0        1513    
00000000485ac0da 99  4196       00000000 0        0        0     2        0        1514    
`
	recordedUnix = `Num       RefCount Protocol Flags    Type St Inode Path
000000006834ae95: 00000003 00000000 00000000 0001 03 2024028
0000000088242e50: 00000002 00000000 00010000 0001 01 2022734 /run/a name
with a second line
0000000088242e51: 00000002 00000000 00010000 0001 01 2022735 @abstract
`
	recordedTCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     
   0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 143 1 00000000c7cfb87d 100 0 0 10 0                       
   1: 0100007F:DD92 0100007F:0050 06 00000000:00000000 03:0000134E 00000000     0        0 0 3 000000009ac52331                                      
`
	recordedPacket = `sk               RefCnt Type Proto  Iface R Rmem   User   Inode
00000000485ac0d8 3      3    0003   2     1 0      0      20211
`
)

// Catches a name that ends the parse, and a kernel thread taken for a process.
func TestParseStat(t *testing.T) {
	p, err := parseStat([]byte(recordedStat))
	if want := (process{pid: 817, comm: "a) b (c)", state: 'R', threads: 3}); err != nil || p != want {
		t.Errorf("%+v, %v, want %+v", p, err, want)
	}
	if k, err := parseStat([]byte(recordedKthread)); err != nil || !k.kernel {
		t.Errorf("%+v, %v: want a kernel thread", k, err)
	}
	for _, bad := range []string{"", "1", "(a) S", "1 (a) S 1 2", strings.Replace(recordedStat, "4194304", "x", 1), "x" + recordedStat} {
		if p, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q is %+v", bad, p)
		}
	}
}

// Catches a key found in another's name, and a count that is missing taken for zero.
func TestFlat(t *testing.T) {
	for content, want := range map[string]int64{recordedCgroup: 2, recordedNewer: 0} {
		if n, err := flat([]byte(content), "nr_dying_descendants"); err != nil || n != want {
			t.Errorf("%q: %d, %v, want %d", content, n, err, want)
		}
	}
	for _, bad := range []string{"", "nr_dying", "nr_dying_descendants", "nr_dying_descendants \n", "nr_dying_descendants -1\n", "nr_dying_descendants 1 2\n"} {
		if n, err := flat([]byte(bad), "nr_dying_descendants"); err == nil {
			t.Errorf("%q is %d", bad, n)
		}
	}
}

// Catches users whose keys are not added, and half a line taken for none.
func TestKeyUsers(t *testing.T) {
	if n, err := keyUsers([]byte(recordedKeyUsers)); err != nil || n != 10 {
		t.Errorf("%d, %v, want 10", n, err)
	}
	for _, bad := range []string{"0:", "0: 9 x/8 3/1\n", "0: 9 -8/8 3/1\n"} {
		if n, err := keyUsers([]byte(bad)); err == nil {
			t.Errorf("%q is %d", bad, n)
		}
	}
}

// Catches a runtime's session keyring that is not named, and a key counted as a ring.
func TestKeyrings(t *testing.T) {
	names, err := keyrings([]byte(recordedKeys))
	if want := []string{"02b4e0db .dns_resolver: empty", "27c08c11 _uid_ses.0: 1", "1d5c3d25 _ses.initbench-7: 1"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("%q, %v, want %q", names, err, want)
	}
	if names, err := keyrings([]byte("02b4e0db I------ 1\n")); err == nil {
		t.Errorf("half a line is %q", names)
	}
}

func tableOf(t testing.TB, file string) table {
	t.Helper()
	for _, list := range tables {
		if list.file == file {
			return list
		}
	}
	t.Fatalf("no table is called %s", file)
	return table{}
}

func namesOf(list table, all []socket) (names []string) {
	for _, s := range all {
		if !s.kernel {
			names = append(names, list.name(s.fields))
		}
	}
	return names
}

// Catches the kernel's own sockets counted, a closed connection counted, and a name with a newline that ends the table.
func TestTables(t *testing.T) {
	for file, c := range map[string]struct {
		content string
		want    []string
	}{
		"netlink": {recordedNetlink, []string{"netlink route", "netlink generic", "netlink protocol 99"}},
		"unix":    {recordedUnix, []string{"unix", "unix /run/a name", "unix @abstract"}},
		"tcp":     {recordedTCP, []string{"tcp 00000000:07E8 00000000:0000"}},
		"packet":  {recordedPacket, []string{"packet protocol 0003"}},
		"raw":     {"  sl  local_address\n", nil},
		"udp":     {"", nil},
	} {
		list := tableOf(t, file)
		all, err := list.parse([]byte(c.content))
		if names := namesOf(list, all); err != nil || !slices.Equal(names, c.want) {
			t.Errorf("%s: %q, %v, want %q", file, names, err, c.want)
		}
	}
	for _, bad := range []string{"sk\n1 2 3\n", "sk\n" + strings.Repeat("x ", 12) + "\n"} {
		if all, err := tableOf(t, "netlink").parse([]byte(bad)); err == nil {
			t.Errorf("%q is %v", bad, all)
		}
	}
}

// Catches a socket's protocol taken for another's.
func TestSocketKind(t *testing.T) {
	for word, want := range map[string]Kind{
		"NETLINK": FDNetlink, "UNIX": FDUnix, "UNIX-STREAM": FDUnix, "TCP": FDInet, "TCPv6": FDInet, "UDPv6": FDInet, "PING": FDInet,
		"PACKET": FDPacket, "AF_VSOCK": FDSocket, "ALG": FDSocket, "": FDSocket,
	} {
		if got := socketKind(word); got != want {
			t.Errorf("%q is %s, want %s", word, got, want)
		}
	}
}

// Catches a kind that a kernel writes otherwise, and a path taken for an anonymous inode.
func TestParseTarget(t *testing.T) {
	for link, want := range map[string]target{
		"/memfd:runc_cloned:/proc/self/exe (deleted)": {kind: FDMemfd},
		"/sys/fs/cgroup":            {kind: FDFile, path: true},
		"/socket:[4]":               {kind: FDFile, path: true},
		"socket:[2024028]":          {kind: FDSocket, inode: 2024028},
		"socket:[x]":                {kind: FDOther},
		"pipe:[2026008]":            {kind: FDPipe},
		"net:[4026531840]":          {kind: FDNamespace},
		"anon_inode:[eventpoll]":    {kind: FDEpoll},
		"anon_inode:[eventfd]":      {kind: FDEventfd},
		"anon_inode:inotify":        {kind: FDInotify},
		"anon_inode:[pidfd]":        {kind: FDPidfd},
		"pidfd:[123]":               {kind: FDPidfd},
		"anon_inode:bpf-prog":       {kind: FDBPFProgram},
		"anon_inode:bpf-map":        {kind: FDBPFMap},
		"anon_inode:bpf_link":       {kind: FDBPFLink},
		"anon_inode:[bpf_link]":     {kind: FDBPFLink},
		"anon_inode:btf":            {kind: FDBPFOther},
		"anon_inode:seccomp notify": {kind: FDSeccompNotify},
		"anon_inode:[io_uring]":     {kind: FDIOUring},
		"anon_inode:[of tomorrow]":  {kind: FDOther},
		"":                          {kind: FDOther},
	} {
		if got := parseTarget(link); got != want {
			t.Errorf("%q is %+v, want %+v", link, got, want)
		}
	}
}

// Catches a link of /proc/PID/ns that is read as another kind, or a mount's root that is none.
func TestParseNamespace(t *testing.T) {
	if k, inode, known := parseNamespace("net:[4026531840]"); k != NetNS || inode != 4026531840 || !known {
		t.Errorf("%s %d %v", k, inode, known)
	}
	for _, bad := range []string{"", "/", "net:", "net:[x]", "net:[1", "file:[1]"} {
		if k, _, known := parseNamespace(bad); known {
			t.Errorf("%q is %s", bad, k)
		}
	}
}

// Catches a value read from a key that begins alike.
func TestInformation(t *testing.T) {
	const fdinfo = "pos:\t0\nflags:\t02000002\nlink_type:\tcgroup\nlink_id:\t7\nprog_tag:\tab\nprog_id:\t41\n"
	for key, want := range map[string]string{"prog_id": "41", "link_id": "7", "map_id": "", "prog": ""} {
		if got := information([]byte(fdinfo), key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte(recordedStat))
	f.Add([]byte(recordedKthread))
	f.Add([]byte("1 ()) S"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if p, err := parseStat(content); err == nil && !strings.Contains(string(content), "("+p.comm+")") {
			t.Errorf("the name %q is made up", p.comm)
		}
	})
}

func FuzzFlat(f *testing.F) {
	f.Add([]byte(recordedCgroup), "nr_descendants")
	f.Add([]byte("sockets:used 12\n"), "sockets:used")
	f.Fuzz(func(t *testing.T, content []byte, key string) {
		if n, err := flat(content, key); err == nil && n < 0 {
			t.Errorf("%d of something", n)
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte(recordedKeys))
	f.Add([]byte(recordedKeyUsers))
	f.Fuzz(func(t *testing.T, content []byte) {
		if n, err := keyUsers(content); err == nil && n < 0 {
			t.Errorf("%d keys", n)
		}
		names, err := keyrings(content)
		if lines := strings.Count(string(content), "\n") + 1; err == nil && len(names) > lines {
			t.Errorf("%d rings of %d lines", len(names), lines)
		}
	})
}

func FuzzTables(f *testing.F) {
	for _, content := range []string{recordedNetlink, recordedUnix, recordedTCP, recordedPacket} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, list := range tables {
			all, err := list.parse(content)
			if err != nil {
				continue
			}
			for _, s := range all {
				if s.inode == 0 || list.name(s.fields) == "" {
					t.Errorf("%s: %+v", list.file, s)
				}
			}
		}
	})
}

func FuzzTarget(f *testing.F) {
	for _, link := range []string{"socket:[1]", "net:[4026531840]", "anon_inode:[eventfd]", "/memfd:x (deleted)", "pipe:[5]", "cgroup:["} {
		f.Add(link)
	}
	f.Fuzz(func(t *testing.T, link string) {
		if _, err := ParseKind(string(parseTarget(link).kind)); err != nil {
			t.Errorf("%q: %v", link, err)
		}
		if k, _, known := parseNamespace(link); known && parseTarget(link).kind != FDNamespace {
			t.Errorf("%q is a namespace %s, and a descriptor of %s", link, k, parseTarget(link).kind)
		}
	})
}

func FuzzInformation(f *testing.F) {
	f.Add([]byte("pos:\t0\nprog_id:\t41\n"), "prog_id")
	f.Fuzz(func(t *testing.T, content []byte, key string) {
		if value := information(content, key); value != "" && !strings.Contains(string(content), value) {
			t.Errorf("%q is made up", value)
		}
	})
}

func FuzzParseWatch(f *testing.F) {
	for _, s := range []string{"1", "containerd", "all:runc", "kubelet.service", "all:7", "a.scope"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		w, err := ParseWatch(s)
		if err != nil {
			return
		}
		if again, err := ParseWatch(w.String()); err != nil || again != w {
			t.Errorf("%q is %+v, and %q again %+v (%v)", s, w, w, again, err)
		}
	})
}
