//go:build linux && !amd64

package enforce

// No call is known by its number here; Supported says so.
const auditArch = 0

var (
	trapped             map[int32]kind
	input, many, asleep map[int]bool
)
