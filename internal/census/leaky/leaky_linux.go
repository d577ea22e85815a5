package leaky

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"

	"golang.org/x/sys/unix"
)

// Plan is what the daemon does wrong and what else it does.
type Plan struct {
	// Every is after how many requests one socket is forgotten; 0: never.
	Every int
	// Noise is the most sockets that are open between two requests besides, opened and closed at random.
	Noise int
	Seed  uint64
}

// daemon has the sockets that it knows of; a forgotten one is in no list.
type daemon struct {
	plan Plan
	rand *rand.Rand
	pool []int
}

// Serve answers each line of in with the number of requests so far, until in ends. It then closes what it knows of.
func Serve(in io.Reader, out io.Writer, p Plan) error {
	d := &daemon{plan: p, rand: rand.New(rand.NewPCG(p.Seed, 0))}
	defer d.keep(0)
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		if err := d.request(n); err != nil {
			return fmt.Errorf("request %d: %w", n, err)
		}
		if _, err := fmt.Fprintln(out, n); err != nil {
			return err
		}
	}
	return lines.Err()
}

// request is a route update: a socket of its own, closed at the end but where that is forgotten.
func (d *daemon) request(n int) error {
	fd, err := netlink()
	if err != nil {
		return err
	}
	if d.plan.Every == 0 || n%d.plan.Every != 0 {
		if err := unix.Close(fd); err != nil {
			return err
		}
	}
	return d.breathe()
}

// breathe has the pool grow or shrink to a random size.
func (d *daemon) breathe() error {
	if d.plan.Noise == 0 {
		return nil
	}
	size := d.rand.IntN(d.plan.Noise + 1)
	d.keep(size)
	for len(d.pool) < size {
		fd, err := netlink()
		if err != nil {
			return err
		}
		d.pool = append(d.pool, fd)
	}
	return nil
}

// keep closes the newest until so many are left.
func (d *daemon) keep(size int) {
	for len(d.pool) > size {
		_ = unix.Close(d.pool[len(d.pool)-1]) // nothing was written
		d.pool = d.pool[:len(d.pool)-1]
	}
}

// netlink opens a socket and binds it: the kernel lists only those.
func netlink() (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return -1, err
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		_ = unix.Close(fd) // the error of the bind is what matters
		return -1, err
	}
	return fd, nil
}
