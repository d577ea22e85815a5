//go:build amd64

package observe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

const kernelTypes = "/sys/kernel/btf/vmlinux"

// errNoTypes is told before anything is tried: what is tried would fail less clearly.
var errNoTypes = errors.New("the kernel has no type information (" + kernelTypes + "): one built with CONFIG_DEBUG_INFO_BTF is needed")

// load loads the programs, fitted to the running kernel.
func load(ringBytes uint32) (*ebpf.Collection, error) {
	if _, err := os.Stat(kernelTypes); errors.Is(err, fs.ErrNotExist) {
		return nil, errNoTypes
	}
	spec, err := loadObserve()
	if err != nil {
		return nil, err
	}
	cache := btf.NewCache() // for this load: it is tens of megabytes that nothing else needs
	kernel, err := cache.Kernel()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kernelTypes, err)
	}
	if err := fit(spec, kernel, ringBytes); err != nil {
		return nil, err
	}
	programs, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Cache: cache})
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	return programs, nil
}

// fit settles what CO-RE cannot.
func fit(spec *ebpf.CollectionSpec, kernel *btf.Spec, ringBytes uint32) error {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return fmt.Errorf("processors: %w", err)
	}
	isPID, err := victimIsPID(kernel)
	if err != nil {
		return err
	}
	spec.Maps[observeMapEvents].MaxEntries = ringBytes
	unused := observeProgOnEnter
	var f *btf.Func
	if kernel.TypeByName("x64_sys_call", &f) != nil {
		unused = observeProgOnCall
	}
	delete(spec.Programs, unused)
	return errors.Join(
		spec.Variables[observeVarCpus].Set(uint32(cpus)),
		spec.Variables[observeVarWakeAt].Set(uint64(ringBytes)/2),
		spec.Variables[observeVarVictimIsPid].Set(isPID),
	)
}

// victimIsPID reads what the kernel's mark_victim tracepoint passes, from the type
// of its probes: (void *, int pid) or (void *, struct task_struct *, uid_t).
func victimIsPID(kernel *btf.Spec) (bool, error) {
	const name = "btf_trace_mark_victim"
	var probe *btf.Typedef
	if err := kernel.TypeByName(name, &probe); err != nil {
		return false, fmt.Errorf("type %s: %w", name, err)
	}
	if p, isPointer := probe.Type.(*btf.Pointer); isPointer {
		if f, isFunc := p.Target.(*btf.FuncProto); isFunc && len(f.Params) > 1 {
			_, isPID := btf.UnderlyingType(f.Params[1].Type).(*btf.Int)
			return isPID, nil
		}
	}
	return false, fmt.Errorf("type %s is no tracepoint's", name)
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
