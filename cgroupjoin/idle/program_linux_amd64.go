package idle

import _ "embed"

// program is built from program/idle.c by internal/freestanding/build.sh.
//
//go:embed program/idle_linux_amd64
var program []byte
