package html

import (
	"regexp"
	"slices"
	"strings"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/scenarios"
	"github.com/initbench/initbench/sequence"
)

// traceCommand is the command that shows one start under the same conditions, step by step; of two runtimes side by side.
func traceCommand(refs []string, build scenarios.Build, driver cgroupjoin.Driver, order sequence.Order, place cgroupjoin.Place, limit int64) string {
	words := []string{"initbench", "trace"}
	for _, ref := range refs {
		words = append(words, "--runtime", quoted(inBuild(ref, build)))
	}
	if driver != "" {
		words = append(words, "--driver", quoted(string(driver)))
	}
	if order != "" && order != sequence.Natural {
		words = append(words, "--order", quoted(string(order)))
	}
	if limit != 0 {
		words = append(words, "--limit", scenarios.FormatSize(limit))
		if place == cgroupjoin.OnAncestor {
			words = append(words, "--limit-place", string(place))
		}
	}
	return strings.Join(words, " ")
}

// inBuild is a built-in runtime's reference with what a trial's build says beside it.
func inBuild(ref string, build scenarios.Build) string {
	if build == (scenarios.Build{}) || !scenarios.IsBuiltin(ref) {
		return ref
	}
	name, text, _ := strings.Cut(ref, ":")
	options := slices.DeleteFunc(strings.Split(text, ","), func(s string) bool { return s == "" || overridden(s, build) })
	if build.Clone != "" {
		options = append(options, "clone="+string(build.Clone))
	}
	if build.Strategy != "" {
		options = append(options, "strategy="+string(build.Strategy))
	}
	if build.BinaryBytes != 0 {
		options = append(options, "size="+scenarios.FormatSize(build.BinaryBytes))
	}
	return name + ":" + strings.Join(options, ",")
}

func overridden(option string, build scenarios.Build) bool {
	key, _, _ := strings.Cut(option, "=")
	return key == "clone" && build.Clone != "" || key == "strategy" && build.Strategy != "" ||
		(key == "size" || key == "pad") && build.BinaryBytes != 0
}

var bare = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// quoted is a word that a shell takes as it is: references are whatever a user wrote.
func quoted(word string) string {
	if bare.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
