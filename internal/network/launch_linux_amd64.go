package network

import _ "embed"

// launcher is built from launch/launch.c by internal/freestanding/build.sh.
//
//go:embed launch/launch_linux_amd64
var launcher []byte
