package filter

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// SyntaxError says where a filter cannot be read and why.
type SyntaxError struct {
	Line   string // the whole filter
	Column int    // of the first character that is wrong, counted in characters from 1
	Msg    string // one clause, English
	Hint   string // what to write instead; may be ""

	msg, hint say
	args      []any
}

// say is a sentence in both languages, with the verbs of fmt.
type say struct{ en, zh string }

func fail(line string, pos int, msg, hint say, args ...any) *SyntaxError {
	e := &SyntaxError{Line: line, Column: utf8.RuneCountInString(line[:pos]) + 1, msg: msg, hint: hint, args: args}
	e.Msg, e.Hint = e.words("en")
	return e
}

// words returns message and hint in a language. Arguments belong to the message.
func (e *SyntaxError) words(lang string) (msg, hint string) {
	if lang == "zh" && e.msg.zh != "" {
		return fmt.Sprintf(e.msg.zh, e.args...), e.hint.zh
	}
	return fmt.Sprintf(e.msg.en, e.args...), e.hint.en
}

// Error shows the message, the line, and a caret under the column.
func (e *SyntaxError) Error() string {
	text, _ := e.In("en")
	return text
}

// In is Error and Hint in a language, "en" or "zh".
func (e *SyntaxError) In(lang string) (text, hint string) {
	msg, hint := e.words(lang)
	line, caret := e.window()
	return msg + "\n  " + line + "\n  " + strings.Repeat(" ", caret) + "^", hint
}

// window returns the part of the line around the column, 72 characters at most,
// with what a terminal must not get replaced, and the caret's place below it.
func (e *SyntaxError) window() (line string, caret int) {
	const before, after = 48, 24
	runes := 0
	var out strings.Builder
	for _, r := range e.Line {
		runes++
		switch {
		case runes < e.Column-before || runes > e.Column+after:
			continue
		case runes == e.Column-before || runes == e.Column+after:
			r = '…'
		case unicode.IsSpace(r):
			r = ' '
		case !unicode.IsPrint(r):
			r = '?'
		}
		if runes < e.Column {
			caret += columns(r)
		}
		out.WriteRune(r)
	}
	return out.String(), caret
}

// columns is how many columns of a terminal a printable character takes: two
// for East Asian wide ones (Unicode 16 EastAsianWidth.txt, the ranges people
// type), none for marks.
func columns(r rune) int {
	switch {
	case unicode.Is(unicode.Mn, r):
		return 0
	case r >= 0x1100 && r <= 0x115F, r >= 0x2E80 && r <= 0xA4CF, r >= 0xAC00 && r <= 0xD7A3,
		r >= 0xF900 && r <= 0xFAFF, r >= 0xFE30 && r <= 0xFE6F, r >= 0xFF00 && r <= 0xFF60,
		r >= 0xFFE0 && r <= 0xFFE6, r >= 0x1F300 && r <= 0x1FAFF, r >= 0x20000 && r <= 0x3FFFD:
		return 2
	}
	return 1
}

// Nearest returns the candidate that a misspelled word most likely meant: at
// most a third of its letters differ; "" when none is that near. Case, '-' and
// '_' do not count.
func Nearest(text string, candidates []string) string {
	fold := strings.NewReplacer("-", "", "_", "", " ", "")
	text = fold.Replace(strings.ToLower(text))
	if len(text) > 40 {
		return ""
	}
	best, bestDistance := "", 1+max(1, utf8.RuneCountInString(text)/3)
	for _, c := range candidates {
		if d := distance([]rune(text), []rune(fold.Replace(strings.ToLower(c)))); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance counts insertions, deletions, replacements and swaps of neighbours
// (optimal string alignment).
func distance(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
