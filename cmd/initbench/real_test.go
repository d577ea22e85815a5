package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// testGuest says: boot real guests. It needs QEMU, the image's tools and minutes.
const testGuest = "INITBENCH_TEST_GUEST"

// Those of testdata/real boot guests of their own. Their images are the user's: to build one takes minutes.
func TestRealGuestScripts(t *testing.T) {
	if os.Getenv(testGuest) != "1" {
		t.Skip("boots real guests only with " + testGuest + "=1")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	p := params("testdata/real")
	p.Setup = func(env *testscript.Env) error {
		env.Setenv("XDG_CACHE_HOME", cache)
		return setup(env)
	}
	testscript.RunT(serial{t}, p)
}
