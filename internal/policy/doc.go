// Package policy reads what an upgrade is judged by: a YAML file with the scenarios and drivers to measure, the margin and the
// severity of each metric, and absolute ceilings. It becomes the options of a verdict (internal/verdict).
//
// It is fed by the command line, which also keeps the text in a run's header, so that stored records are judged again by what
// they were judged by. The default policy is a file like any other: what `initbench policy init` writes.
//
// It refuses whatever it does not know, for a typo that is passed over is a gate that judges something else: every error is one line with
// file, line and column, what is wrong and what would be right. It measures nothing and decides nothing.
package policy
