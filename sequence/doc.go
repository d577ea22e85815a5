// Package sequence is the vocabulary of a container's init: which order of
// steps a trial asks for. It is pure; it starts nothing and observes nothing.
package sequence
