package main

import (
	"fmt"
	"os"

	"github.com/initbench/initbench/internal/ociruntime"
	"github.com/initbench/initbench/results"
	"github.com/initbench/initbench/scenarios"
)

// settleBuiltin notes the size of the built-in runtime's binary in the plan, which leaves out what cannot be smaller. Of
// a run that is resumed the plan stands: another size would make another plan under the same numbers.
func (m *measurement) settleBuiltin() error {
	spec := &m.header.Spec
	for _, r := range spec.Runtimes {
		if !scenarios.IsBuiltin(r.Ref) {
			continue
		}
		info, err := os.Stat(m.binaries[r.Name].Path)
		if err != nil {
			return fmt.Errorf("runtime %s: %w", r.Name, err)
		}
		if m.flags.resume != "" && spec.BuiltinBytes != info.Size() {
			return &results.InputError{Path: m.flags.resume, Why: fmt.Sprintf(
				"was begun with a built-in runtime of %d bytes, and this one has %d: go on with that one, or begin a new run", spec.BuiltinBytes, info.Size())}
		}
		spec.BuiltinBytes = info.Size()
		if err := checkSize(r, m.binaries[r.Name].Ref.Builtin, info.Size()); err != nil {
			return err
		}
		if err := checkBuilds(*spec, r, m.binaries[r.Name].Ref.Builtin); err != nil {
			return err
		}
	}
	if err := spec.Validate(); err != nil {
		return err
	}
	var err error
	m.trials, err = spec.Size()
	return err
}

// checkSize refuses a reference's size below that of the binary, which the place that measures would find out late.
func checkSize(r scenarios.Runtime, b ociruntime.Builtin, own int64) error {
	if b.Size == 0 || b.Size >= own {
		return nil
	}
	const unit = 1 << 20
	return usagef("runtime %s: size=%s: the built-in runtime's own binary has %d bytes, and padding only adds: write size=%s or more",
		r.Name, scenarios.FormatSize(b.Size), own, scenarios.FormatSize((own+unit-1)/unit*unit))
}

// checkBuilds refuses what a reference says that some cell of the plan cannot have beside it.
func checkBuilds(spec scenarios.Spec, r scenarios.Runtime, b ociruntime.Builtin) error {
	for _, sc := range spec.Scenarios {
		for c, why := range spec.Cells(sc, r) {
			if why != "" {
				continue
			}
			how := b.With(c.Build)
			if err := how.CheckDriver(c.Driver); err != nil {
				return usagef("runtime %s in scenario %s: %w", r.Name, sc.Name, err)
			}
			if err := how.Check(); err != nil {
				return usagef("runtime %s in scenario %s: %w", r.Name, sc.Name, err)
			}
		}
	}
	return nil
}
