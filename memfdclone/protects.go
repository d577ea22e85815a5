package memfdclone

import "errors"

// ErrUnprotected is what Verify says of None.
var ErrUnprotected = errors.New("nothing is protected: who opens /proc/PID/exe anew has the binary itself")

// ErrNotExecutable is why a strategy's copy cannot be run.
var ErrNotExecutable = errors.New("execve(2) maps an executable's segments in small pages, which hugetlbfs refuses: the process is killed (SIGSEGV)")

// Executable returns nil, or why the kernel does not execute what the strategy makes of a binary.
//
// MemfdHugetlb: the kernel reads the header of such a file, gives up the old program, and then cannot map the
// new one: never start a process from it. (Linux 6.1 and 6.12 do execute an ELF file all of whose segments
// begin and end with huge pages, in the file and in memory; no linker makes one by itself.) The strategy is there to be measured.
func (s Strategy) Executable() error {
	if s == MemfdHugetlb {
		return ErrNotExecutable
	}
	return nil
}

// protection is what a strategy says of itself.
type protection struct{ against, not string }

const (
	sealedAgainst = "A container that opens /proc/PID/exe of init anew (CVE-2019-5736) gets a memfd whose seals let nobody, not " +
		"even root of the host, write to it, map it for writing or change its length: neither the binary nor a later start is affected."
	sealedNot = "The copy's pages are charged to whoever makes it, for as long as anything executes or holds it."
)

var protections = map[Strategy]protection{
	Memfd:     {sealedAgainst, sealedNot},
	MemfdCopy: {sealedAgainst, sealedNot},
	MemfdMmap: {sealedAgainst, sealedNot},
	MemfdTHP: {sealedAgainst, sealedNot + " While the copy is made, up to a huge page more is charged. Where the kernel finds no huge pages the copy fails, rather " +
		"than be made of small ones."},
	MemfdHugetlb: {sealedAgainst, "Nothing can be executed from it, so that in practice it protects nothing. Its pages come from the pool of huge pages, which memory limits do not count unless cgroup v2 is mounted with memory_hugetlb_accounting (6.6)."},
	Tmpfile: {"A container that writes to /proc/PID/exe of init writes to a copy without a name, which ends with the container's init. The binary is out of reach.",
		"The copy itself can be written to once nothing executes it: it must never be used for a second start. Its pages, and its blocks on a disk, are charged to whoever makes it."},
	Overlayfs: {"/proc/PID/exe of init leads to an overlay without an upper layer: every write is refused (EROFS), and no remount changes that, " +
		"whatever capabilities the container has over mounts.",
		"A container with CAP_DAC_READ_SEARCH gets at the file below by its handle (name_to_handle_at with AT_HANDLE_FID, Linux 6.6: refused on 6.1, done on 6.12) where its own root lies on the same file system. It is no copy: a process of the host that replaces or rewrites the binary's content changes what is executed. It cannot be recognised as protected by whoever is executed from it, as a sealed memfd can. " +
			"It needs CAP_SYS_ADMIN, and while it is used the file system below cannot be unmounted."},
	Bind: {"/proc/PID/exe of init leads to a mount that is read-only: every write is refused (EROFS).",
		"It is the host's own file: a container with CAP_DAC_READ_SEARCH gets at it by its handle (open_by_handle_at) through its own root, where that lies on the same file system, and any container's root can hold up the host's " +
			"starts by a lease on it. It is no copy: a process of the host that rewrites the binary changes what is executed. It needs CAP_SYS_ADMIN."},
	None: {"Nothing.", "A container's root that is root of the host opens /proc/PID/exe of init for writing and overwrites the binary that the host executes next (CVE-2019-5736)."},
}

// Protects says, in sentences for whoever chooses, what the strategy protects against and what it does not.
func (s Strategy) Protects() (against, not string) {
	p := protections[s]
	return p.against, p.not
}
