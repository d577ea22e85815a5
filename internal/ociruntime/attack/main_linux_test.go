package attack

import (
	"os"
	"testing"

	"github.com/initbench/initbench/internal/testenv"
)

// roleVariable has the test binary be what a container runs, where it is set.
const roleVariable = "INITBENCH_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) != "" {
		os.Exit(play(os.Stdin, os.Stdout))
	}
	testenv.Main(m)
}
