package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/sequence"
)

// conclude reads what the trial's cgroups say, names the outcome and removes
// everything, also after a cancelled or half-prepared trial.
func (c *collector) conclude(p *prepared, m measured) (concluded, error) {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	if p.tree == nil {
		return concluded{}, c.discard(p, nil)
	}
	reading, readErr := p.tree.Read()
	end := concluded{Record: c.record(p, m, reading)}
	timeline, lookErr := p.look(m, &end.Record) // before the removal, which is no step of the start
	end.timeline = timeline
	leaks, removeErr := c.giveTree(ctx, p, &end.Record)
	end.Leaks = append(leaks, c.diskLeaks(p)...)
	left, freeErr := p.freeNetwork()
	end.Leaks = append(end.Leaks, left...)
	return end, errors.Join(readErr, lookErr, c.discard(p, errors.Join(removeErr, freeErr)))
}

// concluded is a trial that is over.
type concluded struct {
	results.Record
	timeline *sequence.Timeline // nil where nothing watched
}

// store hands a trial on, its timeline first.
func (c *collector) store(end concluded) error {
	c.shared.Lock() // and nothing between the two
	defer c.shared.Unlock()
	if end.timeline != nil {
		if err := c.sink.Timeline(end.Index, *end.timeline); err != nil {
			return err
		}
	}
	return c.sink.Record(oneLined(end.Record))
}

// oneLined is the record with what errors said in one line each, as tables and logs show it.
func oneLined(r results.Record) results.Record {
	r.Reason = OneLine(r.Reason)
	r.Warnings, r.Leaks = slices.Clone(r.Warnings), slices.Clone(r.Leaks)
	for _, texts := range [][]string{r.Warnings, r.Leaks} {
		for i := range texts {
			texts[i] = OneLine(texts[i])
		}
	}
	if r.Enforcement != nil {
		e := *r.Enforcement
		e.Why = OneLine(e.Why)
		r.Enforcement = &e
	}
	return r
}

// discard removes the trial's directory, ends its lane and closes its scope in the journal.
func (c *collector) discard(p *prepared, err error) error {
	err = errors.Join(err, p.leaveLane())
	p.closePipes()
	if err = errors.Join(err, c.removeDir(p.dir)); err != nil {
		c.shared.Lock()
		defer c.shared.Unlock()
		c.unclean = true
		return err
	}
	return c.gone(p.scope)
}

func (c *collector) record(p *prepared, m measured, r cgroupjoin.Reading) results.Record {
	m.oomKills = r.Pod.OOMKill
	rec := results.Record{
		Kind: "trial", Schema: results.Schema, Trial: p.Trial,
		Runtime: p.binary, Environment: c.env.ID,
		StartNS: m.startNS, Latency: m.latency,
		ContainerPeak: &r.PodPeakBytes, RuntimePeak: &r.RuntimePeakBytes,
		ContainerCPU: &r.PodCPUUsec, RuntimeCPU: &r.RuntimeCPUUsec,
		Leaf: m.leaf, Ancestor: events(r.Pod), LimitInForce: limitInForce(p, m, r),
		Warnings: m.warnings,
	}
	if p.reused != nil {
		rec.ContainerPeak, rec.RuntimePeak = nil, nil // of all that were in the tree
	}
	rec.Outcome, rec.Reason = m.decide()
	var err error
	if rec.Clone, err = p.cloneReport(); err != nil {
		rec.Warnings = append(rec.Warnings, err.Error())
	}
	if m.payload != nil {
		rec.ExitCode, rec.ExitSignal = m.payload.exitCode(), m.payload.signal
	}
	if rec.Outcome != results.Started || len(m.warnings) > 0 {
		rec.Output = m.output
	}
	c.describeVictim(p, &rec)
	warnLimit(p, &rec)
	if m.session != nil {
		m.session.describe(&rec)
	}
	rec.Attachment = p.attached.describe()
	return rec
}

func (e *exit) exitCode() *int {
	if e.code < 0 {
		return nil
	}
	return &e.code
}

func events(e cgroupjoin.Events) *results.Events {
	return &results.Events{OOM: e.OOM, OOMKill: e.OOMKill, OOMGroupKill: e.OOMGroupKill, Max: e.Max}
}

// limitInForce is memory.max where the limit was asked; nil when it was not seen.
func limitInForce(p *prepared, m measured, r cgroupjoin.Reading) *int64 {
	switch {
	case p.Limit == 0:
		return nil
	case p.Place == cgroupjoin.OnAncestor:
		return &r.PodMaxBytes
	}
	return m.limitInForce
}

func warnLimit(p *prepared, rec *results.Record) {
	switch {
	case rec.LimitInForce == nil || *rec.LimitInForce == p.Limit:
	case *rec.LimitInForce == cgroupjoin.NoLimit:
		rec.LimitInForce = nil
		rec.Warnings = append(rec.Warnings, fmt.Sprintf("the limit of %d bytes was not in force when the container was created", p.Limit))
	default:
		rec.Warnings = append(rec.Warnings, fmt.Sprintf("the limit in force was %d bytes, not %d", *rec.LimitInForce, p.Limit))
	}
}

// readLeaf takes the limit in force while the container waits to be started.
func (c *collector) readLeaf(p *prepared, m *measured, init *initProcess) {
	leaf, err := p.tree.ReadLeaf()
	switch {
	case err != nil:
		m.warnings = append(m.warnings, "container's cgroup: "+err.Error())
	case leaf == nil:
		m.warnings = append(m.warnings, noLeaf(init))
	default:
		m.limitInForce, m.leaf = &leaf.MaxBytes, events(leaf.Events)
	}
}

// noLeaf says why a container that was created has no cgroup. Systemd removes that of a scope with its last process.
func noLeaf(init *initProcess) string {
	if init != nil && init.hasEnded() {
		return "init had ended when create had returned, and the container's cgroup had gone"
	}
	return "the container's cgroup was not where the driver puts it when create had returned"
}

// readLeafEvents reads the leaf's counters again at the end, where it still is.
func (c *collector) readLeafEvents(p *prepared, m *measured) {
	leaf, err := p.tree.ReadLeaf()
	if err == nil && leaf != nil {
		m.leaf = events(leaf.Events)
	}
}

// diskLeaks lists what the runtime left in its state root after delete.
func (c *collector) diskLeaks(p *prepared) []string {
	entries, err := os.ReadDir(p.cli.StateRoot)
	if err != nil {
		return nil // never made, or removed with its last container
	}
	var leaks []string
	for _, e := range entries {
		leaks = append(leaks, "state directory "+e.Name())
	}
	return leaks
}
