package scenarios

import (
	"slices"
	"strings"
)

// BuiltinRef is the reference of the runtime that comes with initbench; options follow a colon.
const BuiltinRef = "builtin"

// joinRuntime stands where every plan has an arm and none is started: in a run that measures joins alone.
var joinRuntime = Runtime{Name: "join", Ref: "join:"}

// IsBuiltin reports whether ref is of the built-in runtime, with or without options.
func IsBuiltin(ref string) bool {
	return ref == BuiltinRef || strings.HasPrefix(ref, BuiltinRef+":")
}

// IsJoin reports whether r is no runtime but the arm of a run that measures joins alone.
func IsJoin(r Runtime) bool { return r == joinRuntime }

// defaultRuntimes are the arms of a run for which nobody named any.
func defaultRuntimes(all []Scenario) []Runtime {
	if slices.ContainsFunc(all, func(s Scenario) bool { return s.Joins != nil }) {
		return []Runtime{joinRuntime}
	}
	return []Runtime{{Name: BuiltinRef, Ref: BuiltinRef}}
}

// fixes names the axis of the scenario that an option of r's reference would fix; empty where none does.
func (s Scenario) fixes(r Runtime) string {
	_, options, _ := strings.Cut(r.Ref, ":")
	for option := range strings.SplitSeq(options, ",") {
		key, _, _ := strings.Cut(option, "=")
		switch {
		case key == "clone" && len(s.Clones) > 0, key == "strategy" && len(s.Strategies) > 0,
			(key == "size" || key == "pad") && len(s.Sizes) > 0:
			return key
		}
	}
	return ""
}
