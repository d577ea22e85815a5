package cgroupjoin

// RootError is a cgroup root below which nothing can be made, since it is none of cgroup v2.
type RootError struct {
	Root   string
	Remedy string // what to do about it
}

func (e *RootError) Error() string {
	return "cgroup v2: " + e.Root + " is not a cgroup2 mount (a v1 or hybrid layout): " + e.Remedy
}
