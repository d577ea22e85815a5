// Package enforce imposes an order of clone and join on an unmodified runtime, by
// seccomp user notification on the few calls that mark steps.
package enforce
