// Package killat kills a runtime between two steps of one verb, and tells which steps there are.
//
// [Run] starts the verb under ptrace, which it follows into every process and thread. At the entry of each system call that
// makes a step of the container's it notes the step ([sequence.Timeline]); at the one it was asked for, it sends the verb's
// process SIGKILL. A call at whose entry its task is stopped and killed is not made, so the runtime dies exactly before the step. Where
// a child of the runtime takes the step, that child is held until the runtime is dead and then goes on: what it does
// without its parent is its own affair, and the question.
//
// A seccomp filter, as sequence/enforce has it, would stay on the container for good, and answer a call it stops with ENOSYS once we
// are gone; time alone (SIGSTOP after so many milliseconds) is not exact. A tracer that ends leaves nothing on its tracees: they go on. So the filter is
// for a verb of which no process that it started is there when it ends or is killed ([Command.Alone]): with it the filter goes. Of the other verbs
// those that have been followed once from end to end are stopped only where the step is known to be taken ([Command.Known]): by that process, and from the
// birth before it on.
//
// Where initbench itself is killed, a SIGSTOP that is under way and that the tracer would have taken stops its process for good: whoever was just born traced has
// one, and so have the tasks that are to be stopped from a birth on ([Command.Known]). It stays stopped until initbench clean kills it.
//
// Nothing that is traced is timed: each call costs two stops without a filter. The tracer's thread waits for its tracees alone (__WNOTHREAD), so that
// it takes no status that is another goroutine's to read.
package killat
