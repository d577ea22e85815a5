package memfdclone_test

import (
	"fmt"
	"log"
	"os"
	"os/exec"

	"github.com/initbench/initbench/memfdclone"
)

// A sealed copy of a program, executed.
func ExampleMake() {
	program, err := os.Open("/bin/echo")
	if err != nil {
		log.Fatal(err)
	}
	defer program.Close()

	clone, err := memfdclone.Make(program, memfdclone.Options{
		Strategy: memfdclone.Memfd,
		Fallback: []memfdclone.Strategy{memfdclone.Tmpfile},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer clone.File.Close()
	fmt.Println(clone.Strategy, memfdclone.Sealed(clone.File), clone.FellBack, clone.Verify(program))

	echo := exec.Command("/proc/self/fd/3", "from a copy")
	echo.ExtraFiles = []*os.File{clone.File}
	echo.Stdout = os.Stdout
	if err := echo.Run(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// memfd true [] <nil>
	// from a copy
}
