// Package scenarios says what is to be measured: scenario files, the types they
// parse into, and the plan, which is the sequence of trials a [Spec] asks for.
//
// It is the first stage. People feed it (the catalogue embedded here, their own
// files, flags on the command line) and internal/runner takes the trials. It
// starts no process, reads no clock and looks at nothing of the machine: the same
// Spec gives the same trials in the same order anywhere.
//
// A scenario file is one YAML mapping:
//
//	name: small-limits            # a-z, 0-9 and -
//	description: starts under a small limit
//	drivers: [cgroupfs, systemd]  # both, unless told
//	limits: [12MiB, 16MiB]        # or {from: 8MiB, to: 24MiB, step: 4MiB}, or with factor: 2; none first: also without one
//	search: {}                    # instead of limits: look for the smallest at which a container starts; see below
//	place: container              # or ancestor; only with limits or a search
//	orders: [natural]             # or clone-before-join, join-before-clone: the order of clone and join
//	observe: false                # watched by the eBPF observer, as trials with an order imposed always are
//	trials: 6                     # batches for each runtime in each cell
//	warmup: 1                     # starts for each runtime and driver before, not judged
//	containers: 1                 # in a batch
//	concurrent: false             # the containers of a batch all at once
//	timeout: 30s                  # for one trial
//	payload: {anon: 1MiB}         # what the container touches before it exits
//	judge: [oom.rate]             # what a gate judges
//	cycles: 100                   # a trial is a session of so many containers; see below
//	embedded: false               # in one process that lives as long as the session; with cycles alone
//	collector: off                # of that process's Go runtime
//	watch: [1, felix, a.service]  # processes whose descriptors are counted too
//	clock: instructions           # in a guest whose time counts instructions; see below
//	network: {pools: [{base: "fd0d:0ce5::/48", size: 64}]} # a network namespace and an address of each pool for every container
//	enumerate: {bits: [4, 32], how: [eager, lazy], record: 80} # the payload enumerates 2^BITS subnets
//	clones: [init, parent]        # axes of the built-in runtime alone: who makes the copy,
//	strategies: [memfd, bind]     # how,
//	sizes: [8MiB, 16MiB]          # and how much there is to copy
//	headroom: [none, 2MiB]        # its limits follow the size, in place of those above
//	places: [container, ancestor] # where those are set
//	runtimes:                     # besides those of the command line
//	  - {name: old, ref: runc@v1.1.14}
//
// or, in place of all that is of containers, the axes of joins measured alone, one after the other:
//
//	joins: {mechanisms: [procs, birth], cgroup: [late, early], siblings: [1, 2000], threads: [1, 16], busy: [false, true]}
//
// A search has from, to and step of the limits it looks among, the probability of a start that it looks for, the
// confidence, and most, the starts it may take of an arm in a cell; each has a default ([DefaultSearch]). It has no trials, it
// judges start.threshold, and its limits follow from how the starts before end: the plan has its warm-ups alone.
//
// A scenario with cycles counts what starts leave behind: a trial is a session of one runtime, and after each of its cycles of create, start,
// exit and delete is counted what there is of each kind of kernel object ([MachineKinds], [DescriptorKinds]). It judges
// leak.KIND of all kinds, unless told, and nothing that is of one start; what kills, watches or varies starts it refuses to stand beside.
//
// A scenario with a clock is made by that clock whatever the run's is, in a guest of its own, and judges the metrics of
// that clock alone ([Metric.Clock]): with one CPU, which is all that such a guest has, races and charges come out in
// another way. So it neither searches, nor observes, nor imposes an order, nor measures joins.
//
// Combinations that cannot be had, or are another cell under a second name, are not planned; [Spec.Cells] lists
// them with the reason. name, trials and judge are required, but for judge with cycles and trials with a search. Reading is strict: a key nobody knows, a key
// written twice, a value of another type and everything of YAML that a scenario has
// no use for (anchors, aliases, tags, merge keys, second documents, tabs) are
// refused, in one line that ends with what would be right. A file is never read
// past [MaxFileBytes], and the size of a plan is known before any of it is built.
package scenarios
