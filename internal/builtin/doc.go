// Command initbench-builtin is the built-in runtime: an OCI runtime on runc's
// libcontainer that makes the copy of its own binary, and init's way into its
// cgroup, in every order and by every mechanism that initbench compares.
//
//	initbench-builtin [GLOBAL FLAG]... create --bundle DIR [--pid-file FILE] ID
//	initbench-builtin [GLOBAL FLAG]... start|state|kill|delete [--force] ID [SIGNAL]
//	initbench-builtin embed --state-root DIR [--gc on|off]
//
// It takes runc's verbs and flags (--root, --systemd-cgroup, --log, --log-format,
// --debug) and, before the verb:
//
//	--clone parent|init|once|none     who copies the binary that init is executed from
//	--strategy S                      how (package memfdclone); with parent, init and none
//	--cgroup early|late               whether the cgroup is made before init, or when it joins
//	--join procs|birth|unit|attach    how init gets there
//	--report FILE                     create writes what the copy cost there, as JSON
//	--plant-anon BYTES                init maps and touches as much in its cgroup, until the payload's exec
//	--plant-sleep DURATION            create sleeps so long before it starts init
//	--plant-syscalls N                init calls getppid so often
//
// The last three are costs of a known size, planted to see whether a gate finds them:
//
//	initbench gate --baseline builtin --candidate builtin:plant-sleep=18ms
//
// In a reference sizes take IEC suffixes (plant-anon=1MiB). scripts/plants makes wrappers that do the like to other runtimes.
//
// Without them each start is what libcontainer makes of it, and so what runc of the
// same version does. It is a binary of its own, and parses flags by the standard library, because
// its size is an axis of the measurements: it is what gets cloned.
//
// The verb embed is for something else: a process that lives on and makes one container after the other with libcontainer as it is (package embedder).
//
// It leaves out what initbench has no use for: checkpoints, exec, notify sockets, inherited
// descriptors. A terminal and a caller who is not root it refuses; package options says which
// flags make no sense together.
//
// A create that is killed leaves what runc's does: its state directory, and under cgroupfs a
// cgroup that has been made and that no process is in, for whoever made its parent to remove. With
// --cgroup early that is from before the copy on. Under systemd the scope goes with its
// last process, the placeholder, and that with the create.
//
// libcontainer offers no hook for which file init is executed from, or for
// the join: the program is built on a patched copy (libcontainer.patch, package
// build, docs/adr/0008), and does not start on any other.
package main
