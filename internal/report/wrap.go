package report

import (
	"strings"

	"github.com/rivo/uniseg"
)

// wrap breaks a paragraph into lines of at most width columns, at the places
// where Unicode allows it (UAX 14), which for Chinese is between characters but
// never before a full stop. A single word that is longer is left whole: it is a
// path or an address, and a broken one cannot be copied.
func wrap(s string, width int) []string {
	var lines []string
	for para := range strings.SplitSeq(s, "\n") {
		var line strings.Builder
		used, state := 0, -1
		for len(para) > 0 {
			var seg string
			seg, para, _, state = uniseg.FirstLineSegmentInString(para, state)
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
