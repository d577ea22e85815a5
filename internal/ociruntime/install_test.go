package ociruntime

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gofrs/flock"

	"github.com/initbench/initbench/internal/testenv"
)

// fakeGo stands in for the go command, gcc and pkg-config. It notes each install
// and does what FAKE_GO says.
const fakeGo = `#!/bin/sh
here=$(dirname "$0")
case $1 in
env) echo "{\"GOVERSION\": \"${FAKE_GO_VERSION:-go1.99.0}\", \"CC\": \"$here/gcc -m64\", \"PKG_CONFIG\": \"$here/pkg-config\"}"; exit ;;
esac
echo install >>"$here/installs"
printf '%s\n' "$@" >"$here/args"
env >"$here/env"
pwd >"$here/pwd"
if [ "$1" = build ]; then cp go.mod "$here/"; while [ "$1" != -o ]; do shift; done; cp "$here/static" "$2"; exit; fi
echo "go: downloading github.com/opencontainers/runc v0.0.0" >&2
case $FAKE_GO in
hang) trap 'kill $!; exit 1' INT; sleep 300 & wait ;;
dynamic) cp "$0" "$GOBIN/runc" ;;
unknown) echo "go: github.com/opencontainers/runc@v1.1.15: invalid version: unknown revision v1.1.15" >&2; exit 1 ;;
*) cp "$here/static" "$GOBIN/runc" ;;
esac
`

const fakeGCC = `#!/bin/sh
# gcc prints the bare name of what it does not find.
lib=${2#-print-file-name=}
[ "$lib" = "$FAKE_GCC_LACKS" ] && echo "$lib" || echo "/usr/lib/$lib"
`

// fakeTools puts the stand-ins on PATH and returns their directory and options with an empty cache.
func fakeTools(t *testing.T) (dir string, opts Options) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{"go": fakeGo, "gcc": fakeGCC, "pkg-config": "#!/bin/sh\n"} {
		if err := writeExecutable(filepath.Join(dir, name), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeExecutable(filepath.Join(dir, "static"), staticELF); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return dir, Options{CacheDir: t.TempDir(), Log: &lines{}}
}

// staticELF is the smallest file that counts as a static binary: an ELF header for x86-64 without any program header.
var staticELF = slices.Concat([]byte("\x7fELF\x02\x01\x01\x00"), make([]byte, 8), []byte{2, 0, 62, 0, 1, 0, 0, 0},
	make([]byte, 28), []byte{64, 0, 56, 0, 0, 0, 64, 0, 0, 0, 0, 0})

// lines is a log for concurrent writers that can be waited on.
type lines struct {
	mu     sync.Mutex
	buf    bytes.Buffer
	onLine func(string)
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.onLine != nil {
		l.onLine(string(p))
	}
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

var runc1115 = Ref{Kind: ModuleRef, Name: "runc", Version: "v1.1.15"}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func installs(t *testing.T, tools string) int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(tools, "installs"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Count(string(data), "install\n")
}

// cached lists the cache, but not the lock files.
func cached(t *testing.T, opts Options) []string {
	t.Helper()
	return slices.DeleteFunc(inCache(t, opts), func(name string) bool { return strings.HasSuffix(name, ".lock") })
}

func inCache(t *testing.T, opts Options) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(opts.CacheDir, "runtimes"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func mustResolve(t *testing.T, opts Options) Binary {
	t.Helper()
	bin, err := Resolve(context.Background(), runc1115, opts)
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// Catches an install that is repeated, lies elsewhere than documented, or leaves its scaffolding.
func TestInstallOnce(t *testing.T) {
	tools, opts := fakeTools(t)
	bin := mustResolve(t, opts)
	want := Binary{Ref: runc1115, Path: filepath.Join(opts.CacheDir, "runtimes", "runc@v1.1.15", "runc"), Toolchain: "go1.99.0", Static: true}
	if bin != want {
		t.Errorf("first: %+v, want %+v", bin, want)
	}
	if again := mustResolve(t, opts); again != want {
		t.Errorf("second: %+v, want %+v", again, want)
	}
	if n := installs(t, tools); n != 1 {
		t.Errorf("%d installs", n)
	}
	if got := cached(t, opts); !slices.Equal(got, []string{"runc@v1.1.15"}) {
		t.Errorf("cache holds %v", got)
	}
	if log := opts.Log.(*lines).String(); !strings.Contains(log, "runc@v1.1.15: downloading github.com/opencontainers/runc v0.0.0\n") ||
		!strings.Contains(log, "runc@v1.1.15: installed as ") {
		t.Errorf("log:\n%s", log)
	}
}

// Catches a build that the user's settings for other builds change.
func TestInstallCommand(t *testing.T) {
	tools, opts := fakeTools(t)
	for k, v := range map[string]string{"GOFLAGS": "-mod=vendor", "GOTOOLCHAIN": "auto", "GOOS": "plan9", "GOBIN": "/nowhere",
		"GOWORK": "/nowhere", "CGO_ENABLED": "0", "GOAMD64": "v4", "CC": "my-cc"} {
		t.Setenv(k, v)
	}
	mustResolve(t, opts)
	wantArgs := []string{"install", "-trimpath", "-tags", "seccomp netgo osusergo", "-ldflags",
		"-s -w -linkmode external -extldflags=-static -X main.version=1.1.15", "github.com/opencontainers/runc@v1.1.15", ""}
	if got := strings.Split(read(t, filepath.Join(tools, "args")), "\n"); !slices.Equal(got, wantArgs) {
		t.Errorf("go %q, want %q", got, wantArgs)
	}
	env := strings.Split(read(t, filepath.Join(tools, "env")), "\n")
	for _, want := range []string{"GOFLAGS=-trimpath", "GOTOOLCHAIN=local", "GOOS=linux", "GOWORK=off", "CGO_ENABLED=1", "GOAMD64=v1", "CC=my-cc"} {
		if !slices.Contains(env, want) {
			t.Errorf("the environment lacks %s", want)
		}
	}
	if pwd := read(t, filepath.Join(tools, "pwd")); !strings.HasPrefix(pwd, opts.CacheDir) {
		t.Errorf("built in %s", pwd)
	}
}

// Catches arms built by different compilers, and a user's choice of compiler overruled.
func TestFetches(t *testing.T) {
	for _, c := range []struct {
		local, own, asked string
		want              bool
	}{
		{"go1.24.1", "go1.26.8", "", true},
		{"go1.24.1", "go1.26.8", "auto", true},
		{"go1.24.1", "go1.26.8", "local", false},
		{"go1.26.8", "go1.26.8", "", false},
		{"go1.27.0", "go1.26.8", "", false},
		{"go1.19.8", "go1.26.8", "", false},
		{"go1.24.1", "devel go1.27-abcdef", "", false},
	} {
		if got := fetches(c.local, c.own, c.asked); got != c.want {
			t.Errorf("fetches(%q, %q, %q) = %v", c.local, c.own, c.asked, got)
		}
	}
}

// Catches a binary used though it is not what was installed.
func TestInstallAgainWhenChanged(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, bin Binary){
		"other bytes": func(t *testing.T, bin Binary) { writeFile(t, bin.Path, "#!/bin/sh\n", 0o755) },
		"no binary": func(t *testing.T, bin Binary) {
			if err := os.Remove(bin.Path); err != nil {
				t.Fatal(err)
			}
		},
		"no record": func(t *testing.T, bin Binary) {
			if err := os.Remove(filepath.Join(filepath.Dir(bin.Path), recordName)); err != nil {
				t.Fatal(err)
			}
		},
		"half a record": func(t *testing.T, bin Binary) {
			writeFile(t, filepath.Join(filepath.Dir(bin.Path), recordName), "{", 0o644)
		},
		"another Go": func(t *testing.T, _ Binary) { t.Setenv("FAKE_GO_VERSION", "go1.99.1") },
	} {
		t.Run(name, func(t *testing.T) {
			tools, opts := fakeTools(t)
			spoil(t, mustResolve(t, opts))
			bin := mustResolve(t, opts)
			if n := installs(t, tools); n != 2 {
				t.Errorf("%d installs, want 2", n)
			}
			if got := read(t, bin.Path); got != string(staticELF) {
				t.Errorf("the binary is still %q", got)
			}
			if got := cached(t, opts); !slices.Equal(got, []string{"runc@v1.1.15"}) {
				t.Errorf("cache holds %v", got)
			}
		})
	}
}

// Catches a machine without Go that cannot use what is in its cache.
func TestCachedWithoutGo(t *testing.T) {
	_, opts := fakeTools(t)
	want := mustResolve(t, opts)
	t.Setenv("PATH", "/nonexistent")
	if bin := mustResolve(t, opts); bin != want {
		t.Errorf("%+v, want %+v", bin, want)
	}
}

// Catches two installs of one version that write into each other, and installs
// of different versions that wait for each other for ever.
func TestInstallConcurrently(t *testing.T) {
	tools, opts := fakeTools(t)
	other := Ref{Kind: ModuleRef, Name: "runc", Version: "v1.2.6"}
	var wg sync.WaitGroup
	for i := range 8 {
		ref := []Ref{runc1115, other}[i%2]
		wg.Go(func() {
			if bin, err := Resolve(context.Background(), ref, opts); err != nil || bin.Ref != ref {
				t.Errorf("%v: %+v, %v", ref, bin, err)
			}
		})
	}
	wg.Wait()
	if n := installs(t, tools); n != 2 {
		t.Errorf("%d installs of two versions", n)
	}
	if got := cached(t, opts); !slices.Equal(got, []string{"runc@v1.1.15", "runc@v1.2.6"}) {
		t.Errorf("cache holds %v", got)
	}
}

// Catches a cancelled install that leaves half of itself, is reported as another
// error, or is in the next one's way.
func TestInstallCancelled(t *testing.T) {
	tools, opts := fakeTools(t)
	t.Setenv("FAKE_GO", "hang")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	opts.Log = &lines{onLine: func(line string) {
		if strings.Contains(line, "downloading") {
			cancel()
		}
	}}
	_, err := Resolve(ctx, runc1115, opts)
	var envErr *EnvError
	if !errors.Is(err, context.Canceled) || !errors.As(err, &envErr) {
		t.Errorf("Resolve = %v; want an EnvError that is context.Canceled", err)
	}
	if got := cached(t, opts); len(got) != 0 {
		t.Errorf("cache holds %v", got)
	}
	t.Setenv("FAKE_GO", "")
	mustResolve(t, opts)
	if n := installs(t, tools); n != 2 {
		t.Errorf("%d installs, want 2", n)
	}
}

// Catches an install begun though its context had ended, which exec starts no process for.
func TestInstallCancelledBefore(t *testing.T) {
	tools, opts := fakeTools(t)
	cache, err := openCache(runc1115, opts.CacheDir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	in := installer{cache: cache, log: opts.Log}
	if err := in.goInstall(ctx, goTools{Version: "go1.99.0", toolchain: "local"}, tools, tools); !errors.Is(err, context.Canceled) {
		t.Errorf("goInstall = %v; want context.Canceled", err)
	}
	if n := installs(t, tools); n != 0 {
		t.Errorf("%d installs", n)
	}
}

// Catches an install that waits for another one beyond its own context.
func TestInstallCancelledWhileWaiting(t *testing.T) {
	_, opts := fakeTools(t)
	cache, err := openCache(runc1115, opts.CacheDir)
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := cache.lock(context.Background(), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	opts.Log = &lines{onLine: func(line string) {
		if strings.Contains(line, "waiting for another install") {
			cancel()
		}
	}}
	if _, err := Resolve(ctx, runc1115, opts); !errors.Is(err, context.Canceled) {
		t.Errorf("Resolve = %v; want context.Canceled", err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}

// Catches remains of a killed install that stay for ever or are taken for an installed version.
func TestInstallRemovesLeftovers(t *testing.T) {
	_, opts := fakeTools(t)
	runtimes := filepath.Join(opts.CacheDir, "runtimes")
	for _, left := range []string{".runc@v1.1.15.tmp-1/bin", ".runc@v1.1.15.tmp-2/go", ".runc@v1.1.1.tmp-1/bin"} {
		if err := os.MkdirAll(filepath.Join(runtimes, left), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, filepath.Join(runtimes, ".runc@v1.1.15.tmp-1/bin/runc"), "half", 0o755)
	mustResolve(t, opts)
	// The other version's may be under way: its lock is not held here.
	if got := cached(t, opts); !slices.Equal(got, []string{".runc@v1.1.1.tmp-1", "runc@v1.1.15"}) {
		t.Errorf("cache holds %v", got)
	}
}

// Catches a failure that is mapped to the wrong exit code, leaves something
// behind, or does not say what to do.
func TestInstallFails(t *testing.T) {
	for name, c := range map[string]struct {
		env     [2]string
		remove  string
		refErr  bool
		message string
	}{
		"unknown version": {env: [2]string{"FAKE_GO", "unknown"}, refErr: true, message: "go finds no such version: invalid version: unknown revision v1.1.15"},
		"dynamic binary":  {env: [2]string{"FAKE_GO", "dynamic"}, message: "did not make it static"},
		"no go":           {env: [2]string{"PATH", "/nonexistent"}, message: "there is no go command on PATH (install Go"},
		"no libc.a":       {env: [2]string{"FAKE_GCC_LACKS", "libc.a"}, message: "missing libc.a (apt-get install gcc libc6-dev libseccomp-dev pkg-config)"},
		"no libseccomp.a": {env: [2]string{"FAKE_GCC_LACKS", "libseccomp.a"}, message: "missing libseccomp.a (apt-get"},
		"no gcc":          {remove: "gcc", message: "gcc (apt-get install gcc"},
		"no pkg-config":   {remove: "pkg-config", message: "pkg-config (apt-get install gcc"},
	} {
		t.Run(name, func(t *testing.T) {
			tools, opts := fakeTools(t)
			if c.env[0] != "" {
				t.Setenv(c.env[0], c.env[1])
			}
			if c.remove != "" {
				if err := os.Remove(filepath.Join(tools, c.remove)); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Resolve(context.Background(), runc1115, opts)
			var refErr *RefError
			var envErr *EnvError
			if errors.As(err, &refErr) != c.refErr || errors.As(err, &envErr) == c.refErr || !strings.Contains(err.Error(), c.message) {
				t.Errorf("Resolve: %v; want %q", err, c.message)
			}
			if got := inCache(t, opts); len(got) != 0 {
				t.Errorf("cache holds %v", got)
			}
		})
	}
}

// Catches two installs at once where the lock of the first was removed, and the second holds a file that is nobody's any more.
func TestALockIsOfTheFileThatIsThere(t *testing.T) {
	_, opts := fakeTools(t)
	cache, err := openCache(runc1115, opts.CacheDir)
	if err != nil {
		t.Fatal(err)
	}
	l := flock.New(filepath.Join(cache.root, "x.lock"))
	if locked, err := l.TryLock(); err != nil || !locked || !lasts(l) {
		t.Fatalf("a lock that nobody removed: %v, %v, lasts %v", locked, err, lasts(l))
	}
	for _, again := range []func() error{func() error { return os.Remove(l.Path()) }, func() error { return os.WriteFile(l.Path(), nil, 0o600) }} {
		if err := again(); err != nil || lasts(l) {
			t.Errorf("%v; a lock lasts although its file is gone or another", err)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// Catches go's words about a version taken for words about the machine, and the reverse.
func TestInstallError(t *testing.T) {
	const self = "github.com/opencontainers/runc@v1.1.15: "
	for output, want := range map[string]string{
		// A proxy without the version, as go 1.19 to 1.26 print it.
		"go: " + self + self + "reading https://proxy.example/github.com/opencontainers/runc/@v/v1.1.15.info: 404 Not Found\n\tserver response: not found":  "",
		"go: " + self + "reading https://proxy.example/github.com/opencontainers/runc/@v/v1.1.15.info: 410 Gone":                                            "",
		"go: " + self + self + "reading https://proxy.example/github.com/opencontainers/runc/@v/v1.1.15.info: 403 Forbidden":                                "",
		"go: " + self + "invalid version: unknown revision v1.1.15":                                                                                         "",
		"go: " + self + `unable to resolve git version: failed to execute git version: exec: "git": executable file not found in $PATH`:                     "",
		"embedder/process_linux.go:17:2: reading https://proxy.example/github.com/opencontainers/runc/@v/v1.1.15.mod: 403 Forbidden; server response: none": "",
		// The same about a dependency, or with an answer that is about the proxy.
		"go: " + self + "github.com/urfave/cli@v1.22.1: reading https://proxy.example/github.com/urfave/cli/@v/v1.22.1.mod: 404 Not Found": "404 Not Found",
		"go: " + self + "reading https://proxy.example/github.com/opencontainers/runc/@v/v1.1.15.info: 502 Bad Gateway":                    "check the network",
		"go: " + self + "module lookup disabled by GOPROXY=off":                                                                            "check the network",
		"go: " + self + `Get "https://proxy.example/x.info": dial tcp: lookup proxy.example: no such host`:                                 "check the network",
		"go: " + self + "requires go >= 1.99 (running go 1.26.8; GOTOOLCHAIN=local)":                                                       "install a newer Go",
		"# runtime/cgo\ncgo: C compiler \"cc\" not found: exec: \"cc\": executable file not found in $PATH":                                "apt-get install gcc",
		"/usr/bin/ld: cannot find -lseccomp: No such file or directory\ncollect2: error: ld returned 1 exit status":                        "apt-get install gcc",
		"write /tmp/x: no space left on device":                                                                                            "free some space",
		"":                                                                                                                                 "go install said nothing",
		"\x1b[31mred":                                                                                                                      "?[31mred",
	} {
		err := installError(runc1115, output, errors.New("exit status 1"))
		var refErr *RefError
		if isRef := errors.As(err, &refErr); isRef != (want == "") || !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%q:\n%v\nwant %q", output, err, want)
		}
	}
}

// Catches a go command that floods: what is kept must stay small and the end be in it.
func TestInstallOutputIsBounded(t *testing.T) {
	var notes []string
	out := &installOutput{note: func(s string) { notes = append(notes, s) }}
	for range 100 {
		if _, err := out.Write(bytes.Repeat([]byte("x"), 10_000)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := out.Write([]byte("\ngo: downloading a v1\nthe end")); err != nil {
		t.Fatal(err)
	}
	if len(out.tail) > maxInstallTail || !bytes.HasSuffix(out.tail, []byte("the end")) || len(out.line) > maxQuoted {
		t.Errorf("kept %d bytes ending in %q, line of %d", len(out.tail), out.tail[len(out.tail)-10:], len(out.line))
	}
	if !slices.Equal(notes, []string{"downloading a v1"}) {
		t.Errorf("notes %q", notes)
	}
}

// Catches a machine on which everything is in place and the real go command still
// does not make the binary that was asked for.
func TestInstallForReal(t *testing.T) {
	testenv.Require(t, testenv.Network)
	opts := Options{CacheDir: t.TempDir(), Log: testLog{t}}
	bin := mustResolve(t, opts)
	if !bin.Static {
		t.Error("the binary is not static")
	}
	id, err := Identify(context.Background(), bin.Path)
	if err != nil || id.Version != "runc version 1.1.15" || id.Size > 13<<20 {
		t.Errorf("Identify = %+v, %v; want a stripped runc version 1.1.15", id, err)
	}
	_, err = Resolve(context.Background(), Ref{Kind: ModuleRef, Name: "runc", Version: "v1.1.999"}, opts)
	var refErr *RefError
	if !errors.As(err, &refErr) {
		t.Errorf("a version that does not exist: %v; want a RefError", err)
	}
}

type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// Catches a Ref that did not come from ParseRef being installed from anywhere.
func TestResolveUnknownKindOrModule(t *testing.T) {
	for _, ref := range []Ref{{}, {Kind: "url", Name: "x"}, {Kind: ModuleRef, Name: "crun", Version: "v1.8.1"}} {
		var refErr *RefError
		if bin, err := Resolve(context.Background(), ref, Options{CacheDir: t.TempDir()}); !errors.As(err, &refErr) {
			t.Errorf("%+v: %+v, %v; want a RefError", ref, bin, err)
		}
	}
}
