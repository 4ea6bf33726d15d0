package diagnose

import (
	"strings"
	"testing"
	"unicode/utf8"

	"sockeye/internal/knowledge"
)

// tellAll holds the words of findings to the rules of style, in both languages:
// they exist, are short, plain and complete.
func tellAll(t *testing.T, s *pair, list []*found) {
	t.Helper()
	x := s.examine()
	for _, lang := range []string{"en", "zh"} {
		book, err := knowledge.Open(lang)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range list {
			got, err := x.inWords(f, book)
			if err != nil {
				t.Errorf("%s: %v", lang, err)
				continue
			}
			if n := utf8.RuneCountInString(got.Title); n == 0 || n > 80 {
				t.Errorf("%s: title of %d characters: %q", lang, n, got.Title)
			}
			said := []string{got.Title, got.Explanation}
			for _, e := range got.Evidence {
				said = append(said, e.Fact)
			}
			for _, r := range got.Remedies {
				said = append(said, r.Title, r.Detail, string(r.Command), r.Effect, r.Risk)
			}
			for _, text := range said {
				if strings.Contains(text, "<no value>") || strings.Contains(text, "pid 0)") || strings.Contains(text, ":0 ") {
					t.Errorf("%s: %q", lang, text)
				}
			}
			if testing.Verbose() {
				t.Logf("%s: %s\n  %s", lang, got.Title, got.Explanation)
				for _, e := range got.Evidence {
					t.Logf("  - %s", e.Fact)
				}
				for _, r := range got.Remedies {
					t.Logf("  * [%s] %s: %s\n%s", r.Kind, r.Title, r.Detail, r.Command)
				}
			}
		}
	}
}
