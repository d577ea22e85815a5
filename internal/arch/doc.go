// Package arch holds no code. Its test reads which package imports which and
// fails, with the reason, where docs/architecture.md says they must not.
//
// It reads the source rather than `go list -deps`: that needs a Go command and a
// module cache that an ordinary user can read, and tells of one operating system
// at a time. Here the files for all of them count.
package arch
