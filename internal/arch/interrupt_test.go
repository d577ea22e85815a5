package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// interruptible are the calls that sleep and that a signal ends with EINTR: the Go runtime sends signals to itself to
// preempt goroutines, at any time. SA_RESTART, with which it installs its handlers, does nothing for these but the
// two that wait for children (signal(7), fallocate(2)). Package os makes its own calls again, package unix none.
var interruptible = []string{"Poll", "Ppoll", "EpollWait", "EpollPwait", "Select", "Pselect", "Wait4", "Waitid", "Nanosleep",
	"ClockNanosleep", "Fallocate"}

// atOnce in a call's arguments keeps it from sleeping.
const atOnce = "WNOHANG"

// Catches a call that fails once in a thousand times since a signal came in its midst: whoever makes one says what
// becomes of EINTR.
func TestInterruptedCallsAreNoFailures(t *testing.T) {
	calls := 0
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bin"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(file, ".go"):
			return nil
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range f.Decls {
			found := sleeping(decl)
			calls += len(found)
			if len(found) > 0 && !names(decl, "EINTR") {
				for _, call := range found {
					t.Errorf("%s: nothing is said of EINTR (in tests: testenv.Await, testenv.Wait)", files.Position(call.Pos()))
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if calls == 0 {
		t.Error("there is not one such call: the reading of sources is broken")
	}
}

// sleeping returns the interruptible calls below a node.
func sleeping(n ast.Node) (found []*ast.CallExpr) {
	ast.Inspect(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains(interruptible, sel.Sel.Name) {
			return true
		}
		pkg, ok := sel.X.(*ast.Ident)
		if ok && (pkg.Name == "unix" || pkg.Name == "syscall") && !names(call, atOnce) {
			found = append(found, call)
		}
		return true
	})
	return found
}

// names tells whether an identifier occurs below a node.
func names(n ast.Node, name string) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && id.Name == name
		return !found
	})
	return found
}
