package sequence

// withShares adds the size of the clone and who was charged for it.
//
// A memfd's pages are shmem, and a runtime makes no other: where both readings have it,
// what shmem grew by from memfd_create to the seal is the clone, whoever else ran in that cgroup. The total counts everything
// that anybody there allocated, and the runtime's other threads go on working; where only it was read, a cgroup's
// growth counts while the copying process was in it. Either way no share is below
// nothing, and both together are not above the clone: the container's own reading wins, its cgroup being the quieter one.
func (s *start) withShares(f Finding, clone *memfd) Finding {
	if clone == nil {
		return f
	}
	create, seal := s.Events[clone.create], s.Events[clone.seal]
	inContainer, inRuntime := s.spans(clone)
	if seal.Bytes != nil && *seal.Bytes >= 0 {
		f.CloneBytes = copied(seal.Bytes)
	}
	f.CloneToContainer = capped(grownContainer(create.Container, seal.Container, inContainer), f.CloneBytes, nil)
	f.CloneToRuntime = capped(grown(create.Runtime, seal.Runtime, inRuntime), f.CloneBytes, f.CloneToContainer)
	return f
}

// span is the charges at the beginning and the end of the time in which a process was in a cgroup.
type span struct {
	never    bool
	from, to *Charge
}

// spans are the parts of the copy during which its process was in the container's cgroup, and in the runtime's.
func (s *start) spans(clone *memfd) (inContainer, inRuntime span) {
	create, seal := s.Events[clone.create], s.Events[clone.seal]
	inContainer, inRuntime = span{from: create.Container, to: seal.Container}, span{from: create.Runtime, to: seal.Runtime}
	// What cannot be decided here was refused before.
	atCreate, _ := s.insideAt(clone.by, clone.create)
	atSeal, _ := s.insideAt(clone.by, clone.seal)
	switch {
	case atCreate:
		inRuntime = span{never: true}
	case !atSeal:
		inContainer = span{never: true}
	case clone.by.entry != outside && clone.create < clone.by.at && clone.by.at < clone.seal:
		join := s.Events[clone.by.at]
		inContainer.from, inRuntime.to = join.Container, join.Runtime
	}
	return inContainer, inRuntime
}

// grownContainer knows that the container's cgroup need not be there when the copy begins, nor at all before the join.
func grownContainer(create, seal *Charge, total span) *int64 {
	if create == nil {
		create = &Charge{Shmem: new(int64)}
	}
	if total.from == nil {
		total.from = &Charge{}
	}
	return grown(create, seal, total)
}

// grown is what shmem grew by over the whole copy, or else the total while the
// process was there; nil where neither was read at both ends.
func grown(create, seal *Charge, total span) *int64 {
	switch {
	case create != nil && seal != nil && create.Shmem != nil && seal.Shmem != nil:
		return difference(*create.Shmem, *seal.Shmem)
	case total.never:
		return new(int64)
	case total.from == nil || total.to == nil:
		return nil
	}
	return difference(total.from.Bytes, total.to.Bytes)
}

func difference(from, to int64) *int64 {
	d := to - from
	return &d
}

func copied(n *int64) *int64 {
	if n == nil {
		return nil
	}
	c := *n
	return &c
}

// capped keeps a share between nothing and what the other share leaves of the clone.
func capped(share, clone, other *int64) *int64 {
	if share == nil {
		return nil
	}
	got := max(*share, 0)
	if clone != nil {
		room := *clone
		if other != nil {
			room -= *other
		}
		got = max(min(got, room), 0)
	}
	return &got
}
