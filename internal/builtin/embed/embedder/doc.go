// Package embedder is a long-lived process that has libcontainer linked in, as a daemon would, and makes one
// container after the other with it: what libcontainer keeps of each shows in such a process alone, since a runtime's
// command line has ended before anybody could look.
//
//	initbench-builtin embed --state-root DIR [--gc on|off]
//
// It is commanded through package protocol, and ends with its standard input; a container that is running then is killed and removed
// first. With --gc off nothing is collected unless it is asked for: a descriptor that only a finalizer closes stays open.
//
// One source is built against every version of libcontainer: what the API makes different is in one file, libcontainer_linux.go for
// the version in go.mod and one for an older generation in each folder whose name begins with an underscore, which the go
// command passes over. Package embed puts a module together of them. The patch of the built-in runtime is not needed and not applied to
// other versions.
//
// The embedder honours of a bundle's process what initbench writes into one, and refuses terminals. It counts no descriptor and reads no clock: whoever
// watches does that from outside.
package embedder
