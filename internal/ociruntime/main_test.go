package ociruntime

import (
	"testing"

	"github.com/initbench/initbench/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }
