package scripts

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Catches a package that begins to start goroutines and stays without the race detector, which lane_race leaves out where there are none.
func TestWhatIsSequentialStartsNoGoroutine(t *testing.T) {
	text, err := os.ReadFile("test.sh")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`(?m)^sequential=\((.+)\)$`).FindSubmatch(text)
	if list == nil {
		t.Fatal("test.sh lists no sequential packages")
	}
	for _, dir := range strings.Fields(string(list[1])) {
		files, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Errorf("%s: %d files, %v", dir, len(files), err)
		}
		for _, file := range files {
			if what := concurrent(t, file); what != "" {
				t.Errorf("%s: %s: take the package off the list", file, what)
			}
		}
	}
	if concurrent(t, "../cmd/initbench/live.go") == "" {
		t.Error("nothing is seen where a goroutine is started")
	}
}

// concurrent says what in a file has a second goroutine run: a statement, or a function that is known to start one.
func concurrent(t *testing.T, file string) (what string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			what = "a go statement"
		case *ast.SelectorExpr:
			switch n.Sel.Name {
			case "Go", "Parallel", "RunParallel", "AfterFunc", "Pipe", "NewServer", "Serve":
				what = n.Sel.Name
			}
		case *ast.ImportSpec:
			if path := strings.Trim(n.Path.Value, `"`); path == "golang.org/x/sync/errgroup" || path == "net/http" {
				what = "it imports " + path
			}
		}
		return true
	})
	return what
}
