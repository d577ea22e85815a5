package scripts

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fakeGates runs gates.sh with an initbench that answers as a run's file says: gate makes it, or goes on with it, and notes that.
type fakeGates struct{ dir string }

const fakeInitbench = `#!/bin/sh
while [ $# -gt 0 ]; do
	case $1 in
	gate | compare) verb=$1 ;;
	--out | --resume) how=$1 dir=$2 ;;
	*) last=$1 ;;
	esac
	shift
done
[ -n "$dir" ] || dir=$last
if [ "$verb" = gate ]; then
	echo "$how $(basename "$dir")" >>"$NOTE"
	[ "$how" = --resume ] || mkdir "$dir"
	echo made >>"$dir/run.json"
	[ "$dir" != "$STOPS" ] || exit 130
	exit 3
fi
echo "judged"
exit 3
`

// run plays N gates of runtimes against themselves, of which one is interrupted, and returns what was made and the exit code.
func (g fakeGates) run(t *testing.T, stops string) (made string, code int) {
	t.Helper()
	note := filepath.Join(g.dir, "note")
	if err := os.WriteFile(filepath.Join(g.dir, "initbench"), []byte(fakeInitbench), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(note, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bench/gates.sh", "--out", filepath.Join(g.dir, "gates"), "aa", "3")
	cmd.Env = append(os.Environ(), "INITBENCH="+filepath.Join(g.dir, "initbench"), "NOTE="+note, "STOPS="+filepath.Join(g.dir, "gates", stops))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	t.Logf("%s", out)
	text, err := os.ReadFile(note)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Split(strings.TrimSpace(string(text)), "\n"), ", "), cmd.ProcessState.ExitCode()
}

// Catches records that were unpacked and are removed, made again or added to, and a gate that was interrupted and counts as made.
func TestGatesAreMadeOnce(t *testing.T) {
	g := fakeGates{t.TempDir()}
	unpacked := filepath.Join(g.dir, "gates", "aa-1-runc@v1.1.15")
	if err := os.MkdirAll(unpacked, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(unpacked, "run.json"), []byte("unpacked"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		stops, made string
		code        int
	}{
		{"aa-2-runc@v1.5.2", "--out aa-2-runc@v1.5.2", 130},
		{"", "--resume aa-2-runc@v1.5.2, --out aa-3-crun", 0},
		{"", "", 0},
	} {
		if made, code := g.run(t, want.stops); made != want.made || code != want.code {
			t.Errorf("%q and exit code %d, want %q and %d", made, code, want.made, want.code)
		}
	}
	if text, err := os.ReadFile(filepath.Join(unpacked, "run.json")); string(text) != "unpacked" {
		t.Errorf("the unpacked records are now %q, %v", text, err)
	}
}
