package ociruntime

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/initbench/initbench/internal/ociruntime/hostile"
)

// Catches an identity taken from something other than the file at the path.
func TestIdentify(t *testing.T) {
	path := writeHostile(t, hostile.Silent)
	id, err := Identify(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	sum, size, err := hashFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if id.Version != "hostile version 1.0.0" || id.SHA256 != sum || len(sum) != 64 || id.Size != size || id.Size == 0 {
		t.Errorf("Identify = %+v; want version 1.0.0, hash %s, size %d", id, sum, size)
	}
	if id.Filesystem == "" || strings.HasPrefix(id.Filesystem, "0x") && len(id.Filesystem) < 4 {
		t.Errorf("file system is %q", id.Filesystem)
	}
}

// Catches a binary that can hang or flood the harness before the first trial.
func TestIdentifySurvivesHostileVersions(t *testing.T) {
	long := versionLimits{deadline: time.Hour, output: 1 << 10, grace: 50 * time.Millisecond}
	short := versionLimits{deadline: 50 * time.Millisecond, output: 1 << 10, grace: 50 * time.Millisecond}
	for _, c := range []struct {
		kind   hostile.Kind
		limits versionLimits
		want   string
	}{
		{hostile.VersionHang, short, "did not answer --version within 50ms"},
		{hostile.VersionFlood, long, "printed more than 1024 bytes"},
		{hostile.VersionFails, long, "--version failed (hostile: what version?): exit status 1"},
		{hostile.VersionHolding, long, "left a process behind"},
	} {
		_, err := identify(context.Background(), writeHostile(t, c.kind), c.limits)
		var refErr *RefError
		if !errors.As(err, &refErr) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want a RefError that says %q", c.kind, err, c.want)
		}
	}
}

// Catches a process that outlives the question: it is this binary's check for
// leaks (testenv) that finds it.
func TestIdentifyEndsWhatIsLeft(t *testing.T) {
	id, err := Identify(context.Background(), writeHostile(t, hostile.VersionLeaving))
	if err != nil || id.Version != "hostile version 1.0.0" {
		t.Errorf("Identify = %+v, %v", id, err)
	}
}

// Catches a Ctrl-C reported as the runtime's fault.
func TestIdentifyInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Identify(ctx, writeHostile(t, hostile.VersionHang))
	var refErr *RefError
	if !errors.Is(err, context.Canceled) || errors.As(err, &refErr) {
		t.Errorf("Identify = %v; want the context's error and no RefError", err)
	}
}

// Catches control sequences or an empty line stored as a version.
func TestVersionLine(t *testing.T) {
	for out, want := range map[string]string{
		"runc version 1.1.15\nspec: 1.0.2\n": "runc version 1.1.15",
		"  crun 1.8.1  ":                     "crun 1.8.1",
		"a\x1b[2Jb\r\nc":                     "a?[2Jb",
		"\nrunc version 1.1.15":              "",
		"":                                   "",
		strings.Repeat("x", 500):             strings.Repeat("x", maxQuoted) + "...",
	} {
		got, err := versionLine("/runtime", out)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("versionLine(%q) = %q, %v; want %q", out, got, err, want)
		}
	}
}

// Catches a file that is not there being identified as something.
func TestIdentifyNoFile(t *testing.T) {
	var refErr *RefError
	if id, err := Identify(context.Background(), t.TempDir()); !errors.As(err, &refErr) {
		t.Errorf("Identify(directory) = %+v, %v; want a RefError", id, err)
	}
	if id, err := Identify(context.Background(), os.DevNull); !errors.As(err, &refErr) {
		t.Errorf("Identify(%s) = %+v, %v; want a RefError", os.DevNull, id, err)
	}
}
