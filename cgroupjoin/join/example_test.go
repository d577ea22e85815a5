package join_test

import (
	"fmt"

	"github.com/initbench/initbench/cgroupjoin/join"
)

func ExampleCheck() {
	const systemd = true
	fmt.Println(join.Check(join.ByUnit, join.Late, systemd))
	fmt.Println(join.Check(join.ByUnit, join.Early, systemd))
	fmt.Println(join.Check(join.ByAttach, join.Early, !systemd))
	// Output:
	// <nil>
	// join unit: the call that makes the scope is the one that joins it, so it cannot be made early
	// join attach: only the systemd driver has units
}
