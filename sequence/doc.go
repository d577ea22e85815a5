// Package sequence is the vocabulary of a container's init: the steps a start is
// made of, the timeline of one start, the orders of clone and join, and the predicates
// that decide from a timeline which order occurred. It is pure: it starts nothing and observes
// nothing. Package enforce imposes an order, package observe makes timelines.
package sequence
