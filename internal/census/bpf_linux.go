package census

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// walk goes through the kernel's numbers of one type of BPF object, which only grow. Nothing is loaded.
func walk[ID ~uint32](next func(ID) (ID, error), each func(ID)) error {
	for id := ID(0); ; {
		following, err := next(id)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: CAP_SYS_ADMIN is needed", err)
		}
		each(following)
		id = following
	}
}

func (t *Taker) bpfPrograms(_ context.Context, count *tally) error {
	count.counts(BPFPrograms, 0)
	return walk(ebpf.ProgramGetNextID, func(id ebpf.ProgramID) {
		count.one(BPFPrograms, func() string { return programName(id) })
	})
}

// programName opens the program for as long as it asks; one that is gone has its number alone.
func programName(id ebpf.ProgramID) string {
	p, err := ebpf.NewProgramFromID(id)
	if err != nil {
		return fmt.Sprintf("program %d", id)
	}
	defer func() { _ = p.Close() }() // only read from
	info, err := p.Info()
	if err != nil {
		return fmt.Sprintf("program %d", id)
	}
	return fmt.Sprintf("program %d %v %s", id, info.Type, info.Name)
}

func (t *Taker) bpfMaps(_ context.Context, count *tally) error {
	count.counts(BPFMaps, 0)
	return walk(ebpf.MapGetNextID, func(id ebpf.MapID) {
		count.one(BPFMaps, func() string { return mapName(id) })
	})
}

func mapName(id ebpf.MapID) string {
	m, err := ebpf.NewMapFromID(id)
	if err != nil {
		return fmt.Sprintf("map %d", id)
	}
	defer func() { _ = m.Close() }() // only read from
	info, err := m.Info()
	if err != nil {
		return fmt.Sprintf("map %d", id)
	}
	return fmt.Sprintf("map %d %v %s", id, info.Type, info.Name)
}

// bpfLinks opens each link, since the library has no way to walk their numbers alone.
func (t *Taker) bpfLinks(_ context.Context, count *tally) error {
	count.counts(BPFLinks, 0)
	links := new(link.Iterator)
	defer links.Close()
	for links.Next() {
		count.one(BPFLinks, func() string { return linkName(links.Link, links.ID) })
	}
	if err := links.Err(); err != nil {
		return fmt.Errorf("%w: CAP_SYS_ADMIN is needed", err)
	}
	return nil
}

func linkName(l link.Link, id link.ID) string {
	info, err := l.Info()
	if err != nil {
		return fmt.Sprintf("link %d", id)
	}
	return fmt.Sprintf("link %d of program %d", id, info.Program)
}
