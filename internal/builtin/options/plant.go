package options

import (
	"fmt"
	"time"
)

// Plant is a known cost put into a start, so that whoever measures starts can see whether they would find it.
type Plant struct {
	// Anon bytes are mapped and touched by init once it is in its cgroup, and kept until the payload's exec.
	Anon int64
	// Sleep is how long create does nothing before it starts init.
	Sleep time.Duration
	// Syscalls are so many calls of getppid that init makes.
	Syscalls int
}

// What a plant may be at most: more would test the machine.
const (
	MaxPlantAnon     = 1 << 30
	MaxPlantSleep    = time.Minute
	MaxPlantSyscalls = 1_000_000
)

// Check refuses what is no cost, or more than anybody would plant.
func (p Plant) Check() error {
	switch {
	case p.Anon < 0 || p.Anon > MaxPlantAnon:
		return fmt.Errorf("plant-anon of %d bytes is not between 1 and %d", p.Anon, MaxPlantAnon)
	case p.Sleep < 0 || p.Sleep > MaxPlantSleep:
		return fmt.Errorf("plant-sleep of %v is not between 1ns and %v", p.Sleep, MaxPlantSleep)
	case p.Syscalls < 0 || p.Syscalls > MaxPlantSyscalls:
		return fmt.Errorf("plant-syscalls of %d is not between 1 and %d", p.Syscalls, MaxPlantSyscalls)
	}
	return nil
}

// Flags are the runtime's, for what there is.
func (p Plant) Flags() []string {
	var flags []string
	if p.Anon != 0 {
		flags = append(flags, "--plant-anon", fmt.Sprint(p.Anon))
	}
	if p.Sleep != 0 {
		flags = append(flags, "--plant-sleep", p.Sleep.String())
	}
	if p.Syscalls != 0 {
		flags = append(flags, "--plant-syscalls", fmt.Sprint(p.Syscalls))
	}
	return flags
}

// PlantVariable has init do its part, as ForInit writes it.
const PlantVariable = "_INITBENCH_PLANT"

// ForInit is the variable's assignment; empty where init has no part.
func (p Plant) ForInit() string {
	if p.Anon == 0 && p.Syscalls == 0 {
		return ""
	}
	return fmt.Sprintf("%s=%d %d", PlantVariable, p.Anon, p.Syscalls)
}

// ReadPlant reads the variable's value.
func ReadPlant(value string) (Plant, error) {
	var p Plant
	var rest string
	if n, _ := fmt.Sscanf(value, "%d %d%s", &p.Anon, &p.Syscalls, &rest); n != 2 {
		return Plant{}, fmt.Errorf("%s=%q is not two numbers", PlantVariable, value)
	}
	return p, p.Check()
}
