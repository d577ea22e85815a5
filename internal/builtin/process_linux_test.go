//go:build cgo

package main

import (
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Catches an init that logs each step for nobody, which no runc does: the cost would be in every figure.
func TestInitLogsAsRunc(t *testing.T) {
	p, err := newProcess(&specs.Process{Args: []string{"/x"}, Cwd: "/"})
	if err != nil || p.LogLevel != "4" { // logrus.InfoLevel, as runc without --debug passes it
		t.Errorf("log level %q, %v", p.LogLevel, err)
	}
}
