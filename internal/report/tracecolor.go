package report

import (
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/sequence"
)

// paint wraps text in an ANSI colour, where there are colours.
func (o Options) paint(color, s string) string {
	if !o.Color || s == "" || color == "" {
		return s
	}
	return "\x1b[" + color + "m" + s + "\x1b[0m"
}

// colors of what a trace shows: red is what a container pays and dies of.
const (
	good   = "32"
	bad    = "31;1"
	doubt  = "33"
	strong = "1"
)

var foundColors = map[sequence.Found]string{
	sequence.FoundCloneBeforeJoin: good,
	sequence.FoundJoinBeforeClone: bad,
	sequence.FoundOverlapping:     bad,
	sequence.FoundBornInCgroup:    good,
	sequence.FoundNoClone:         good,
	sequence.FoundUnknown:         doubt,
}

func (o Options) found(f sequence.Found) string { return o.paint(foundColors[f], string(f)) }

var outcomeColors = map[results.Outcome]string{
	results.Started:          good,
	results.InitOOMKilled:    bad,
	results.PayloadOOMKilled: bad,
	results.Failed:           bad,
	results.TimedOut:         bad,
}

func (o Options) outcome(r results.Outcome) string { return o.paint(outcomeColors[r], string(r)) }

// change is grew with what the container was charged in red.
func (o Options) change(change *int64) string {
	color := good
	if change != nil && *change > 0 {
		color = bad
	}
	return o.paint(color, grew(change))
}

// strong paints each word, since a sentence is broken between them.
func (o Options) strong(sentence string) string { return o.paint(strong, sentence) }
