package runner

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"github.com/initbench/initbench/internal/journal"
	"github.com/initbench/initbench/internal/network"
	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/internal/pool"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// A scenario's containers share a network, which is made with its first trial and removed with the run. A container is attached before its
// create is called and detached after its delete has returned, whatever became of either: an address is taken and
// freed beside the container's life, and no event of the runtime's frees it. Both are steps of the trial with a time
// and memory of their own, in none of the runtime's figures.

// canConnect says in one line what a plan with networks needs here.
func canConnect(s scenarios.Spec) error {
	if !s.Connects() {
		return nil
	}
	if missing := network.Missing(network.DefaultPlugins); len(missing) > 0 {
		return envErrorf("networks need the CNI plugins %v in %s: install containernetworking-plugins", missing, network.DefaultPlugins)
	}
	return nil
}

// connect gives the trial its scenario's network, journal first where it is not there yet.
func (c *collector) connect(p *prepared) (err error) {
	if !p.Trial.Network {
		return nil
	}
	p.network, err = c.networkOf(p.Scenario, c.job.Spec.NetworkOf(p.Scenario).AddressPools())
	return err
}

// networkOf is a scenario's; where there are no pools there is none.
func (c *collector) networkOf(scenario string, pools []pool.Pool) (*network.Network, error) {
	if n, made := c.networks[scenario]; made || len(pools) == 0 {
		return n, nil
	}
	n, err := network.Make(network.Config{
		Base: journal.Base(), Pools: pools, Now: now, Intend: func(name string) error { return c.intend(network.Kind, name) },
	})
	if err != nil {
		return nil, &EnvError{Err: err}
	}
	if c.networks == nil {
		c.networks = map[string]*network.Network{}
	}
	c.networks[scenario] = n
	return n, nil
}

// removeNetworks removes those of all scenarios, with whatever is still attached.
func (c *collector) removeNetworks() error {
	var errs []error
	for _, n := range c.networks {
		errs = append(errs, n.Remove())
	}
	c.networks = nil
	return errors.Join(errs...)
}

// attached is what became of a trial's place in its network.
type attached struct {
	network.Attachment
	name string // the network's
	err  error
}

// attach makes the container's namespace and takes its addresses.
func (p *prepared) attach(ctx context.Context) {
	if p.network == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	p.attached = &attached{name: p.network.Name}
	p.attached.Attachment, p.attached.err = p.network.Attach(ctx, p.id)
}

// attachAll attaches the containers of a batch, as many at a time as there are CPUs: a thousand plugins at once would be a machine's memory.
func attachAll(ctx context.Context, all []*prepared) {
	turns := make(chan struct{}, runtime.NumCPU())
	var wg sync.WaitGroup
	for _, p := range all {
		turns <- struct{}{}
		wg.Go(func() {
			p.attach(ctx)
			<-turns
		})
	}
	wg.Wait()
}

// ready is why the runtime is not called, if it is not: it cannot be as the trial asks, or the container has no network.
func (p *prepared) ready() (phase string, err error) {
	if p.unready == nil && p.attached != nil && p.attached.err != nil {
		return "network", p.attached.err
	}
	return "build", p.unready
}

// detach frees what attach took. That it fails undoes no start: what it leaves is listed with the trial's leaks.
func (p *prepared) detach(m *measured) {
	if p.attached == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	steps, err := p.network.Detach(ctx, p.id)
	p.attached.Steps = append(p.attached.Steps, steps...)
	if err != nil {
		m.warnings = append(m.warnings, err.Error())
	}
}

// freeNetwork lists what the container still has of its network when it is over, and frees it without a plugin.
func (p *prepared) freeNetwork() (left []string, err error) {
	if p.attached == nil {
		return nil, nil
	}
	leaks, err := p.network.LeaksOf(p.attached.Attachment)
	if err != nil {
		return nil, err
	}
	for _, l := range leaks {
		left = append(left, l.String())
	}
	return left, network.Free(journal.Base(), leaks)
}

// describe is what the record has of it.
func (a *attached) describe() *results.Attachment {
	if a == nil {
		return nil
	}
	out := &results.Attachment{Name: a.name, Addresses: []string{}, Steps: []results.NetworkStep{}}
	for _, address := range a.Addresses {
		out.Addresses = append(out.Addresses, address.String())
	}
	for _, s := range a.Steps {
		step := results.NetworkStep{Step: string(s.Name), StartNS: s.StartNS, TookNS: s.EndNS - s.StartNS}
		if s.MaxRSSBytes > 0 {
			step.MaxRSS = &s.MaxRSSBytes
		}
		if s.AtMostBytes > 0 {
			step.AtMost = &s.AtMostBytes
		}
		out.Steps = append(out.Steps, step)
	}
	return out
}

// enumeration is the trial's in the words of the payload.
func enumeration(e scenarios.Enumeration) ociruntime.Enumeration {
	return ociruntime.Enumeration{Bits: e.Bits, RecordBytes: e.RecordBytes, How: ociruntime.Enumerator(e.How)}
}
