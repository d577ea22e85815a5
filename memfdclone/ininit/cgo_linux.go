//go:build cgo

package ininit

import "C" // has clone_linux.c compiled
