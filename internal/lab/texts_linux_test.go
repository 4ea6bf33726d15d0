package lab

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A Chinese sentence has full-width punctuation, but in what is code: bind(x, 0).
var halfWidth = regexp.MustCompile(`\p{Han}[,;!?.:(]|[,;)]\p{Han}|\p{Han}\)`)

var calls = regexp.MustCompile(`\b(accept|connect|bind|shutdown)\([^()]*\)`)

// TestChineseTexts reads every string that holds Chinese, in the lab and in its command.
func TestChineseTexts(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range append(files, "../cli/lab.go") {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			lit, ok := node.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(lit.Value)
			if err != nil || !regexp.MustCompile(`\p{Han}`).MatchString(text) {
				return true
			}
			n++
			if bad := halfWidth.FindString(calls.ReplaceAllString(text, "f")); bad != "" {
				t.Errorf("%s: half-width %q in %q", fset.Position(lit.Pos()), bad, text)
			}
			if strings.Contains(text, "侦听") {
				t.Errorf("%s: 侦听 in %q, elsewhere it is 监听", fset.Position(lit.Pos()), text)
			}
			return true
		})
	}
	if n < 50 {
		t.Errorf("only %d Chinese texts were read", n)
	}
}
