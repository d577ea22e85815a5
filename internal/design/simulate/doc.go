// Package simulate plays an adaptive run on records that were stored, with no container: it draws blocks of one binary's
// trials, gives them to both arms, and asks how often the verdict would be wrong, what it would find, and after how many starts.
//
// Stored runs feed it ([Read]); the tests of internal/design and `initbench calibrate` take what it finds. It knows no
// distribution: what is drawn was measured, a block at a time, so that what trials made next to each other share stays shared.
// Of trials beside each other it knows only what those made alone were: their figures, not what they do to one another.
//
// The runs of testdata are older than two things that a gate has: their observer did not tell calls that wait from others, so that
// start.syscalls is not judged in simulations, and their trials were made as the guest has huge pages by default and not without them, so that their
// peaks vary more than those of a gate now. Both make the simulated gate no cheaper than a real one.
package simulate
