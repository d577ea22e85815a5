package census

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/initbench/initbench/internal/census/leaky"
	"github.com/initbench/initbench/internal/testenv"
)

// asDaemon has this binary be the daemon: "EVERY NOISE SEED". The guest has no other that could.
const asDaemon = "INITBENCH_CENSUS_DAEMON"

func TestMain(m *testing.M) {
	plan, daemon := os.LookupEnv(asDaemon)
	if !daemon {
		testenv.Main(m)
	}
	if err := serve(plan); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(plan string) error {
	var p leaky.Plan
	words := strings.Fields(plan)
	if len(words) != 3 {
		return fmt.Errorf("%s=%q: want EVERY NOISE SEED", asDaemon, plan)
	}
	var err error
	if p.Every, err = strconv.Atoi(words[0]); err != nil {
		return err
	}
	if p.Noise, err = strconv.Atoi(words[1]); err != nil {
		return err
	}
	if p.Seed, err = strconv.ParseUint(words[2], 10, 64); err != nil {
		return err
	}
	return leaky.Serve(os.Stdin, os.Stdout, p)
}
