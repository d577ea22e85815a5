package scenarios

import (
	"fmt"
	"path"
	"strings"
)

// runtimeExtra lets a reference such as runc@v1.1.15 be its own name.
const runtimeExtra = "-.@_"

// ParseRuntime reads what stands behind --runtime: NAME=REF, or REF alone, which
// is then named after its last path element, or after the options of builtin:clone=init,... A
// reference that has a = in it is still a reference: what stands before it is no name.
func ParseRuntime(arg string) (Runtime, error) {
	r := Runtime{Name: defaultName(arg), Ref: arg}
	if name, ref, ok := strings.Cut(arg, "="); ok && validName(name, runtimeExtra) {
		r = Runtime{Name: name, Ref: ref}
	}
	f := r.flaw(nil)
	if f != nil && f.path == "name" {
		return Runtime{}, &Error{Wrong: fmt.Sprintf("runtime %s has no name fit for a table", quoted(arg)), Right: "write NAME=REF with a NAME in lower case"}
	}
	if f != nil {
		return Runtime{}, &Error{Wrong: f.wrong, Right: f.right}
	}
	return r, nil
}

// defaultName is what a reference is called when nobody says: of the built-in
// runtime's options the values alone, which are told apart without their keys, but for the two sizes.
func defaultName(ref string) string {
	options, is := strings.CutPrefix(ref, BuiltinRef+":")
	if !is {
		return path.Base(ref)
	}
	name := BuiltinRef
	for option := range strings.SplitSeq(strings.ToLower(options), ",") {
		key, value, _ := strings.Cut(option, "=")
		if key == "pad" {
			value = key + value
		}
		name += "-" + value
	}
	return name
}
