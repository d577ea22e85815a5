// Package ociruntime is everything a trial needs of the runtime under test but
// running it: what a user's reference means, which binary that is, how it is
// called, and what it is given to run.
//
//   - [ParseRef] and [Resolve] turn a reference (a path, a name on PATH, or
//     runc@v1.1.15) into a binary on this machine, installing it where it has to.
//   - [ResolveEmbedder] does so for a program that embeds libcontainer, which builtin@v1.5.1 means: built of
//     the source in package embed against that version of runc, into the same cache. Its place is a scenario of cycles
//     that are embedded; Resolve refuses it, since it has no create and no start.
//   - [Identify] says which binary lies at a path: version, SHA-256, size and file
//     system. It is separate from Resolve because it has to be asked on the machine
//     where the trials run, which need not be the one where the user typed.
//   - [MakeRootfs] and [WriteBundle] make the bundle: one read-only root shared by
//     all trials of a run and a config.json for each.
//   - [CLI] writes the command lines of create, start, kill, delete and state.
//   - [Payload] is the process inside the container; [ScanStamp] reads what it says.
//
// Nothing here asks which runtime it has before it. Whatever runc, crun and youki
// do not all accept is not used, and where they differ a comment says how.
//
// The package starts no container, measures nothing and reads no clock: package
// runner does, and feeds this one. The processes started here are the runtime's
// own --version and, to install a runtime, the go command and the C compiler.
//
// The payload is machine code for linux/amd64, committed like an eBPF object and
// rebuilt by go generate. On any other architecture [PayloadBinary] is an
// [EnvError], and so is installing a runtime anywhere but on Linux.
package ociruntime

//go:generate sh ../freestanding/build.sh payload/payload
