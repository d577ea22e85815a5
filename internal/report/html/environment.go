package html

import (
	"fmt"
	"strings"

	"github.com/initbench/initbench/internal/report/phrase"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
)

// machine is the first environment of the run.
func (d *drawer) machine() results.Environment {
	if d.in.Verdict != nil {
		return d.in.Verdict.Environment
	}
	return d.in.Summary.Environment
}

// machines are those of each clock.
func (d *drawer) machines() []results.Environment {
	if d.in.Verdict != nil {
		return d.in.Verdict.Environments
	}
	return d.in.Summary.Environments
}

// environment is where it was measured, what the scales said, and what lowers the trust in the figures.
func (d *drawer) environment() section {
	s := section{ID: "environment", Title: "Environment, warnings and notes"}
	warnings, notes := d.remarks()
	for _, text := range warnings {
		s.Texts = append(s.Texts, told{"warning", text})
	}
	for _, text := range notes {
		s.Texts = append(s.Texts, told{"note", text})
	}
	e := d.machine()
	if e.ID == "" && e.Kernel == "" {
		s.Missing = "The environment is not recorded."
		return s
	}
	s.Tables = append(s.Tables, tablesOf(e, "environment.")...)
	for i, other := range d.machines() {
		if i > 0 { // the first of another clock
			s.Tables = append(s.Tables, tablesOf(other, fmt.Sprintf("environments.%d.", i))...)
		}
	}
	return s
}

// tablesOf an environment, whose numbers are at a key of the JSON.
func tablesOf(e results.Environment, key string) []table {
	all := []table{machineTable(e, key)}
	if len(e.Scales) > 0 {
		all = append(all, scalesTable(e, key))
	}
	return all
}

func (d *drawer) remarks() (warnings, notes []string) {
	if v := d.in.Verdict; v != nil {
		return v.Warnings, v.Notes
	}
	return d.in.Summary.Warnings, d.in.Summary.Notes
}

func machineTable(e results.Environment, key string) table {
	t := table{Caption: "where it was measured, clock: " + orNone(e.Clock), Class: "facts"}
	for _, fact := range [][2]string{
		{"initbench", e.Initbench}, {"kernel", e.Kernel}, {"architecture", e.Arch}, {"operating system", e.OS}, {"CPU", e.CPU},
		{"cgroup", phrase.After("", e.Cgroup) + phrase.After("; controllers ", strings.Join(e.Controllers, ", "))}, {"systemd", orNone(e.Systemd)},
		{"in", e.Where}, {"accelerator", e.Accelerator}, {"clock", e.Clock}, {"clock source", e.Clocksource}, {"QEMU", orNone(e.QEMU)},
		{"huge pages", e.THP}, {"huge pages of shmem", e.ShmemTHP}, {"observer", orNone(e.Observer)}, {"boot", e.BootID}, {"environment", e.ID},
	} {
		t.add(heading(fact[0]), plain(fact[1]))
	}
	t.add(heading("CPUs"), of(count(key+"cpus", e.CPUs)))
	t.add(heading("memory"), of(number(key+"memory_bytes", float64(e.MemBytes), verdict.Bytes.Format(float64(e.MemBytes)))))
	t.add(heading("swap"), of(number(key+"swap_bytes", float64(e.SwapBytes), verdict.Bytes.Format(float64(e.SwapBytes)))))
	t.add(heading("page"), of(number(key+"page_size_bytes", float64(e.PageSize), verdict.Bytes.Format(float64(e.PageSize)))))
	return t
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// scalesTable has the known allocations that the run began with, and what the counters said of them.
func scalesTable(e results.Environment, at string) table {
	t := table{Caption: "the harness's own scales: known allocations, read back before the run", Class: "numbers", Head: []string{"counter", "driver", "asked", "read"}}
	for i, s := range e.Scales {
		key := fmt.Sprintf("%sscales.%d.", at, i)
		t.add(heading(s.Counter), plain(string(s.Driver)), numeric(number(key+"asked_bytes", float64(s.Asked), verdict.Bytes.Format(float64(s.Asked)))),
			numeric(number(key+"read_bytes", float64(s.Read), verdict.Bytes.Format(float64(s.Read)))))
	}
	return t
}
