package arch

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/initbench/initbench/"

// root is the module's, from here.
const root = "../.."

// rule forbids packages. A name ending in /... stands for a folder and all below it; * for every package of ours; one after
// a ! is let out again.
type rule struct {
	from   []string
	never  []string
	reason string
}

// reach forbids paths of imports, however long.
var reach = []rule{
	{[]string{"sequence", "sequence/seam", "cgroupjoin/join", "cgroupjoin/idle", "internal/journal", "internal/stats", "internal/vm"}, []string{"*"},
		"it is a vocabulary or a tool of its own: whoever uses it knows what a trial is, it does not"},
	{[]string{"internal/builtin", "internal/builtin/options", "internal/builtin/embed/embedder", "memfdclone", "memfdclone/ininit"},
		[]string{"cgroupjoin", "cgroupjoin/idle", "scenarios", "results", "internal/ociruntime", "internal/runner", "internal/journal", "internal/vm"},
		"it is linked into the built-in runtime, whose size is what gets copied, and which does not know what a trial is"},
	{[]string{"internal/builtin/embed/protocol"}, []string{"*"},
		"it is compiled into embedders in a module of their own, as is what they import"},
	{[]string{"internal/builtin/embed"}, []string{"internal/builtin/embed/embedder", "internal/builtin/options", "internal/ociruntime", "internal/runner", "cgroupjoin", "memfdclone/...", "scenarios", "results"},
		"it is linked into initbench, which has no libcontainer in it, and knows a process and a bundle, not what a trial is"},
	{[]string{"cgroupjoin"}, []string{"memfdclone/...", "sequence/...", "scenarios/...", "results/...", "internal/..."},
		"it is a tool of its own: whoever uses it knows what a trial is, it does not"},
	{[]string{"sequence/enforce", "sequence/observe"}, []string{"cgroupjoin", "memfdclone", "scenarios", "results", "internal/..."},
		"they know processes, cgroups and steps: what a trial, a record or a runtime under test is, whoever uses them knows"},
	{[]string{"sequence/enforce"}, []string{"sequence/observe"},
		"what imposes an order must not be believed by what finds out which one occurred"},
	{[]string{"sequence/observe"}, []string{"sequence/enforce"},
		"what imposes an order must not be believed by what finds out which one occurred"},
	{[]string{"cgroupjoin", "internal/ociruntime", "scenarios", "results", "internal/verdict", "internal/report"}, []string{"sequence/enforce", "sequence/observe"},
		"only whoever makes trials loads programs into the kernel or stops a runtime's calls: the others have the vocabulary"},
	{[]string{"scenarios"}, []string{"results", "internal/...", "!internal/pool", "!internal/lifecycle", "!internal/yamlpos"},
		"a plan is settled before anything is measured and must not depend on how"},
	{[]string{"internal/yamlpos"}, []string{"*"},
		"it reads a file's words and places: what they mean, whoever decodes them knows"},
	{[]string{"internal/pool"}, []string{"*", "!internal/yamlpos"},
		"it is a vocabulary: what a pool is does not depend on who has its subnets"},
	{[]string{"internal/pool/lease", "internal/network"},
		[]string{"memfdclone/...", "sequence/...", "scenarios/...", "results/...", "cgroupjoin/...", "internal/ociruntime", "internal/runner", "internal/verdict", "internal/report/...", "internal/vm"},
		"they give a container's name a network: what a container, a trial or a guest is, whoever uses them knows"},
	{[]string{"internal/census", "internal/census/leaky"}, []string{"*"},
		"it counts what there is: whose it is and what that means, whoever asked knows"},
	{[]string{"*"}, []string{"internal/census/leaky"},
		"it leaks on purpose: tests alone run it"},
	{[]string{"results"}, []string{"internal/...", "!internal/pool", "!internal/lifecycle", "!internal/yamlpos"},
		"what is stored outlives what measured and what judged it"},
	{[]string{"internal/ociruntime"}, []string{"internal/runner", "internal/verdict", "internal/report", "internal/vm", "internal/stats"},
		"a runtime under test does not know how trials are run or judged"},
	{[]string{"internal/runner"}, []string{"internal/stats", "internal/verdict", "internal/report", "internal/vm"},
		"whoever measures must not be able to look at a verdict, nor know how it got into a guest"},
	{[]string{"internal/verdict"}, []string{"internal/report", "internal/runner", "internal/ociruntime", "internal/journal", "internal/vm"},
		"a verdict follows from stored records alone, on any machine, and prints nothing"},
	{[]string{"internal/design", "internal/design/simulate"}, []string{"internal/runner", "internal/report", "internal/ociruntime", "internal/journal", "internal/vm", "internal/policy"},
		"what comes next follows from records and verdicts alone: it makes nothing, shows nothing, and plays as well where nothing can be made"},
	{[]string{"internal/policy"}, []string{"internal/design/...", "internal/runner", "internal/report", "internal/ociruntime", "internal/journal", "internal/vm"},
		"a policy is what a verdict is told: it measures nothing and decides nothing"},
	{[]string{"scenarios", "results", "internal/stats", "internal/verdict", "internal/runner", "internal/report"}, []string{"internal/design/...", "internal/policy"},
		"only the command line closes the loop from a verdict back to what is measured next"},
	{[]string{"internal/report"}, []string{"internal/runner", "internal/ociruntime", "internal/journal", "internal/vm"},
		"a report shows what there is and measures nothing"},
	{[]string{"internal/report/html", "internal/report/phrase"}, []string{"internal/runner", "internal/ociruntime", "internal/journal", "internal/vm", "internal/design/...", "internal/policy"},
		"a page shows what there is: it measures nothing, decides nothing and asks no policy"},
	{[]string{"internal/report/phrase"}, []string{"internal/report", "internal/report/html", "internal/report/svg"},
		"the formats take their words from it, and it lays nothing out"},
	{[]string{"internal/report/svg"}, []string{"*"},
		"it draws shapes at coordinates: what they stand for, whoever draws them knows"},
	{[]string{"internal/verdict", "internal/design", "internal/policy", "results"}, []string{"internal/report/..."},
		"what is judged, decided or stored does not depend on how it is shown"},
	{[]string{"*"}, []string{"cmd/...", "scripts/...", "internal/testenv"},
		"commands are entry points, and testenv is for tests"},
}

// direct forbids the import itself; what lies behind another package is that package's own.
var direct = []rule{
	{[]string{"cgroupjoin/join"}, []string{"github.com/containerd/..."},
		"it is linked into the built-in runtime, whose size is what gets copied"},
	{[]string{"sequence/seam"}, []string{"github.com/...", "golang.org/..."},
		"libcontainer imports it: it has the standard library alone"},
	{[]string{"internal/builtin/embed/protocol"}, []string{"github.com/...", "golang.org/..."},
		"it is compiled against every version of libcontainer, in a module without our dependencies"},
	{[]string{"internal/builtin/embed"}, []string{"github.com/opencontainers/..."},
		"it is linked into initbench, which has no libcontainer in it"},
	{[]string{"internal/report", "internal/report/html", "internal/report/phrase", "internal/report/svg"}, []string{"internal/stats"}, "report computes nothing: a figure comes from the verdict or it is not shown"},
	{[]string{"sequence", "scenarios", "results", "internal/stats", "internal/verdict", "internal/design", "internal/policy", "internal/report", "internal/report/html", "internal/report/phrase", "internal/report/svg"},
		[]string{"os/exec", "net", "golang.org/x/sys/unix", "math/rand", "crypto/rand"},
		"planning, storing, judging and showing start nothing, ask the kernel nothing and give the same everywhere, every time"},
	{[]string{"sequence", "scenarios", "results", "internal/stats", "internal/verdict", "internal/design", "internal/design/simulate", "internal/policy", "internal/report", "internal/runner", "cgroupjoin",
		"internal/journal", "internal/ociruntime", "internal/vm", "internal/census"}, []string{"testing", "flag", "github.com/spf13/..."},
		"flags are the command line's; no test switch is in what is measured"},
	{[]string{"internal/pool"}, []string{"os/exec", "net", "golang.org/x/sys/unix", "math/rand", "crypto/rand", "time"},
		"a pool is arithmetic: the same everywhere, every time"},
	{[]string{"internal/stats", "internal/verdict", "internal/report", "internal/runner", "scenarios", "sequence", "cgroupjoin"},
		[]string{"github.com/google/renameio/..."},
		"results alone knows the disk format"},
}

// Catches an import that turns the one direction data flows in, or ties what must work anywhere to what measures.
func TestForbiddenImports(t *testing.T) {
	imports := readImports(t)
	for _, check := range []struct {
		rules []rule
		of    func(string) []string
	}{
		{direct, func(from string) []string { return imports[from] }},
		{reach, func(from string) []string { return reachable(imports, from) }},
	} {
		for _, r := range check.rules {
			for from := range imports {
				if !matches(r.from, from) {
					continue
				}
				for _, to := range check.of(from) {
					if to != from && matches(r.never, to) {
						t.Errorf("%s must not import %s: %s\n\t%s", from, to, r.reason, chain(imports, from, to))
					}
				}
			}
		}
	}
}

// Catches a rule that forbids nothing, since its package was renamed.
func TestRulesNamePackages(t *testing.T) {
	imports := readImports(t)
	for _, r := range slices.Concat(reach, direct) {
		for _, name := range r.from {
			if _, known := imports[name]; !known && name != "*" {
				t.Errorf("a rule is about %s, which is no package", name)
			}
		}
	}
	if imports["cmd/initbench"] == nil {
		t.Error("cmd/initbench imports nothing: the reading of imports is broken")
	}
}

// Catches a second way into the guest, or a second place that draws, that the command line does not know of.
func TestOnlyTheCommandLineBringsStagesTogether(t *testing.T) {
	for from, all := range readImports(t) {
		for _, to := range all {
			if slices.Contains([]string{"internal/vm", "internal/report"}, to) && from != "cmd/initbench" {
				t.Errorf("%s imports %s: only cmd/initbench does", from, to)
			}
		}
	}
}

func matches(patterns []string, name string) bool {
	if slices.Contains(patterns, "!"+name) {
		return false
	}
	return slices.ContainsFunc(patterns, func(p string) bool {
		if folder, ok := strings.CutSuffix(p, "..."); ok {
			return strings.HasPrefix(name+"/", folder)
		}
		return p == name || p == "*" && ours(name)
	})
}

// ours are packages of this module, by their folder; the others have a dot in their
// first element or are the standard library's, none of which begins like ours.
func ours(name string) bool {
	top, _, _ := strings.Cut(name, "/")
	return slices.Contains([]string{"cmd", "cgroupjoin", "memfdclone", "results", "scenarios", "scripts", "sequence"}, top) ||
		strings.HasPrefix(name, "internal/")
}

// readImports maps each package's folder to what its files import, tests left out.
func readImports(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string]map[string]bool{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bin") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		return addImports(found, file)
	})
	if err != nil {
		t.Fatal(err)
	}
	imports := map[string][]string{}
	for name, set := range found {
		imports[name] = slices.Sorted(maps.Keys(set))
	}
	return imports
}

func addImports(found map[string]map[string]bool, file string) error {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		return err
	}
	folder, err := filepath.Rel(root, filepath.Dir(file))
	if err != nil {
		return err
	}
	name := filepath.ToSlash(folder)
	if found[name] == nil {
		found[name] = map[string]bool{}
	}
	for _, spec := range f.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		found[name][strings.TrimPrefix(imported, module)] = true
	}
	return nil
}

// reachable lists all that a package imports, itself or through packages of ours.
func reachable(imports map[string][]string, from string) []string {
	return slices.Sorted(maps.Keys(paths(imports, from)))
}

// chain is a shortest way from one package to another.
func chain(imports map[string][]string, from, to string) string {
	before := paths(imports, from)
	way := []string{to}
	for at := to; at != from; {
		at = before[at]
		way = append([]string{at}, way...)
	}
	return strings.Join(way, " -> ")
}

// paths maps everything reachable to whoever imports it on a shortest way.
func paths(imports map[string][]string, from string) map[string]string {
	before := map[string]string{}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, to := range imports[queue[0]] {
			if _, seen := before[to]; !seen {
				before[to] = queue[0]
				queue = append(queue, to)
			}
		}
	}
	return before
}
