package arch

import (
	"os"
	"strings"
	"testing"

	"github.com/initbench/initbench/internal/census"
)

// Catches a kind that docs/census.md does not explain. It is here because census's own tests run in the guest too, which has no
// source tree.
func TestEveryKindOfACensusIsExplained(t *testing.T) {
	b, err := os.ReadFile(root + "/docs/census.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range append(census.MachineKinds(), census.DescriptorKinds()...) {
		if !strings.Contains(string(b), "`"+string(k)+"`") {
			t.Errorf("docs/census.md says nothing of `%s`", k)
		}
	}
}
