//go:build !linux

package memfdclone

import (
	"errors"
	"os"
)

var errLinux = errors.New("sealed copies need Linux")

// Make needs Linux.
func Make(*os.File, Options) (*Clone, error) { return nil, errLinux }

// Verify needs Linux.
func (c *Clone) Verify(*os.File) error { return errLinux }

// Sealed needs Linux.
func Sealed(*os.File) bool { return false }
