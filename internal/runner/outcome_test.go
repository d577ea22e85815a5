package runner

import (
	"errors"
	"testing"

	"github.com/initbench/initbench/results"
)

var (
	ok     = &exit{}
	one    = &exit{code: 1}
	killed = &exit{code: -1, signal: "killed"}
)

// Catches an outcome decided from anything but memory.events and exits: above all
// a start claimed for a container whose payload never ran.
func TestDecide(t *testing.T) {
	good := observation{create: ok, start: ok, stamped: true, payload: ok}
	with := func(change func(*observation)) observation {
		o := good
		change(&o)
		return o
	}
	for name, c := range map[string]struct {
		observation
		want   results.Outcome
		reason string
	}{
		"started":            {good, results.Started, ""},
		"killed before":      {observation{create: one, oomKills: 1}, results.InitOOMKilled, "1 OOM kill(s) in the container's cgroup before the payload's first instruction"},
		"killed after":       {with(func(o *observation) { o.oomKills, o.payload = 2, killed }), results.PayloadOOMKilled, "2 OOM kill(s) in the container's cgroup after the payload's first instruction"},
		"killed and hung":    {observation{phase: "create", timedOut: true, oomKills: 1}, results.InitOOMKilled, "1 OOM kill(s) in the container's cgroup before the payload's first instruction"},
		"hung":               {observation{phase: "create", timedOut: true}, results.TimedOut, "create did not end within the trial's timeout"},
		"create failed":      {observation{create: one}, results.Failed, "create exited with 1"},
		"create was killed":  {observation{create: killed}, results.Failed, "create was ended by signal: killed"},
		"start failed":       {observation{create: ok, start: one}, results.Failed, "start exited with 1"},
		"nothing started":    {observation{create: ok, start: ok}, results.Failed, "create and start exited with 0, but the payload never ran"},
		"no pid file":        {with(func(o *observation) { o.payload = nil }), results.Failed, "the payload's exit could not be seen: the runtime left no usable pid file"},
		"payload failed":     {with(func(o *observation) { o.payload = one }), results.Failed, "the payload exited with 1"},
		"payload was killed": {with(func(o *observation) { o.payload = killed }), results.Failed, "the payload was ended by signal: killed"},
		"not spawned":        {observation{phase: "create", spawnErr: errors.New("no such file")}, results.Failed, "create: no such file"},
		"status not ours":    {with(func(o *observation) { o.payload = &exit{code: -1} }), results.Started, "the payload's exit status could not be read: its parent is not initbench"},
	} {
		outcome, reason := c.decide()
		if outcome != c.want || reason != c.reason {
			t.Errorf("%s: %s, %q; want %s, %q", name, outcome, reason, c.want, c.reason)
		}
	}
}
