package memfdclone

import "strconv"

// procFD is the path by which a descriptor's file is opened anew, or executed.
func procFD(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }
