package verdict

import (
	"math"

	"github.com/initbench/initbench/internal/stats"
	"github.com/initbench/initbench/memfdclone"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/sequence"
)

// Payer says whose cgroup was charged for the clone of a start. It is a closed set.
type Payer string

const (
	ContainerPays Payer = "container"
	RuntimePays   Payer = "runtime" // the cgroup that the runtime was called in, at each start
	CallerPays    Payer = "caller"  // whoever calls the runtime, once for many starts
	BothPay       Payer = "both"    // the container and the runtime, a share each
	NobodyPays    Payer = "nobody"  // nothing was copied that a cgroup is charged for
	PayerUnknown  Payer = "not measured"
)

// Payers lists the closed set in the order reports show it.
func Payers() []Payer {
	return []Payer{ContainerPays, BothPay, RuntimePays, CallerPays, NobodyPays, PayerUnknown}
}

// Range is a sample by its median and its ends: a charge that a race splits has no typical value.
type Range struct {
	N                int
	Median, Min, Max float64
}

func rangeOf(values []float64) Range {
	return Range{N: len(values), Median: middle(values), Min: stats.Quantile(values, 0), Max: stats.Quantile(values, 1)}
}

// payments are what the started trials of a cell show of who paid, in bytes.
type payments struct {
	clone, toContainer, toRuntime []float64
	// rest is the container's peak less the clone that it was charged: what init takes by itself.
	rest []float64
	// took is the time of the copies that the built-in runtime reported, in ns.
	took []float64
	// reported copies are such ones that the observer, which knows memfds alone, does not see. Init did not make them, so that the
	// container was charged for none of it; what the runtime's cgroup was is not known.
	reported int
	size     int64 // of the binary that ran
	inForce  int64 // the limit read back; 0: in no trial
}

func (p *payments) add(r *results.Record) {
	if p.inForce == 0 && r.LimitInForce != nil {
		p.inForce = *r.LimitInForce
	}
	if p.size == 0 {
		p.size = r.Runtime.Size
	}
	if r.Outcome != results.Started {
		return
	}
	if c := r.Clone; c != nil && c.Bytes > 0 {
		p.took = append(p.took, float64(c.TookNS))
	}
	clone, toContainer, toRuntime, known := paid(r)
	if !known {
		return
	}
	p.toContainer = append(p.toContainer, toContainer)
	if clone == 0 && r.Clone != nil && r.Clone.Bytes > 0 {
		p.reported++
	} else {
		p.clone, p.toRuntime = append(p.clone, clone), append(p.toRuntime, toRuntime)
	}
	if r.ContainerPeak != nil {
		p.rest = append(p.rest, math.Max(0, float64(*r.ContainerPeak)-toContainer))
	}
}

// paid are the observer's figures of one start. A start that was seen to copy nothing has charged nothing to anybody.
func paid(r *results.Record) (clone, toContainer, toRuntime float64, known bool) {
	f := r.Found
	if f == nil || r.LostEvents > 0 || f.Order == sequence.FoundUnknown {
		return 0, 0, 0, false
	}
	if f.CloneBytes == nil {
		nothing := f.Guard != "" && (f.Order == sequence.FoundNoClone || f.Order == sequence.FoundBornInCgroup)
		return 0, 0, 0, nothing
	}
	if f.CloneToContainer == nil || f.CloneToRuntime == nil {
		return 0, 0, 0, false
	}
	return float64(*f.CloneBytes), float64(*f.CloneToContainer), float64(*f.CloneToRuntime), true
}

// payer goes by the medians. A share below one part in twenty of the copy, or below what the kernel charges a
// cgroup ahead, is not told from none.
func (p *payments) payer(where memfdclone.Where, pageSize int) Payer {
	if len(p.clone) == 0 {
		if p.reported > 0 {
			return RuntimePays
		}
		return PayerUnknown
	}
	least := math.Max(middle(p.clone)/20, float64(chargeBatch*pageSize))
	container, runtime := middle(p.toContainer) > least, middle(p.toRuntime) > least
	switch {
	case container && runtime:
		return BothPay
	case container:
		return ContainerPays
	case runtime:
		return RuntimePays
	case where == memfdclone.Once:
		return CallerPays
	}
	return NobodyPays
}
