package runner

import (
	"strings"
	"sync"
	"time"

	"github.com/initbench/initbench/results"
)

// kills are those that the kernel has printed since they were forgotten. Trials that run at once share its log: a line is
// read by whoever comes first, so all are kept, for each to find its own by its cgroup.
type kills struct {
	log *kernelLog // nil where /dev/kmsg may not be read

	mu    sync.Mutex
	lines []string
}

// killPatience bounds the wait for the kernel's line about a kill it has counted.
const killPatience = 2 * time.Second

func (k *kills) close() error {
	if k.log == nil {
		return nil
	}
	return k.log.Close()
}

// forget empties the kernel log, so that what it says afterwards is about trials that begin now.
func (k *kills) forget() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lines = nil
	if k.log == nil {
		return nil
	}
	_, err := k.log.drain()
	return err
}

// of returns the first process killed in cgroup, where the kernel counts one: it does so a moment before it prints the line, which
// is waited for.
func (k *kills) of(cgroup string, alone bool) (*results.Victim, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.log == nil {
		return nil, nil
	}
	for deadline := time.Now().Add(killPatience); ; {
		fresh, err := k.log.drain()
		for _, line := range fresh {
			if isOfKill(line) {
				k.lines = append(k.lines, line)
			}
		}
		v, told := pick(victims(k.lines), cgroup, alone)
		if err != nil || told || !time.Now().Before(deadline) {
			return v, err
		}
		if err := k.log.await(time.Until(deadline)); err != nil {
			return nil, err
		}
	}
}

// pick finds the victim that died in cgroup. Where the kernel did not print whose cgroup it was (that line is
// rate-limited), only a trial that ran alone can claim it; another waits for no more then, since its own may be that one.
func pick(all []victim, cgroup string, alone bool) (v *results.Victim, told bool) {
	for _, one := range all {
		inside, known := one.within(cgroup)
		if inside || !known && alone {
			return &one.Victim, true
		}
		told = told || !known
	}
	return nil, told
}

// forgetKills is for the moment before trials begin.
func (c *collector) forgetKills() {
	if err := c.kills.forget(); err != nil {
		c.note("kernel log: %v", err)
	}
}

// describeVictim finds the kernel's line about the first process killed in the trial's tree.
func (c *collector) describeVictim(p *prepared, rec *results.Record) {
	if rec.Ancestor.OOMKill == 0 {
		return
	}
	v, err := c.kills.of(strings.TrimPrefix(p.tree.PodPath(), cgroupRoot), !p.Concurrent && !p.Together)
	if err != nil {
		rec.Warnings = append(rec.Warnings, "kernel log: "+err.Error())
	}
	rec.Victim = v
}
