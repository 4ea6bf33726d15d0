package report

import (
	"io"
	"strings"

	"sockeye/internal/knowledge"
)

// Catalogue lists entries by kind: the id, and what it is.
func Catalogue(w io.Writer, entries []*knowledge.Entry, book *knowledge.Book, o TextOptions) error {
	p := newPrinter(w, book, o)
	for i, e := range entries {
		if i == 0 || entries[i-1].Kind != e.Kind {
			p.section("entry.kinds." + string(e.Kind))
		}
		p.row(e.ID, shortTitle(e))
	}
	return p.end()
}

// idWidth is the column of ids; a longer one has a line to itself.
const idWidth = 34

func (p *printer) row(id, title string) {
	const indent = 2 + idWidth + 2
	if visible(id) > idWidth {
		p.line("  ", id)
		id = ""
	}
	for _, l := range wrap(title, p.width-indent) {
		p.line(strings.TrimRight("  "+pad(id, idWidth)+"  "+l, " "))
		id = ""
	}
}

// CatalogueMarkdown lists entries as Markdown.
func CatalogueMarkdown(w io.Writer, entries []*knowledge.Entry, book *knowledge.Book) error {
	p := newMarkdown(w, book)
	for i, e := range entries {
		if i == 0 || entries[i-1].Kind != e.Kind {
			p.markdownSection(p.word("entry.kinds."+string(e.Kind), nil))
		}
		p.line("- ", strings.TrimSpace(codeSpan(e.ID)), " ", escapeMarkdown(shortTitle(e)))
	}
	return p.end()
}
