// Package embed starts an embedder of libcontainer and tells it what to do, for whoever measures what one container after the other
// leaves in a process that lives on; and it has the source that such an embedder is built of, for any version of libcontainer.
//
//   - [Start] and [Embedder] are the near side of package protocol: one cycle at a time, and a process that does not outlive its caller.
//   - [WriteModule] writes the source of package embedder as a module that requires one version of runc. Package ociruntime has the go
//     command build that, for a reference such as builtin@v1.5.1; plain builtin is an embedder of the libcontainer in our own go.mod.
//
// It is linked into initbench and so has no libcontainer in it. It counts nothing: the embedder's descriptors are for a census to read,
// by [Embedder.PID].
package embed
