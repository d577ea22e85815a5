// Package runner runs a plan: it is the only package that starts trials and
// reads the clock.
//
// It is fed a Job (the plan, the runtimes' binaries, what is done already) and
// gives each Environment and Record to a Sink as it is made. A trial has three
// parts, so that the harness is not in the figure: what can be made beforehand
// is (cgroups, bundle, pipes), then the runtime is called and only clocks are
// read, then everything is read, judged into an outcome and removed.
//
// Trials run in three lanes, which are never mixed: timed ones have nothing of ours about them, observed
// ones are watched by sequence/observe, and where an order of clone and join is asked for,
// sequence/enforce imposes it on create. Neither outlives the harness, not even one that was
// killed: BPF links and a filter's listener are descriptors, and the kernel takes them back. A call
// that was held then fails with ENOSYS, and initbench clean removes what is left of its runtime.
//
// Of the built-in runtime a trial's build says which binary is executed and with which flags: its file is
// padded to every size of the plan before the first trial, and for clone=once this process holds a sealed copy until
// the run ends. A budget ends the plan between two blocks.
//
// A trial has cgroups of its own, unless its scenario judges times alone: then those of the one before are as good, where it left
// nothing in them, and its record has no peaks. By the clock that counts instructions what a trial writes is in memory.
//
// A trial may be a session: cycles of create, start, exit and delete in one tree, by the runtime's command line or by an
// embedder of libcontainer that lives as long as the session, with a census (internal/census) after each. The first two are not counted,
// since what is made once is no trend. Each payload holds for as long as it takes to see what it was handed.
// At the end is waited for what is released late; an embedder with a collector is told to collect before.
//
// It refuses to run beside another run, on top of what an earlier run left, or
// with scales that are off; it never decides an outcome from a message.
package runner
