package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/initbench/initbench/internal/testenv"
)

// builtin is where the guest lane has the built-in runtime.
const builtin = "/var/lib/initbench/runtimes/builtin"

// Those of testdata/builds start the built-in runtime.
func TestBuildScripts(t *testing.T) {
	testenv.Require(t, testenv.Root, testenv.CgroupV2, testenv.Systemd, testenv.File(builtin))
	p := params("testdata/builds")
	setup := p.Setup
	p.Setup = func(env *testscript.Env) error {
		env.Setenv("INITBENCH_BUILTIN", builtin)
		return setup(env)
	}
	testscript.RunT(serial{t}, p)
}
