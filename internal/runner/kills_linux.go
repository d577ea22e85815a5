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
	given int // of the kills without a cgroup, how many some trial waits for no more

	asking sync.Mutex // besides mu, which is held while the log is waited for
	asked  map[string]bool
}

// noVictim is the warning of a trial whose victim is unknown.
const noVictim = "kernel log: no line says which process was killed in the trial's cgroup (the kernel prints 10 of them in 5 s)"

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
	k.lines, k.given = nil, 0
	if k.log == nil {
		return nil
	}
	_, err := k.log.drain()
	return err
}

// of returns the first process killed in cgroup, where the kernel counts one: it does so a moment before it prints the line, which
// is waited for. It is nil where the log may not be read, and where no line names the cgroup.
func (k *kills) of(cgroup string, alone bool) (*results.Victim, error) {
	if k.log == nil {
		return nil, nil
	}
	defer k.ask(cgroup)()
	k.mu.Lock()
	defer k.mu.Unlock()
	for deadline := time.Now().Add(killPatience); ; {
		fresh, err := k.log.drain()
		for _, line := range fresh {
			if isOfKill(line) {
				k.lines = append(k.lines, line)
			}
		}
		all := victims(k.lines)
		v := pick(all, cgroup, alone)
		if err != nil || v != nil || k.unnamed(all) || !time.Now().Before(deadline) {
			return v, err
		}
		if err := k.log.await(time.Until(deadline)); err != nil {
			return nil, err
		}
	}
}

// ask notes that a trial misses its victim, until the function it returns is called.
func (k *kills) ask(cgroup string) (answered func()) {
	k.asking.Lock()
	defer k.asking.Unlock()
	if k.asked == nil {
		k.asked = map[string]bool{}
	}
	k.asked[cgroup] = true
	return func() {
		k.asking.Lock()
		defer k.asking.Unlock()
		delete(k.asked, cgroup)
	}
}

// unnamed tells whether the kill that a trial waits for is among those whose cgroup the kernel did not print, that line being
// rate-limited: it is when there are as many of them as trials that miss theirs. It counts for one of them from then on.
func (k *kills) unnamed(all []victim) bool {
	k.asking.Lock()
	defer k.asking.Unlock()
	missing := 0
	for cgroup := range k.asked {
		if pick(all, cgroup, false) == nil {
			missing++
		}
	}
	left := -k.given
	for _, v := range all {
		if v.task == "" {
			left++
		}
	}
	if left < missing || left <= 0 {
		return false
	}
	k.given++
	return true
}

// pick finds the victim that died in cgroup. One whose cgroup the kernel did not print only a trial that ran alone can claim.
func pick(all []victim, cgroup string, alone bool) *results.Victim {
	for _, one := range all {
		if inside, known := one.within(cgroup); inside || !known && alone {
			return &one.Victim
		}
	}
	return nil
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
	switch {
	case err != nil:
		rec.Warnings = append(rec.Warnings, "kernel log: "+err.Error())
	case v == nil && c.kills.log != nil:
		rec.Warnings = append(rec.Warnings, noVictim)
	}
	rec.Victim = v
}
