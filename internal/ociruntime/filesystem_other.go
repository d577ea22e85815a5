//go:build !linux

package ociruntime

import "errors"

// filesystem is asked where trials run, and that is Linux.
func filesystem(string) (string, error) {
	return "", errors.ErrUnsupported
}
