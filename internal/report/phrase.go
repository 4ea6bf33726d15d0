package report

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// Chinese punctuation is as wide as a character and brings its own room: behind it
// and before an opening one there is no blank.
const (
	closesWide = "，。：；、！？）”"
	opensWide  = "（“"
)

// beside puts two pieces of text side by side, with a blank between them where the
// script wants one. Either may be painted.
func beside(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	last, _ := utf8.DecodeLastRuneInString(ansi.Strip(a))
	first, _ := utf8.DecodeRuneInString(ansi.Strip(b))
	if strings.ContainsRune(closesWide, last) || strings.ContainsRune(opensWide, first) {
		return a + b
	}
	return a + " " + b
}

// list joins names as the book's language does.
func (p *printer) list(items []string) string {
	if p.book.Lang() == "zh" {
		return strings.Join(items, "、")
	}
	return strings.Join(items, ", ")
}

// alternatives joins what may hold commas itself.
func (p *printer) alternatives(items []string) string {
	if p.book.Lang() == "zh" {
		return strings.Join(items, "；")
	}
	return strings.Join(items, "; ")
}

// labelled puts a label before a text.
func (p *printer) labelled(label, text string) string {
	return p.word("report.labelled", []string{label, text})
}

// more says how many were left out, and how to see them.
func (p *printer) more(n int) {
	p.para("", "", p.moreText(n), p.colour.dim)
}

func (p *printer) moreText(n int) string {
	return beside(p.word("report.others", n), p.word("report.kind", "--wide"))
}
