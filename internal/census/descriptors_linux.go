package census

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Inherited lists what a process has beyond its standard streams, in the order of numbers. Of a container's init, or by the
// payload of itself (pid 0), it says what the runtime handed over.
func Inherited(pid int) ([]Descriptor, error) {
	dir := "/proc/self"
	if pid != 0 {
		dir = filepath.Join("/proc", strconv.Itoa(pid))
	}
	all, err := descriptors(dir)
	return slices.DeleteFunc(all, func(d Descriptor) bool { return d.FD <= 2 }), err
}

// descriptors lists those of the process in dir. One that is closed while it is listed is left out.
func descriptors(dir string) ([]Descriptor, error) {
	numbers, err := numbersIn(filepath.Join(dir, "fd"))
	if err != nil {
		return nil, err
	}
	look := looker{dir: dir}
	var all []Descriptor
	for _, fd := range numbers {
		d, open, err := look.at(fd)
		if err != nil {
			return nil, err
		}
		if open {
			all = append(all, d)
		}
	}
	return all, nil
}

// numbersIn lists a directory and closes it before anything is looked at: its own descriptor, if the process is this
// one, is gone by then.
func numbersIn(path string) ([]int, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	names, err := dir.Readdirnames(-1)
	if err := errors.Join(err, dir.Close()); err != nil {
		return nil, fmt.Errorf("list %s: %w", path, err)
	}
	var numbers []int
	for _, name := range names {
		if n, err := strconv.Atoi(name); err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// looker looks at the descriptors of one process and reads its tables of sockets at most once each.
type looker struct {
	dir     string
	sockets map[string]map[uint64]string
}

func (l *looker) at(fd int) (d Descriptor, open bool, err error) {
	path := filepath.Join(l.dir, "fd", strconv.Itoa(fd))
	link, err := os.Readlink(path)
	if gone(err) {
		return Descriptor{}, false, nil
	}
	if err != nil {
		return Descriptor{}, false, err
	}
	t := parseTarget(link)
	d = Descriptor{FD: fd, Kind: t.kind, Target: link}
	switch {
	case t.path:
		d.Kind, open = fileKind(path)
		return d, open, nil
	case t.kind == FDSocket:
		d.Kind, d.Target = l.socket(path, t.inode, link)
	default:
		d.Target += l.which(fd, t.kind)
	}
	return d, true, nil
}

// fileKind asks what lies behind a descriptor, through the link itself: its path may have another file by now, or none.
func fileKind(path string) (k Kind, open bool) {
	var file unix.Stat_t
	if err := unix.Stat(path, &file); gone(err) {
		return "", false
	} else if err != nil {
		return FDFile, true // such as one of a file server that is away
	}
	switch file.Mode & unix.S_IFMT {
	case unix.S_IFCHR, unix.S_IFBLK:
		return FDDevice, true
	case unix.S_IFIFO:
		return FDPipe, true
	case unix.S_IFDIR, unix.S_IFREG:
	default: // a link or a socket's name, opened with O_PATH
		return FDFile, true
	}
	switch {
	case onCgroup(path):
		return FDCgroup, true
	case file.Nlink == 0: // a file may itself be called "x (deleted)"
		return FDDeleted, true
	case file.Mode&unix.S_IFMT == unix.S_IFDIR:
		return FDDir, true
	}
	return FDFile, true
}

func onCgroup(path string) bool {
	var system unix.Statfs_t
	err := unix.Statfs(path, &system)
	return err == nil && (system.Type == unix.CGROUP2_SUPER_MAGIC || system.Type == unix.CGROUP_SUPER_MAGIC)
}

// socket tells a socket's kind by its inode's attribute and its name by the tables of the process's network namespace. One
// in no table was never bound, or is of another namespace: a daemon may have been in many.
func (l *looker) socket(path string, inode uint64, link string) (Kind, string) {
	kind := FDSocket
	protocol := make([]byte, 32)
	n, err := unix.Getxattr(path, "system.sockprotoname", protocol)
	if err == nil {
		word := strings.TrimRight(string(protocol[:n]), "\x00")
		kind, link = socketKind(word), link+" "+strings.ToLower(word)
	}
	for _, list := range tables {
		if err == nil && list.fd != kind {
			continue
		}
		if name, listed := l.listed(list)[inode]; listed {
			return list.fd, fmt.Sprintf("socket:[%d] %s", inode, name)
		}
	}
	return kind, link
}

// listed reads a table; one that cannot be read names nothing.
func (l *looker) listed(list table) map[uint64]string {
	if names, read := l.sockets[list.file]; read {
		return names
	}
	names := map[uint64]string{}
	all, _ := readTable(filepath.Join(l.dir, "net"), list)
	for _, s := range all {
		names[s.inode] = list.name(s.fields)
	}
	if l.sockets == nil {
		l.sockets = map[string]map[uint64]string{}
	}
	l.sockets[list.file] = names
	return names
}

// numbers are what fdinfo knows of kinds that all have one name.
var numbers = map[Kind]struct{ key, word string }{
	FDBPFProgram: {"prog_id", " id "}, FDBPFMap: {"map_id", " id "}, FDBPFLink: {"link_id", " id "}, FDPidfd: {"Pid", " of process "},
}

func (l *looker) which(fd int, k Kind) string {
	of, known := numbers[k]
	if !known {
		return ""
	}
	b, err := os.ReadFile(filepath.Join(l.dir, "fdinfo", strconv.Itoa(fd)))
	if err != nil {
		return "" // closed meanwhile
	}
	if value := information(b, of.key); value != "" {
		return of.word + value
	}
	return ""
}
