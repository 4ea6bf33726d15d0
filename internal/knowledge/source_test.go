package knowledge

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// What the code says it will ask for: string literals of the packages that use
// the book, found by their place in the syntax.

// sources parses the Go files of a package's folder, tests and generated ones
// left out. A package that does not exist yet has none.
func sources(t *testing.T, dir string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	within, err := filepath.Glob(filepath.Join("..", dir, "*", "*.go"))
	names = append(names, within...)
	if err != nil {
		t.Fatal(err)
	}
	var out []*ast.File
	set := token.NewFileSet()
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, f)
	}
	return out
}

var kebab = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// words adds the literals below n that look like ids.
func words(n ast.Node, to map[string]bool) {
	if n == nil {
		return
	}
	ast.Inspect(n, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil && kebab.MatchString(s) {
				to[s] = true
			}
		}
		return true
	})
}

func named(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// findingIDs are the ids of found values; cureIDs what goes into their cures;
// anyID every literal that could be an id.
func diagnosisIDs(t *testing.T) (findingIDs, cureIDs, anyID map[string]bool) {
	findingIDs, cureIDs, anyID = map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, f := range sources(t, "diagnose") {
		words(f, anyID)
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				if named(n.Type) != "found" {
					return true
				}
				for _, el := range n.Elts {
					kv, ok := el.(*ast.KeyValueExpr)
					if !ok {
						continue
					}
					switch named(kv.Key) {
					case "id":
						words(kv.Value, findingIDs)
					case "cures":
						words(kv.Value, cureIDs)
					}
				}
			case *ast.AssignStmt:
				for i, l := range n.Lhs {
					if named(l) == "cures" && i < len(n.Rhs) {
						words(n.Rhs[i], cureIDs)
					}
				}
			case *ast.FuncDecl:
				if strings.HasSuffix(strings.ToLower(n.Name.Name), "cures") {
					ast.Inspect(n.Body, func(n ast.Node) bool {
						switch n := n.(type) {
						case *ast.ReturnStmt:
							words(n, cureIDs)
						case *ast.CallExpr:
							if named(n.Fun) == "append" {
								words(n, cureIDs)
							}
						}
						return true
					})
				}
			}
			return true
		})
	}
	return findingIDs, cureIDs, anyID
}

// blindCodes are the codes of blind spots: the first argument of add, fail and cannot,
// the field Code, and what a variable named code is set to.
func blindCodes(t *testing.T) map[string]bool {
	out := map[string]bool{}
	for _, dir := range []string{"collect", "trace", "paste", "cli", "diagnose"} {
		for _, f := range sources(t, dir) {
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CallExpr:
					if name := named(n.Fun); dir != "diagnose" && (name == "add" || name == "fail") && len(n.Args) == 3 {
						if lit, ok := n.Args[0].(*ast.BasicLit); ok {
							words(lit, out)
						}
					}
					if strings.EqualFold(named(n.Fun), "cannot") && len(n.Args) == 2 {
						words(n.Args[0], out)
					}
				case *ast.CompositeLit:
					if named(n.Type) != "BlindSpot" {
						return true
					}
					for _, el := range n.Elts {
						if kv, ok := el.(*ast.KeyValueExpr); ok && named(kv.Key) == "Code" {
							words(kv.Value, out)
						}
					}
				case *ast.AssignStmt:
					for i, l := range n.Lhs {
						if named(l) == "code" && i < len(n.Rhs) && dir == "collect" {
							words(n.Rhs[i], out)
						}
					}
				}
				return true
			})
		}
	}
	return out
}

// entriesOf lists the embedded ids and fails on anything else in the folder.
func entriesOf(t *testing.T, lang, kind string) []string {
	t.Helper()
	all, err := fs.ReadDir(data, "data/"+lang+"/"+kind)
	if err != nil {
		t.Fatal(err)
	}
	ids := entries(lang, kind)
	if len(ids) != len(all) {
		t.Errorf("data/%s/%s holds %d files, %d of them entries", lang, kind, len(all), len(ids))
	}
	return ids
}
