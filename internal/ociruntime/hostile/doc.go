// Package hostile writes runtimes that misbehave, for the tests of everything
// that has to survive one: they hang, flood, fork away, lie and exit 0.
//
// Each is a POSIX shell script with an OCI runtime's command line, so that it
// runs wherever the tests do and shows at a glance what it does. It is used
// by tests alone and nothing here is linked into initbench.
package hostile
