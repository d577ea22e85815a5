package ociruntime

import _ "embed"

// payloadELF is built from payload/payload.c by internal/freestanding/build.sh.
//
//go:embed payload/payload_linux_amd64
var payloadELF []byte
