// Package internal_test keeps the house in order: docs/architecture.md as tests.
package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// floors lists the packages from the ground up: a package imports only packages
// of lower floors. Packages on one floor do not know each other.
var floors = [][]string{
	{"tcp", "durable"},
	{"host"},
	{"paste", "trace", "symbol", "symptom", "ledger"},
	{"collect"},
	{"record"},
	{"knowledge"},
	{"diagnose"},
	{"tune", "act"},
	{"lab"},
	{"agent", "fleet"},
	{"tui", "web", "report", "metrics"},
	{"cli"},
}

// mayNotImport names what some packages must do without, and why.
var mayNotImport = map[string]map[string]string{
	"tcp":      {"os/exec": "pure", "golang.org/x/sys/unix": "the ground floor is the same on every system"},
	"host":     {"os/exec": "pure", "golang.org/x/sys/unix": "nouns are the same on every system"},
	"diagnose": {"os/exec": "pure", "os": "diagnosis reads no machine", "net": "diagnosis reads no machine"},
	"paste":    {"os/exec": "reads text, starts nothing"},
	"symptom":  {"os/exec": "reads text, starts nothing"},
	"collect":  {"os/exec": "a child process costs milliseconds on a machine in trouble"},
	"symbol":   {"os/exec": "a child process costs milliseconds on a machine in trouble"},
	"trace":    {"os/exec": "a child process costs milliseconds on a machine in trouble"},
	"tune":     {"os/exec": "changes a machine as root: no other program is trusted with that"},
	"act":      {"os/exec": "changes a machine as root: no other program is trusted with that"},
	"ledger":   {"os/exec": "starts nothing"},
	"durable":  {"os/exec": "starts nothing"},
}

type goFile struct {
	pkg     string // directory below internal, "/"-separated
	name    string
	imports []string
	doc     bool
	lines   int
	test    bool
}

func files(t *testing.T) []goFile {
	t.Helper()
	var out []goFile
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "testdata" {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(p, ".go") || path.Dir(filepath.ToSlash(p)) == "." {
			return nil
		}
		f, err := parser.ParseFile(fset, p, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		g := goFile{pkg: path.Dir(filepath.ToSlash(p)), name: filepath.Base(p), doc: f.Doc != nil,
			test: strings.HasSuffix(p, "_test.go"), lines: fset.File(f.Pos()).LineCount()}
		for _, imp := range f.Imports {
			name, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				return err
			}
			g.imports = append(g.imports, name)
		}
		out = append(out, g)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		t.Fatal("no Go files found: run from internal/")
	}
	return out
}

func floor(pkg string) int {
	top, _, _ := strings.Cut(pkg, "/")
	return slices.IndexFunc(floors, func(f []string) bool { return slices.Contains(f, top) })
}

func TestImportsPointDown(t *testing.T) {
	for _, f := range files(t) {
		from := floor(f.pkg)
		if from < 0 {
			t.Errorf("%s: package %s has no floor: name it in floors and in docs/architecture.md", f.name, f.pkg)
			continue
		}
		if f.test {
			continue // a test may stand on any floor to look at its subject
		}
		for _, imp := range f.imports {
			below, ok := strings.CutPrefix(imp, "sockeye/internal/")
			if !ok {
				continue
			}
			samePackage := strings.SplitN(below, "/", 2)[0] == strings.SplitN(f.pkg, "/", 2)[0]
			if to := floor(below); to >= from && !samePackage {
				t.Errorf("%s/%s imports %s: imports point down only", f.pkg, f.name, below)
			}
		}
	}
}

func TestForbiddenImports(t *testing.T) {
	for _, f := range files(t) {
		if f.test {
			continue
		}
		top, _, _ := strings.Cut(f.pkg, "/")
		for _, imp := range f.imports {
			if why, bad := mayNotImport[top][imp]; bad {
				t.Errorf("%s/%s imports %s: %s", f.pkg, f.name, imp, why)
			}
			if imp == "C" {
				t.Errorf("%s/%s uses cgo: the binary is static", f.pkg, f.name)
			}
		}
	}
}

func TestEveryPackageIsDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range files(t) {
		if !f.test {
			documented[f.pkg] = documented[f.pkg] || f.doc
		}
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s has no doc comment: three lines on what it is for, what flows in, what flows out", pkg)
		}
	}
}

// TestFilesStayReadable keeps a file from growing into a place where things are
// searched for.
func TestFilesStayReadable(t *testing.T) {
	const most = 400
	for _, f := range files(t) {
		generated := strings.Contains(f.name, "_bpfe") || strings.HasSuffix(f.name, "_bpfel.go")
		if f.lines > most && !f.test && !generated {
			t.Errorf("%s/%s has %d lines, more than %d: split it by what its parts are for", f.pkg, f.name, f.lines, most)
		}
	}
}

// storeys lists, of a package that has others within, all of them from the ground
// up, by the rule of floors. From outside only the package itself is known.
var storeys = map[string][][]string{
	"paste": {
		{"paste/form"},
		{"paste/counted"}, // others hand over to it what turns out to be counted
		{"paste/netstat", "paste/ss", "paste/lsof", "paste/viewer", "paste/procnet", "paste/statistics", "paste/settings", "paste/conntrack"},
		{"paste"},
		{"paste/sample"}, // this and the next for tests only
		{"paste/pastetest"},
	},
}

func TestImportsPointDownWithin(t *testing.T) {
	storey := func(top, pkg string) int {
		return slices.IndexFunc(storeys[top], func(s []string) bool { return slices.Contains(s, pkg) })
	}
	for _, f := range files(t) {
		if f.test {
			continue
		}
		top, _, _ := strings.Cut(f.pkg, "/")
		from := storey(top, f.pkg)
		if storeys[top] != nil && from < 0 {
			t.Errorf("%s/%s: package %s has no storey: name it in storeys", f.pkg, f.name, f.pkg)
			continue
		}
		for _, imp := range f.imports {
			below, ok := strings.CutPrefix(imp, "sockeye/internal/")
			if !ok {
				continue
			}
			to, _, _ := strings.Cut(below, "/")
			switch {
			case storeys[to] == nil:
			case to != top && below != to:
				t.Errorf("%s/%s imports %s: of %s others know the package itself only", f.pkg, f.name, below, to)
			case to == top && storey(top, below) >= from:
				t.Errorf("%s/%s imports %s: imports point down only", f.pkg, f.name, below)
			}
		}
	}
}
