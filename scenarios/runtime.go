package scenarios

import (
	"fmt"
	"path"
	"strings"
)

// runtimeExtra lets a reference such as runc@v1.1.15 be its own name.
const runtimeExtra = "-.@_"

// ParseRuntime reads what stands behind --runtime: NAME=REF, or REF alone, which
// is then named after its last path element. A path that has a = in it is still a
// path: what stands before it is no name.
func ParseRuntime(arg string) (Runtime, error) {
	r := Runtime{Name: path.Base(arg), Ref: arg}
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
