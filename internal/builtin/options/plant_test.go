package options

import (
	"strings"
	"testing"
	"time"
)

// Catches a plant that does not reach init as it was asked for, or reaches it when none was.
func TestPlantForInit(t *testing.T) {
	for p, want := range map[Plant]Plant{
		{}:                       {},
		{Sleep: time.Second}:     {}, // create's part alone
		{Anon: 1 << 20}:          {Anon: 1 << 20},
		{Anon: 5, Syscalls: 200}: {Anon: 5, Syscalls: 200},
	} {
		assignment := p.ForInit()
		if want == (Plant{}) {
			if assignment != "" {
				t.Errorf("%+v: init is told %q", p, assignment)
			}
			continue
		}
		name, value, _ := strings.Cut(assignment, "=")
		if got, err := ReadPlant(value); name != PlantVariable || err != nil || got != want {
			t.Errorf("%q is read as %+v, %v; want %+v", assignment, got, err, want)
		}
	}
}

// Catches an init that goes on with half of what it was told.
func TestReadPlantRefuses(t *testing.T) {
	for _, value := range []string{"1", "1 2 3", "1 2x", "x 2", "-1 2", "1 -2", "2000000000000 0"} {
		if p, err := ReadPlant(value); err == nil {
			t.Errorf("%q is read as %+v", value, p)
		}
	}
}
