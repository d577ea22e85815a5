package ociruntime

import (
	"context"
	"go/version"
	"path/filepath"
	"slices"
	"strings"

	"github.com/initbench/initbench/internal/builtin/embed"
)

// parseEmbedder reads what follows builtin@.
func parseEmbedder(whole, text string) (Ref, error) {
	text, _, options := strings.Cut(text, ":")
	v, valid := canonicalVersion(text)
	switch {
	case !valid:
		return Ref{}, &RefError{Ref: whole, Reason: "the version must be written in full, like builtin@v1.5.1 or builtin@v1.2.0-rc.1"}
	case options:
		return Ref{}, &RefError{Ref: whole, Reason: "builtin@ with a version embeds libcontainer as it is, and takes no options: those are builtin's own"}
	}
	if err := embed.Check(v); err != nil {
		return Ref{}, &RefError{Ref: whole, Reason: err.Error()}
	}
	return Ref{Kind: EmbedderRef, Name: builtinName, Version: v}, nil
}

// ResolveEmbedder finds the embedder of libcontainer that a reference means, for package embed to start: of a version, built
// first where the cache does not have it, or, for plain builtin, of the libcontainer that initbench comes with. Anything else is a [*RefError].
func ResolveEmbedder(ctx context.Context, ref Ref, opts Options) (Binary, error) {
	switch {
	case ref.Kind == EmbedderRef:
		return resolveEmbedder(ctx, ref, opts)
	case ref.Kind == BuiltinRef && ref.Builtin == Builtin{}:
		return resolveBuiltin(ref)
	case ref.Kind == BuiltinRef:
		return Binary{}, &RefError{Ref: ref.String(), Reason: "options are about how a start is made by the command line: an embedder of libcontainer takes none; write builtin"}
	}
	return Binary{}, &RefError{Ref: ref.String(), Reason: "embeds no libcontainer: want builtin or builtin@vX.Y.Z"}
}

func resolveEmbedder(ctx context.Context, ref Ref, opts Options) (Binary, error) {
	// A Ref need not have come from ParseRef.
	if err := embed.Check(ref.Version); err != nil || ref.Name != builtinName {
		return Binary{}, &RefError{Ref: ref.String(), Reason: "no embedder can be built of it", Err: err}
	}
	return lookupOrInstall(ctx, ref, opts)
}

// embedderFlags are as close to runc's as a program that has no release can come. Criu, which takes 2 MiB, is left out where
// libcontainer lets it (1.4 and newer). -buildvcs=false: the cache may lie in somebody's repository.
func embedderFlags() []string {
	return []string{
		"-mod=mod", "-trimpath", "-buildvcs=false", "-tags", "seccomp netgo osusergo runc_nocriu",
		"-ldflags", "-s -w -linkmode external -extldflags=-static",
	}
}

// embedderRecipe names the source too: it is ours, and may change without the version's doing.
func embedderRecipe(ref Ref) string {
	digest, err := embed.Digest(ref.Version)
	if err != nil {
		digest = err.Error() // it is in no record, and so matches none
	}
	return "go build " + strings.Join(embedderFlags(), " ") + " of " + digest + " with " + runc.path + "@" + ref.Version
}

// embedderBuild writes the source into dir and returns the go command that builds it from there.
func embedderBuild(ref Ref, goVersion, bin, dir string) ([]string, error) {
	if err := embed.WriteModule(dir, ref.Version, language(goVersion)); err != nil {
		return nil, err
	}
	return slices.Concat([]string{"build"}, embedderFlags(), []string{"-o", filepath.Join(bin, ref.Name), "."}), nil
}

// language is the version for a go line: the compiler's own, so that every version of libcontainer is embedded with the
// same semantics, and none asks for a newer one. A compiler that has no release gets the oldest that the source is written in.
func language(goVersion string) string {
	if v, _, _ := strings.Cut(goVersion, " "); version.IsValid(v) { // experiments follow a space
		return strings.TrimPrefix(v, "go")
	}
	return "1.22"
}
