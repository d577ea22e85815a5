//go:build linux && !amd64

package idle

// program is empty where there is none.
var program []byte
