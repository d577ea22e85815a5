// Package testenv states what a test needs of its machine and checks what a
// test binary leaves behind.
//
// Require skips, with the reason, a test whose needs an ordinary machine does
// not meet. Where INITBENCH_REQUIRE=1 is set (the guest lane sets it) the same
// skip is a failure: a lane that quietly tests nothing must not be green. What no guest has is promised by a
// variable of its own: a network and a compiler by INITBENCH_TEST_NETWORK, a browser by INITBENCH_TEST_BROWSER.
//
// Main runs a package's tests and fails the binary when descriptors, processes
// (its children, and orphans by a variable that they inherited), mounts, cgroups
// or systemd units of initbench outlive them. It
// asks the kernel and systemctl, never the packages under test. Tests that make
// such things need the machine to themselves: run their packages one at a time
// (go test -p 1).
package testenv
