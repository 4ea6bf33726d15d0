package diagnose

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// What is to be written into a program stands in the command, and not in the title
// above it as well.
func TestCommandIsSaidOnce(t *testing.T) {
	files, err := filepath.Glob("../knowledge/data/*/remedies/*.md")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d remedies, %v", len(files), err)
	}
	type words struct{ Title, Command string }
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		front, _, _ := strings.Cut(strings.TrimPrefix(string(text), "---\n"), "\n---")
		var remedy struct {
			words    `yaml:",inline"`
			Runtimes map[string]words
		}
		if err := yaml.Unmarshal([]byte(front), &remedy); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all := remedy.Runtimes
		if all == nil {
			all = map[string]words{}
		}
		all["any"] = remedy.words
		for runtime, w := range all {
			if w.Title == "" {
				t.Errorf("%s, %s: no title was read", name, runtime)
			}
			if w.Command != "" && strings.Contains(w.Title, w.Command) {
				t.Errorf("%s, %s: %q stands twice", name, runtime, w.Command)
			}
		}
	}
}
