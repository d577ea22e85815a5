package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"

	"github.com/initbench/initbench/internal/census"
)

// hold is a payload that waits, once it has begun, for the end of its standard input, so that it can be looked at.
type hold struct {
	in  *os.File // the payload's, for create to hand on
	end *os.File // closing it is the end

	// handed is what the payload can have beyond its standard streams; why there is nothing of it, where it could not be looked at.
	handed []census.Descriptor
	// waysOut are init's, from before its exec; blind is why they are not all.
	waysOut []census.Descriptor
	blind   error
	why     error
}

func newHold() (*hold, error) {
	in, end, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &hold{in: in, end: end, why: errors.New("the payload did not come to hold")}, nil
}

// look lists what the payload was handed, while it waits. Its own code has opened nothing by then.
func (h *hold) look(ctx context.Context, out *capture, init *initProcess) {
	if init == nil {
		h.why = errors.New("the runtime left no usable pid file")
		return
	}
	select {
	case <-out.held:
		h.handed, h.why = census.Inherited(init.pid)
		h.handed, h.why = append(h.handed, h.waysOut...), errors.Join(h.why, h.blind)
	case <-out.done:
	case <-ctx.Done():
	}
}

// inInit is how a descriptor is called that the payload has not but can reach.
const inInit = " (in init, where a working directory of /proc/self/fd/%d is this one)"

// lookAtInit lists, while init waits for start, its directories that are of the host. They are closed when the payload is executed, but
// its working directory is settled before: with that, what init has of the host the payload has (CVE-2024-21626).
//
// The host's mounts are asked for and not the container's: a mount that was never attached, such as the procfs that a
// runtime makes for itself (fsopen), is in neither list and is not the host's.
func (h *hold) lookAtInit(init *initProcess) {
	if init == nil {
		return // look says so
	}
	all, err := census.Inherited(init.pid)
	if err != nil {
		h.blind = err
		return
	}
	host, err := mountsOf(os.Getpid())
	if err != nil {
		h.blind = err
		return
	}
	for _, d := range all {
		if d.Kind != census.FDDir && d.Kind != census.FDCgroup {
			continue
		}
		mount, err := mountOf(init.pid, d.FD)
		switch {
		case err != nil:
			h.blind = err
		case slices.ContainsFunc(host, func(i *mountinfo.Info) bool { return i.ID == mount }):
			d.Target += fmt.Sprintf(inInit, d.FD)
			h.waysOut = append(h.waysOut, d)
		}
	}
}

func mountsOf(pid int) ([]*mountinfo.Info, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/mountinfo", pid))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	return mountinfo.GetMountsFromReader(f, nil)
}

// mountOf is the mount that a descriptor was opened on.
func mountOf(pid, fd int) (int, error) {
	path := fmt.Sprintf("/proc/%d/fdinfo/%d", pid, fd)
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if id, is := strings.CutPrefix(line, "mnt_id:"); is {
			return strconv.Atoi(strings.TrimSpace(id))
		}
	}
	return 0, fmt.Errorf("%s: no mnt_id", path)
}

// release has the payload go on.
func (h *hold) release() {
	for _, f := range []*os.File{h.in, h.end} {
		_ = f.Close() // nothing was written; twice does no harm
	}
}
