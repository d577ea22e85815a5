package runner

import (
	"context"
	"fmt"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/internal/builtin/embed"
	"github.com/initbench/initbench/scenarios"
)

// embedder is the process that makes a session's containers. It lives as long as the session: what libcontainer keeps of each
// container shows in it alone.
//
// It is not in the journal: it ends with its standard input, so with this process however that ends, and removes the container
// that it is at. What it does not come to remove is in the trial's tree and directory, which are. It lives in that tree as
// the runtimes do, so that who cleans up while it still ends (which may take it seconds) kills it before the tree goes.
type embedder struct {
	*embed.Embedder
	calm func() bool // ends what an interruption would do
}

// startEmbedder has it hurry when ctx, the run's own, ends: an embedder that hangs is then waited for no longer than any runtime is.
func (s *session) startEmbedder(ctx context.Context) (*embedder, error) {
	starting, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	e, err := embed.Start(starting, s.cli.Binary, embed.Options{
		StateRoot: s.cli.StateRoot, CollectorOff: s.Collector == scenarios.NoCollector, CgroupFD: s.tree.RuntimeCgroupFD(),
	})
	if err != nil {
		return nil, err
	}
	return &embedder{e, context.AfterFunc(ctx, e.Hurry)}, nil
}

func (e *embedder) close() error {
	err := e.Close()
	e.calm()
	return err
}

// cycle says of the one cycle what it would of the verbs of a command line. The payload's stamp goes nowhere: that
// it ended with the status it was told to is what shows that it ran.
func (e *embedder) cycle(ctx context.Context, q *prepared) measured {
	ctx, cancel := context.WithTimeout(ctx, q.Timeout) // or one that hangs would have all of the session's
	defer cancel()
	m := measured{startNS: now()}
	m.phase = "the cycle"
	r, err := e.Cycle(ctx, embed.Container{ID: q.id, Bundle: q.bundle(), Systemd: q.Driver == cgroupjoin.Systemd})
	switch {
	case err != nil && ctx.Err() != nil:
		m.timedOut = true
	case err != nil:
		m.phase, m.spawnErr = "embedder", err
	case r.Failed != "":
		m.phase, m.spawnErr = "embedder", fmt.Errorf("libcontainer %s: %s: %s", e.Libcontainer(), r.Failed, r.Message)
	default:
		m.create, m.start, m.stamped, m.payload = &exit{}, &exit{}, true, &exit{code: r.Exit}
	}
	return m
}
