package host

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "",
		"nginx: worker process":   "nginx: worker process",
		`C:\Windows\svchost.exe`:  `C:\Windows\svchost.exe`,
		"数据库":                     "数据库",
		"naïve é":                 "naïve é",
		"a\nb\tc\rd":              `a\nb\tc\rd`,
		"\x1b[31mred\x1b[0m":      `\x1b[31mred\x1b[0m`,
		"\x1b]0;title\x07":        `\x1b]0;title\x07`,
		"\x00\x7f":                `\x00\x7f`,
		"\u0085\u009b31m":         `\u0085\u009b31m`,
		"bad\xff\xc3":             `bad\xff\xc3`,
		"\xc3\x28":                `\xc3(`,
		"\ufffd":                  "\ufffd",
		"exe\u202egnp.java":       `exe\u202egnp.java`,
		"\u2066a\u2069\u200f":     `\u2066a\u2069\u200f`,
		"no\u200bbreak\u00a0":     `no\u200bbreak\u00a0`,
		"line\u2028par\u2029":     `line\u2028par\u2029`,
		"\ufeffbom \U000e0041":    `\ufeffbom \U000e0041`,
		"filler\u3164\u115f":      `filler\u3164\u115f`,
		"private\ue000":           `private\ue000`,
		"wide\u3000space":         `wide\u3000space`,
		"\xed\xa0\x80 surrogate":  `\xed\xa0\x80 surrogate`,
		"e\u0301 combines":        "e\u0301 combines",
		"\x1b\x1b" + "x" + "\x9b": `\x1b\x1bx\x9b`,
	} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestPrintableDoesNotCopyPlainText(t *testing.T) {
	s := strings.Repeat("java", 100)
	if n := testing.AllocsPerRun(100, func() { _ = Printable(s) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzPrintable(f *testing.F) {
	for _, s := range []string{"", "nginx", "\x1b[2J", "\u202e", "\xff", "数据"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := Printable(s)
		if !utf8.ValidString(out) {
			t.Fatalf("Printable(%q) = %q is not UTF-8", s, out)
		}
		for _, r := range out {
			if !unicode.IsPrint(r) {
				t.Fatalf("Printable(%q) holds %U", s, r)
			}
		}
		if again := Printable(out); again != out {
			t.Fatalf("Printable is not stable: %q, %q", out, again)
		}
	})
}
