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
			calls += len(sleeping(decl))
			for _, call := range unsaid(decl) {
				t.Errorf("%s: nothing is said of EINTR (in tests: testenv.Await, testenv.Wait)", files.Position(call.Pos()))
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

// Catches a call that is excused by what is said of another one in the same function.
func TestEachInterruptedCallIsJudged(t *testing.T) {
	const again = "for { if _, err := unix.Poll(fds, -1); !errors.Is(err, unix.EINTR) { break } }\n"
	const raw = "_, err := unix.Wait4(pid, nil, 0, nil)\n"
	for body, want := range map[string]int{
		again: 0, raw: 1, again + raw: 1, raw + again: 1, raw + raw: 2, again + again: 0,
		"for err = unix.EINTR; errors.Is(err, unix.EINTR); { err = unix.Fallocate(fd, 0, 0, 1) }\n":       0,
		"for err = unix.EINTR; errors.Is(err, unix.EINTR); { err = unix.Fallocate(fd, 0, 0, 1) }\n" + raw: 1,
		"for errors.Is(unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED, nil), unix.EINTR) { }\n" + raw:     1,
		raw + "for err = unix.EINTR; errors.Is(err, unix.EINTR); { err = unix.Fallocate(fd, 0, 0, 1) }\n": 1,
		"unix.Wait4(pid, nil, unix.WNOHANG, nil)\n" + raw:                                                 1,
		"raw.Control(func(fd uintptr) { err = unix.Poll(fds, 1) })\nif errors.Is(err, unix.EINTR) { }\n":  0,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc f() {\n"+body+"}\n", parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(unsaid(f.Decls[0])); got != want {
			t.Errorf("%d calls are found at fault, want %d:\n%s", got, want, body)
		}
	}
}

// unsaid returns those interruptible calls between which and the next one nothing is said of EINTR.
func unsaid(decl ast.Node) (found []*ast.CallExpr) {
	said := mentions(decl, "EINTR")
	calls := sleeping(decl)
	for i, call := range calls {
		until := decl.End()
		if i+1 < len(calls) {
			until = calls[i+1].Pos()
		}
		if !slices.ContainsFunc(said, func(at token.Pos) bool { return call.Pos() < at && at < until }) {
			found = append(found, call)
		}
	}
	return found
}

// mentions are where an identifier says something of what stands before it: in the head of a loop it does of the loop's body.
func mentions(n ast.Node, name string) (at []token.Pos) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ForStmt:
			if n.Cond != nil && names(n.Cond, name) {
				at = append(at, n.Body.Rbrace)
			}
			at = append(at, mentions(n.Body, name)...)
			return false
		case *ast.Ident:
			if n.Name == name {
				at = append(at, n.Pos())
			}
		}
		return true
	})
	return at
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
