// Package journal writes down what a run is about to make (cgroups, systemd
// units, directories) before it is made, so that whatever way the run ends,
// kill -9 included, `initbench clean` knows what to remove. It also holds the
// lock that keeps runs on one machine apart.
//
// It refuses to remove anything itself: it only remembers.
package journal
