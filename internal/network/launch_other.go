//go:build !(linux && amd64)

package network

// launcher is empty where there is none: plugins are started directly, and their memory is known no better than AtMostBytes says.
var launcher []byte
