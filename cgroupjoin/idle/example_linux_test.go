package idle_test

import (
	"context"
	"fmt"
	"os"

	"github.com/initbench/initbench/cgroupjoin/idle"
)

func Example() {
	program, err := idle.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = program.Close() }() // nothing is written to it
	process, err := program.Hold(16)
	if err == nil {
		err = process.Cmd.Start()
	}
	if err == nil {
		err = process.Ready(context.Background())
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", process.Pid()))
	fmt.Println(len(threads), "threads", err)
	_, err = process.End()
	fmt.Println("ended", err)
	// Output:
	// 16 threads <nil>
	// ended <nil>
}
