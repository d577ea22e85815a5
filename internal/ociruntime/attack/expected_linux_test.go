package attack

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/initbench/initbench/memfdclone"
)

// What the kernel lets a container's root do by way of the runtime's file, in groups.
const (
	// reading is what takes no more than to read the file.
	reading = "flock lease-read lease-write inotify "
	content = "open mmap mprotect punch grow ftruncate truncate open-trunc write "
	// attributes are an owner's to change; with seals in place too.
	attributes = "chmod-setuid chown utimes xattr-capability "
	// executability is one of them, which F_SEAL_EXEC freezes.
	executability = "chmod-000 "
	// A privileged container, in addition.
	guarding     = "fanotify-permission "
	byCapability = "xattr-trusted immutable "
)

// expected is what the kernel lets be done, to an ordinary and to a privileged container.
func (w way) expected() (ordinarily, privilegedly []string) {
	var all, more string
	switch w.strategy {
	case memfdclone.None, memfdclone.Tmpfile:
		all, more = reading+content+attributes+executability+"xattr-user ", guarding+byCapability+"handle "
	case memfdclone.Overlayfs:
		all, more = reading, guarding
		if linux(6, 6) { // see handleOf
			more += "handle "
		}
	case memfdclone.Bind:
		all, more = reading, guarding+"handle "
	default:
		// A sealed memfd can be opened for writing; writing to it is another matter.
		all, more = reading+"open "+attributes, guarding+byCapability
		if !w.freezes() {
			all += executability
		}
		if linux(6, 6) { // tmpfs has had user.* since
			all += "xattr-user "
		}
	}
	return strings.Fields(all), strings.Fields(all + more)
}

// freezes says that the copy's mode is final: package memfdclone sees to that since the kernel can, and
// whoever copies in init does not.
func (w way) freezes() bool {
	return linux(6, 3) && w.options.Clone != memfdclone.InInit && w.runtime == "builtin"
}

// without leaves words out.
func without(words []string, gone ...string) []string {
	return slices.DeleteFunc(words, func(w string) bool { return slices.Contains(gone, w) })
}

// linux reports whether the kernel is at least that.
func linux(major, minor int) bool {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		panic(err)
	}
	got := [2]int{}
	if _, err := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &got[0], &got[1]); err != nil {
		panic(err)
	}
	return slices.Compare(got[:], []int{major, minor}) >= 0
}

// Catches an expectation of an attempt that is not made.
func TestExpectationsAreAttempts(t *testing.T) {
	for _, w := range append(perStart(), once) {
		_, all := w.expected()
		for _, name := range all {
			if !slices.ContainsFunc(attempts, func(a attempt) bool { return a.name == name }) {
				t.Errorf("%s: %s is no attempt", w.name, name)
			}
		}
	}
}
