package tune

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The findings that plans are offered for are those that the planner asks about.
func TestHelps(t *testing.T) {
	files, err := filepath.Glob("make*.go")
	if err != nil {
		t.Fatal(err)
	}
	asks := regexp.MustCompile(`\bwant\("([a-z0-9-]+)"`)
	wanted := []string{"harmful-setting"} // wayBack
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range asks.FindAllStringSubmatch(string(text), -1) {
			wanted = append(wanted, m[1])
		}
	}
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	if len(wanted) < 15 {
		t.Fatalf("only %q: is the source read rightly?", wanted)
	}
	got := slices.Sorted(slices.Values(plannedFor))
	if !slices.Equal(got, wanted) {
		t.Errorf("offered for %q\nasked for %q", got, wanted)
	}
}
