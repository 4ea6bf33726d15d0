package report

import (
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// wrap breaks a paragraph into lines of at most width columns: at blanks, and
// between Chinese characters where Unicode allows it (UAX 14: never before a full
// stop). A word that is longer than a line is left whole, and so is what stands
// between backticks: it is a path, an address or a command, and a broken one cannot
// be copied.
func wrap(s string, width int) []string {
	var lines []string
	for para := range strings.SplitSeq(s, "\n") {
		var line strings.Builder
		used := 0
		for _, seg := range segments(para) {
			w := uniseg.StringWidth(strings.TrimRight(seg, " "))
			if used > 0 && used+w > width {
				lines = append(lines, strings.TrimRight(line.String(), " "))
				line.Reset()
				used = 0
			}
			line.WriteString(seg)
			used += uniseg.StringWidth(seg)
		}
		lines = append(lines, strings.TrimRight(line.String(), " "))
	}
	return lines
}

// segments cuts a paragraph where it may be broken: behind every blank, and
// between wide characters where Unicode allows it. Unicode would also break Latin
// words behind hyphens and slashes ("ss -ltn", "/proc/812") and never before a
// slash; there the blanks alone decide.
func segments(para string) []string {
	var out []string
	for i, part := range strings.SplitAfter(para, "`") {
		pieces := []string{part}
		if inside := i%2 == 1 && strings.HasSuffix(part, "`"); !inside {
			pieces = breakable(part)
		}
		if len(out) > 0 && len(pieces) > 0 {
			out[len(out)-1] += pieces[0]
			pieces = pieces[1:]
		}
		out = append(out, pieces...)
	}
	return out
}

// breakable cuts text that holds no command.
func breakable(para string) []string {
	var out []string
	for word := range strings.SplitAfterSeq(para, " ") {
		state, joins := -1, false
		for len(word) > 0 {
			var seg string
			seg, word, _, state = uniseg.FirstLineSegmentInString(word, state)
			if joins {
				out[len(out)-1] += seg
			} else {
				out = append(out, seg)
			}
			last, _ := utf8.DecodeLastRuneInString(seg)
			next, _ := utf8.DecodeRuneInString(word)
			joins = last < firstWide && next < firstWide
		}
	}
	return out
}

// flow joins parts by middle dots and breaks lines between them only.
func flow(parts []string, width int) []string {
	var lines []string
	for _, part := range parts {
		last := len(lines) - 1
		if last >= 0 && visible(lines[last])+3+visible(part) <= width {
			lines[last] += " · " + part
		} else {
			lines = append(lines, part)
		}
	}
	return lines
}

// firstWide is where the scripts begin that are written without blanks (CJK
// Radicals Supplement, U+2E80).
const firstWide = '\u2e80'

// pad fills s with blanks up to width columns.
func pad(s string, width int) string {
	if n := width - uniseg.StringWidth(s); n > 0 {
		return s + strings.Repeat(" ", n)
	}
	return s
}

// shorten cuts s to width columns, with an ellipsis where it was cut.
func shorten(s string, width int) string {
	if uniseg.StringWidth(s) <= width {
		return s
	}
	var b strings.Builder
	used := 0
	g := uniseg.NewGraphemes(s)
	for g.Next() {
		if used+g.Width() > width-1 {
			break
		}
		b.WriteString(g.Str())
		used += g.Width()
	}
	return b.String() + "…"
}
