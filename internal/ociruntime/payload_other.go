//go:build !(linux && amd64)

package ociruntime

// payloadELF is empty where there is no payload.
var payloadELF []byte
