//go:build amd64

package observe

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

const kernelTypes = "/sys/kernel/btf/vmlinux"

// errNoTypes is told before anything is tried: what is tried would fail less clearly.
var errNoTypes = errors.New("the kernel has no type information (" + kernelTypes + "): one built with CONFIG_DEBUG_INFO_BTF is needed")

// fitted is the programs fitted to the running kernel, whose types are in the cache.
func fitted(ringBytes uint32) (*ebpf.CollectionSpec, *btf.Cache, error) {
	if _, err := os.Stat(kernelTypes); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, errNoTypes
	}
	spec, err := loadObserve()
	if err != nil {
		return nil, nil, err
	}
	cache := btf.NewCache() // for this load: it is tens of megabytes that nothing else needs
	kernel, err := cache.Kernel()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", kernelTypes, err)
	}
	return spec, cache, fit(spec, kernel, ringBytes)
}

// fit settles what CO-RE cannot.
func fit(spec *ebpf.CollectionSpec, kernel *btf.Spec, ringBytes uint32) error {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return fmt.Errorf("processors: %w", err)
	}
	var victim *btf.Typedef
	if err := kernel.TypeByName(victimProbe, &victim); err != nil {
		return fmt.Errorf("type %s: %w", victimProbe, err)
	}
	isPID, err := victimIsPID(victim)
	if err != nil {
		return err
	}
	symbols, err := kernelSymbols()
	if err != nil {
		return err
	}
	spec.Maps[observeMapEvents].MaxEntries = ringBytes
	return errors.Join(
		spec.Variables[observeVarCpus].Set(uint32(cpus)),
		spec.Variables[observeVarWakeAt].Set(uint64(ringBytes)/2),
		spec.Variables[observeVarVictimIsPid].Set(isPID),
		spec.Variables[observeVarWaitCalls].Set(waitSet()),
		spec.Variables[observeVarStatsTable].Set(symbols["mem_cgroup_stats_index"]),
		spec.Variables[observeVarCpuOffsets].Set(symbols["__per_cpu_offset"]),
	)
}

// kernelSymbols are read once: they are many, and stay where they are.
var kernelSymbols = sync.OnceValues(readSymbols)

// readSymbols reads the addresses of the kernel's symbols that the programs need to read memory.stat's figures.
func readSymbols() (map[string]uint64, error) {
	f, err := os.Open("/proc/kallsyms")
	if err != nil {
		return nil, fmt.Errorf("kernel symbols: %w", err)
	}
	defer f.Close()
	found, err := findSymbols(f, "mem_cgroup_stats_index", "__per_cpu_offset")
	if err != nil {
		return nil, fmt.Errorf("kernel symbols: %w", err)
	}
	return found, nil
}

// findSymbols reads lines of "ADDRESS TYPE NAME". A symbol that is not there, or whose address
// kernel.kptr_restrict hides behind a 0, is 0: figures that take it are then left out.
func findSymbols(r io.Reader, names ...string) (map[string]uint64, error) {
	found := map[string]uint64{}
	lines := bufio.NewScanner(r)
	for lines.Scan() && len(found) < len(names) {
		line := lines.Bytes()
		for _, name := range names {
			// Checked first, since there are some 200,000 lines.
			if !bytes.HasSuffix(line, []byte(" "+name)) {
				continue
			}
			address, err := strconv.ParseUint(string(bytes.Fields(line)[0]), 16, 64)
			if err != nil {
				return nil, fmt.Errorf("line %q: %w", line, err)
			}
			found[name] = address
		}
	}
	return found, lines.Err()
}

// victimProbe is the type of what the kernel calls at its mark_victim tracepoint.
const victimProbe = "btf_trace_mark_victim"

// victimIsPID reads from that type what is passed: (void *, int pid) or (void *, struct task_struct *, uid_t).
func victimIsPID(probe *btf.Typedef) (bool, error) {
	if p, isPointer := probe.Type.(*btf.Pointer); isPointer {
		if f, isFunc := p.Target.(*btf.FuncProto); isFunc && len(f.Params) > 1 {
			_, isPID := btf.UnderlyingType(f.Params[1].Type).(*btf.Int)
			return isPID, nil
		}
	}
	return false, fmt.Errorf("type %s is no tracepoint's", victimProbe)
}

// explain says what stands against observing in one sentence.
func explain(err error) error {
	switch {
	case errors.Is(err, errNoTypes):
		return err
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("BPF is not allowed here, it takes root with CAP_BPF and CAP_PERFMON: %w", err)
	case errors.Is(err, btf.ErrNotFound), errors.Is(err, ebpf.ErrNotSupported):
		return fmt.Errorf("this kernel lacks what observing takes, which Linux 6.1 has: %w", err)
	}
	return fmt.Errorf("observing does not work on this kernel: %w", err)
}
