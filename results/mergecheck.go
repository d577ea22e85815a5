package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// binaryKey is one arm in one build: the built-in runtime is another binary for each size.
type binaryKey struct {
	arm   string
	build string
}

type binary struct {
	id RuntimeID
	of string // the run
}

// otherBinary says that an arm was another binary in a run before this one. Within a run it is the verdict's to say.
func (m *merger) otherBinary(r *Run, t *Record) string {
	key := binaryKey{t.Arm, fmt.Sprint(t.Build)}
	known, ok := m.binaries[key]
	switch {
	case !ok:
		m.binaries[key] = binary{t.Runtime, r.Dir}
		return ""
	case known.of == r.Dir, known.id.SHA256 == t.Runtime.SHA256 && known.id.Filesystem == t.Runtime.Filesystem:
		return ""
	}
	return fmt.Sprintf("trial %d: %s is the binary %.12s on %s, and in %s it is %.12s on %s",
		t.Index, t.Arm, t.Runtime.SHA256, t.Runtime.Filesystem, known.of, known.id.SHA256, known.id.Filesystem)
}

// otherEnvironment says in what an environment does not compare with the first of all or, where scenarios ask for clocks, with the
// first of its clock.
func (m *merger) otherEnvironment(r *Run, e Environment) string {
	clock := ""
	if m.runs[0].Header.Spec.HasClock() {
		clock = e.Clock
	}
	before, known := m.first[clock]
	if !known {
		m.first[clock] = environmentOf{e, r.Dir}
		return ""
	}
	if differ := m.opts.Differ(before.Environment, e); differ != "" {
		return fmt.Sprintf("its environment is not that of %s: %s", before.of, differ)
	}
	return ""
}

// differentPlans says in what two runs were not asked for the same; empty where they were. The seed is each run's own, and
// a runtime's reference may be another where it lies elsewhere: that it is the same binary is for the records to show.
func differentPlans(a, b Header) string {
	switch {
	case a.Schema != b.Schema:
		return fmt.Sprintf("schema: %d and %d", a.Schema, b.Schema)
	case a.Gate != b.Gate:
		return fmt.Sprintf("gate: %t and %t", a.Gate, b.Gate)
	case a.MadeBy() != b.MadeBy() && a.Command != "" && b.Command != "":
		return fmt.Sprintf("command: %s and %s", a.Command, b.Command)
	case a.Policy != b.Policy:
		return differentPolicies(a, b)
	case len(a.Spec.Scenarios) != len(b.Spec.Scenarios):
		return fmt.Sprintf("scenarios: %d and %d", len(a.Spec.Scenarios), len(b.Spec.Scenarios))
	case len(a.Spec.Runtimes) != len(b.Spec.Runtimes):
		return fmt.Sprintf("runtimes: %d and %d", len(a.Spec.Runtimes), len(b.Spec.Runtimes))
	}
	if differ := differentKey(a.design(), b.design()); differ != "" {
		return "design: " + differ
	}
	for i := range a.Spec.Scenarios {
		if differ := differentKey(a.Spec.Scenarios[i], b.Spec.Scenarios[i]); differ != "" {
			return fmt.Sprintf("scenario %s: %s", a.Spec.Scenarios[i].Name, differ)
		}
	}
	for i, r := range a.Spec.Runtimes {
		if other := b.Spec.Runtimes[i]; r.Name != other.Name {
			return fmt.Sprintf("runtime %d: %s and %s", i+1, r.Name, other.Name)
		}
	}
	if a.Spec.BuiltinBytes != b.Spec.BuiltinBytes {
		return fmt.Sprintf("builtin_bytes: %d and %d", a.Spec.BuiltinBytes, b.Spec.BuiltinBytes)
	}
	return ""
}

// differentPolicies tells two policies from a run that keeps none, as those of an older initbench do: nobody knows what that was judged by.
func differentPolicies(a, b Header) string {
	without := b
	switch {
	case a.Policy != "" && b.Policy != "":
		return "policy: they were judged by two"
	case a.Policy == "":
		without = a
	}
	return fmt.Sprintf("policy: the run %s keeps none, for initbench %s made it: judge each alone (compare DIR --policy FILE), or measure that one again", without.ID, without.Initbench)
}

// design is the one by which the run, or each of its parts, was made.
func (h Header) design() *Design {
	return partsOf(h)[0].Design
}

// differentKey names the first key in which two values of one type differ, and what it is in each.
func differentKey(a, b any) string {
	left, right := keysOf(a), keysOf(b)
	all := slices.Concat(slices.Collect(maps.Keys(left)), slices.Collect(maps.Keys(right)))
	slices.Sort(all)
	for _, key := range all {
		if !bytes.Equal(left[key], right[key]) {
			return fmt.Sprintf("%s: %s and %s", key, valueOf(left, key), valueOf(right, key))
		}
	}
	return ""
}

// keysOf are those that a value is stored with; a nil pointer has none.
func keysOf(v any) map[string]json.RawMessage {
	var keys map[string]json.RawMessage
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &keys)
	}
	if err != nil {
		panic(err) // of structs that were read from JSON: neither can fail
	}
	return keys
}

func valueOf(keys map[string]json.RawMessage, key string) string {
	if v, ok := keys[key]; ok {
		return string(v)
	}
	return "none"
}
