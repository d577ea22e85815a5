package ociruntime

import (
	"context"
	"encoding/json"
	"errors"
	"go/version"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// debianPackages is all that building a runc takes beside Go.
const debianPackages = "apt-get install gcc libc6-dev libseccomp-dev pkg-config"

// buildFlags are how upstream's release binaries are built: static, so that one
// binary runs on the host and in a guest with another libc; stripped, because
// size is what the runtime copies at each start; with seccomp, because the
// filters are part of what init does.
func buildFlags(ref Ref) []string {
	return []string{
		"-trimpath", "-tags", "seccomp netgo osusergo",
		"-ldflags", "-s -w -linkmode external -extldflags=-static -X main.version=" + strings.TrimPrefix(ref.Version, "v"),
	}
}

// recipe is the build's command line, as the cache remembers it.
func recipe(ref Ref) string {
	if ref.Kind == EmbedderRef {
		return embedderRecipe(ref)
	}
	return "go install " + strings.Join(buildFlags(ref), " ") + " " + runc.path + "@" + ref.Version
}

// goTools is what builds a runtime, as `go env` names it.
type goTools struct {
	Version   string `json:"GOVERSION"`
	CC        string `json:"CC"`
	PkgConfig string `json:"PKG_CONFIG"`
	// toolchain is GOTOOLCHAIN for the build: local, or the version to fetch.
	toolchain string
}

// installer installs one version into the cache.
type installer struct {
	cache cacheEntry
	log   io.Writer
}

func resolveModule(ctx context.Context, ref Ref, opts Options) (Binary, error) {
	if ref.Name != runc.name {
		return Binary{}, &RefError{Ref: ref.String(), Reason: "only runc can be installed by version"}
	}
	return lookupOrInstall(ctx, ref, opts)
}

// lookupOrInstall returns the binary of a version, from the cache or after making it.
func lookupOrInstall(ctx context.Context, ref Ref, opts Options) (Binary, error) {
	cache, err := openCache(ref, opts.CacheDir)
	if err != nil {
		return Binary{}, err
	}
	in := installer{cache: cache, log: opts.Log}
	tools, toolsErr := findGo(ctx, ref)
	if bin, err := cache.lookup(tools.Version); err == nil {
		return bin, nil
	}
	if toolsErr != nil {
		return Binary{}, toolsErr
	}
	return in.install(ctx, tools)
}

// note writes one line to the log. A log that cannot be written to stops nothing.
func (in installer) note(what string) {
	if in.log != nil {
		_, _ = io.WriteString(in.log, in.cache.ref.String()+": "+what+"\n")
	}
}

func (in installer) install(ctx context.Context, tools goTools) (bin Binary, err error) {
	unlock, err := in.cache.lock(ctx, in.note)
	if err != nil {
		return Binary{}, in.envError("wait for the lock", err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	bin, err = in.cache.lookup(tools.Version)
	if err == nil {
		return bin, nil // by whoever held the lock
	}
	if !errors.Is(err, fs.ErrNotExist) {
		in.note("the cached binary is not used: " + err.Error())
	}
	if err := in.build(ctx, tools); err != nil {
		return Binary{}, err
	}
	bin, err = in.cache.lookup(tools.Version)
	if err != nil {
		return Binary{}, in.envError("read back what was installed", err)
	}
	in.note("installed as " + bin.Path)
	return bin, nil
}

// build makes the binary in a directory of its own beside the entry and moves it
// into place in one step. Whatever stops it, the entry is whole or not there.
func (in installer) build(ctx context.Context, tools goTools) (err error) {
	if err := checkLibraries(ctx, in.cache.ref, tools); err != nil {
		return err
	}
	if err := in.cache.removeLeftovers(); err != nil {
		return in.envError("remove what a killed install left", err)
	}
	tmp, err := os.MkdirTemp(in.cache.root, in.cache.tempName())
	if err != nil {
		return in.envError("make a directory to build in", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	fresh := filepath.Join(tmp, "bin")
	for _, d := range []string{fresh, filepath.Join(tmp, "go")} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return in.envError("make a directory to build in", err)
		}
	}
	in.note("installing with " + tools.Version + ", which takes a minute or two the first time")
	if err := in.goInstall(ctx, tools, fresh, filepath.Join(tmp, "go")); err != nil {
		return err
	}
	if !isStatic(filepath.Join(fresh, in.cache.ref.Name)) {
		return in.envError("check the binary", errors.New("the linker did not make it static"))
	}
	if err := in.cache.publish(fresh, filepath.Join(tmp, "old"), tools.Version); err != nil {
		return in.envError("move the binary into the cache", err)
	}
	return nil
}

// goInstall runs the go command in goTmp, not in the user's directory: its go.work would have a say.
func (in installer) goInstall(ctx context.Context, tools goTools, bin, goTmp string) error {
	args, err := in.buildArgs(tools, bin, goTmp)
	if err != nil {
		return in.envError("write the source", err)
	}
	cmd := groupCommand(ctx, interruptGroup, "go", args...)
	cmd.Dir = goTmp
	cmd.Env = append(os.Environ(), installEnv(bin, goTmp, tools.toolchain)...)
	out := &installOutput{note: in.note}
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	if ctx.Err() != nil {
		endGroup(cmd) // what go started just as it was told to stop may have missed that
		return in.envError("interrupted", context.Cause(ctx))
	}
	if err != nil {
		return installError(in.cache.ref, string(out.tail), err)
	}
	return nil
}

// buildArgs are the go command's arguments, for which it makes ready what it is to build in dir.
func (in installer) buildArgs(tools goTools, bin, dir string) ([]string, error) {
	if in.cache.ref.Kind == EmbedderRef {
		return embedderBuild(in.cache.ref, tools.Version, bin, dir)
	}
	args := append([]string{"install"}, buildFlags(in.cache.ref)...)
	return append(args, runc.path+"@"+in.cache.ref.Version), nil
}

// installEnv settles what the user's settings for other builds would change.
// CC, CGO_CFLAGS, PKG_CONFIG_PATH and GOPROXY remain theirs.
func installEnv(bin, goTmp, toolchain string) []string {
	return []string{
		"GOBIN=" + bin, "GOTMPDIR=" + goTmp, "CGO_ENABLED=1",
		// An empty GOFLAGS would fall back to `go env -w`; -mod=vendor in there fails every install.
		"GOFLAGS=-trimpath", "GOWORK=off", "GO111MODULE=on",
		// Said outright: left to itself, go builds a module that asks for a newer Go
		// with another compiler than the other arm's.
		"GOTOOLCHAIN=" + toolchain,
		// go refuses GOBIN when it cross-compiles; v1 runs under every emulator and CPU.
		"GOOS=" + runtime.GOOS, "GOARCH=" + runtime.GOARCH, "GOAMD64=v1",
	}
}

// installOutput passes on which modules are downloaded and keeps the end of all else.
type installOutput struct {
	note func(string)
	tail []byte
	line []byte
}

const maxInstallTail = 16 << 10

func (o *installOutput) Write(p []byte) (int, error) {
	o.tail = append(o.tail, p...)
	if extra := len(o.tail) - maxInstallTail; extra > 0 {
		o.tail = append(o.tail[:0], o.tail[extra:]...)
	}
	for _, b := range p {
		if b != '\n' {
			if len(o.line) < maxQuoted {
				o.line = append(o.line, b)
			}
			continue
		}
		if what, found := strings.CutPrefix(string(o.line), "go: downloading "); found {
			o.note("downloading " + printable(what, maxQuoted))
		}
		o.line = o.line[:0]
	}
	return len(p), nil
}

func (in installer) envError(what string, err error) error {
	return &EnvError{What: "install " + in.cache.ref.String(), Reason: what, Err: err}
}

// findGo asks the go command on PATH for its version and its C tools.
func findGo(ctx context.Context, ref Ref) (goTools, error) {
	fail := func(reason string, err error) (goTools, error) {
		return goTools{}, &EnvError{What: "install " + ref.String(), Reason: reason, Err: err,
			Remedy: "install Go, see https://go.dev/doc/install"}
	}
	if runtime.GOOS != "linux" {
		return goTools{}, &EnvError{What: "install " + ref.String(), Reason: "runc is built on Linux only"}
	}
	if _, err := exec.LookPath("go"); err != nil {
		return fail("there is no go command on PATH", nil)
	}
	cmd := groupCommand(ctx, killGroup, "go", "env", "-json", "GOVERSION", "CC", "PKG_CONFIG")
	cmd.Dir = os.TempDir()
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=local", "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		return fail("go env", err)
	}
	var tools goTools
	if err := json.Unmarshal(out, &tools); err != nil {
		return fail("go env", err)
	}
	if tools.Version == "" {
		return fail("go env names no version", nil)
	}
	tools.toolchain = "local"
	if own := runtime.Version(); fetches(tools.Version, own, os.Getenv("GOTOOLCHAIN")) {
		tools.Version, tools.toolchain = own, own
	}
	return tools, nil
}

// fetches says whether the runtimes are built with the Go that built initbench
// because the local one is older. go has mostly fetched it by then, to build initbench;
// runc 1.5 needs a newer Go than Debian has; and the same compiler everywhere makes for the
// same binaries. Not so where the user has said GOTOOLCHAIN=local, or go is too
// old (before 1.21) to fetch another.
func fetches(local, own, asked string) bool {
	return asked != "local" && version.IsValid(own) && version.Compare(local, "go1.21") >= 0 && version.Compare(local, own) < 0
}

// checkLibraries says what is missing before a build of two minutes ends in a
// linker's words for it.
func checkLibraries(ctx context.Context, ref Ref, tools goTools) error {
	cc := strings.Fields(tools.CC)
	if len(cc) == 0 {
		cc = []string{"gcc"}
	}
	var missing []string
	if _, err := exec.LookPath(cc[0]); err != nil {
		missing = append(missing, cc[0])
	} else {
		for _, lib := range []string{"libc.a", "libseccomp.a"} {
			if !compilerFinds(ctx, cc, lib) {
				missing = append(missing, lib)
			}
		}
	}
	pkgConfig := tools.PkgConfig
	if pkgConfig == "" {
		pkgConfig = "pkg-config"
	}
	if _, err := exec.LookPath(pkgConfig); err != nil {
		missing = append(missing, pkgConfig)
	} else if groupCommand(ctx, killGroup, pkgConfig, "--exists", "libseccomp").Run() != nil {
		missing = append(missing, "libseccomp's headers")
	}
	if ctx.Err() != nil {
		return &EnvError{What: "install " + ref.String(), Reason: "interrupted", Err: context.Cause(ctx)}
	}
	if len(missing) > 0 {
		return &EnvError{What: "install " + ref.String(), Reason: "missing " + strings.Join(missing, ", "), Remedy: debianPackages}
	}
	return nil
}

// compilerFinds relies on -print-file-name, of gcc and clang, which prints the
// bare name of a file that it does not find.
func compilerFinds(ctx context.Context, cc []string, lib string) bool {
	args := append(cc[1:len(cc):len(cc)], "-print-file-name="+lib)
	out, err := groupCommand(ctx, killGroup, cc[0], args...).Output()
	return err == nil && filepath.IsAbs(strings.TrimSpace(string(out)))
}

// installFailures map the go command's and the linker's words to what is wrong.
// They decide nothing but the exit code and the hint: an unknown text is an
// EnvError that quotes it.
var installFailures = []struct {
	text   *regexp.Regexp
	remedy string
}{
	{regexp.MustCompile(`requires go >= \S+`), "install a newer Go, see https://go.dev/doc/install"},
	{regexp.MustCompile(`cannot find -l|seccomp\.h: No such file|Package libseccomp was not found|C compiler .* not found`), debianPackages},
	{regexp.MustCompile(`dial tcp|no such host|i/o timeout|TLS handshake|proxyconnect|lookup disabled by GOPROXY|: 50\d `), "check the network, and GOPROXY in `go env`"},
	{regexp.MustCompile(`no space left on device`), "free some space, or set TMPDIR and GOCACHE to where there is some"},
}

// installError turns a failed `go install` into the error a caller can map.
func installError(ref Ref, output string, cause error) error {
	said := strings.ReplaceAll(lastWords(output), runc.path+"@"+ref.Version+": ", "") // go says it twice
	said = strings.TrimPrefix(said, "go: ")
	if noSuchVersion(ref, output) {
		return &RefError{Ref: ref.String(), Reason: "go finds no such version: " + said}
	}
	e := &EnvError{What: "install " + ref.String(), Reason: said, Err: cause}
	for _, f := range installFailures {
		if f.text.MatchString(output) {
			e.Remedy = f.remedy
			break
		}
	}
	return e
}

// noSuchVersion knows the ways of being told so: the proxy answers 404, 410 or, some of
// them, 403 to the request for the version itself; or, where GOPROXY ends in direct, git
// is asked next and has no such tag, no way out, or is not installed. The same
// answers about another module say nothing about the version. An embedder's module is told of it at the file that imports the other.
func noSuchVersion(ref Ref, output string) bool {
	wanted := regexp.QuoteMeta(ref.Version)
	path := regexp.QuoteMeta(runc.path)
	return regexp.MustCompile(`(?m)\breading \S*/` + path + `/@v/` + wanted + `\.(?:info|mod|zip): (?:403|404|410)\b` +
		`|^go: (?:` + path + `@` + wanted + `: )+(?:invalid version: |unknown revision |no matching versions|unable to resolve git version: )`).MatchString(output)
}

// lastWords returns the end of a build's output in one line, without the lines
// that only name the package being built.
func lastWords(output string) string {
	var words []string
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "go: downloading ") {
			words = append(words, line)
		}
	}
	s := strings.Join(words[max(0, len(words)-4):], "; ")
	if s == "" {
		s = "go install said nothing"
	}
	return printable(s, 4*maxQuoted)
}
