package sequence_test

import (
	"fmt"

	"github.com/initbench/initbench/sequence"
)

// A process that has been moved into the container's cgroup copies the runtime's
// binary there: the container is charged for it.
func ExampleTimeline_Find() {
	event := func(ns int64, step sequence.Step, in sequence.Whose) sequence.Event {
		return sequence.Event{NS: ns, Step: step, PID: 42, Comm: "exe", Cgroup: in}
	}
	shmem := func(bytes int64) *sequence.Charge { return &sequence.Charge{Bytes: bytes, Shmem: &bytes} }
	clone := int64(10170368)
	create, sealed := event(4e6, sequence.MemfdCreate, sequence.Container), event(16e6, sequence.CloneSealed, sequence.Container)
	create.Container, create.Runtime = shmem(0), shmem(0)
	sealed.Container, sealed.Runtime, sealed.Bytes = shmem(clone), shmem(0), &clone

	found := sequence.Timeline{Events: []sequence.Event{event(3e6, sequence.Join, sequence.Container), create, sealed}}.Find()
	fmt.Println(found.Order)
	fmt.Println(found.Why)
	fmt.Println(*found.CloneToContainer, "of", *found.CloneBytes, "bytes charged to the container")
	// Output:
	// join-before-clone
	// exe (pid 42) was in the container's cgroup when it called memfd_create, 1.00 ms after the join
	// 10170368 of 10170368 bytes charged to the container
}

// Which orders there are is closed; whatever else a user writes is answered with the list.
func ExampleParseOrder() {
	_, err := sequence.ParseOrder("clone-first")
	fmt.Println(err)
	// Output: order "clone-first" is not one of natural, clone-before-join, join-before-clone
}
