// Package idle is a process that does nothing, to be joined to cgroups: with as many threads as asked
// for, each there before it says so, or moving between cgroups without end.
//
// It is a program of its own (program/idle.c, 1.4 KB, no libc), since neither initbench nor any other Go
// program can be it: the Go runtime has some four threads of its own, and how many threads a process has is
// part of what a join costs. It is executed from a memfd, so nothing of it is on disk, and it ends
// with its stdin, so that none outlives whoever started it, not even by kill -9.
//
// The package knows processes. It makes no cgroup and reads no clock: internal/runner does, and
// a runtime that has a scope made early keeps it alive with one.
package idle

//go:generate sh ../../internal/freestanding/build.sh program/idle
