package report

import (
	"io"
	"strings"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// ExplanationText writes an explanation for a person: in one line what was read,
// then the answer, then the messages, what else the text speaks of, and the rest of
// the report. Of mere prose there is no report.
func ExplanationText(w io.Writer, e *Explanation, book *knowledge.Book, o TextOptions) error {
	p := newPrinter(w, book, o)
	judged := len(e.Read) > 0 || len(e.Findings) > 0
	if judged {
		p.read(e)
		p.verdict(e.Report)
		p.blocks(e.Report)
	}
	p.symptoms(e.Errors)
	p.mentions(e.Mentions)
	if judged {
		p.limits(e.Report)
		p.blind(e.Report)
	}
	return p.end()
}

// mostParts is how many parts and messages are told before the rest is a number.
const mostParts = 12

// read tells what the text was taken for: in one line, or with --wide a line for each
// part. Parts with lines that could not be read, or cut ones, are named in any case.
func (p *printer) read(e *Explanation) {
	title := p.word("explain.read", nil)
	if p.o.Wide && len(e.Read) > 0 {
		p.line(p.colour.bold(title))
	} else {
		p.line(p.colour.dim(p.fitting(title, p.readKinds(e))))
	}
	told := 0
	for _, r := range e.Read {
		if !p.o.Wide && r.Bad == 0 && !r.Cut {
			continue
		}
		if told++; told > mostParts && !p.o.Wide {
			continue
		}
		p.under("  ", p.word("explain.part", p.partWords(r)), nil)
		if r.Bad > 0 {
			p.under("    ", p.word("explain.bad", p.partWords(r)), p.colour.dim)
		}
	}
	if told > mostParts && !p.o.Wide {
		p.under("  ", p.moreText(told-mostParts), p.colour.dim)
	}
}

// fitting puts as many items on one line as there is room for, and says how many
// are left over.
func (p *printer) fitting(title string, items []string) string {
	for n := len(items); n > 0; n-- {
		text := strings.Join(items[:n], " · ")
		if left := len(items) - n; left > 0 {
			text += " · " + p.moreText(left)
		}
		if line := p.labelled(title, text); n == 1 || visible(line) <= p.width {
			return line
		}
	}
	return title
}

// readKinds are the kinds of text that were read with their rows, and how many
// messages there were.
func (p *printer) readKinds(e *Explanation) []string {
	type kind struct {
		name  string
		parts int
		rows  uint64
	}
	var kinds []kind
	at := map[string]int{}
	for _, r := range e.Read {
		name := p.kindName(r.Kind)
		i, ok := at[name]
		if !ok {
			i, at[name] = len(kinds), len(kinds)
			kinds = append(kinds, kind{name: name})
		}
		kinds[i].parts++
		kinds[i].rows += r.Rows
	}
	out := make([]string, 0, len(kinds)+1)
	for _, k := range kinds {
		out = append(out, p.word("explain.read.kind", map[string]any{"Kind": k.name, "Parts": k.parts, "Rows": k.rows}))
	}
	var messages uint64
	for i := range e.Errors {
		messages += e.Errors[i].Count
	}
	if messages > 0 {
		out = append(out, p.word("explain.read.messages", messages))
	}
	return out
}

// kindName is what a kind of text is called in the book's language: a program's name
// stays as it is.
func (p *printer) kindName(kind string) string {
	if s, err := p.book.Word("explain.kind."+strings.ReplaceAll(kind, " ", "-"), nil); err == nil {
		return s
	}
	return host.Printable(kind)
}

// partWords are what the sentences about a part may say.
func (p *printer) partWords(r ReadPart) map[string]any {
	first := uint64(0)
	if r.FirstBad != nil {
		first = *r.FirstBad
	}
	return map[string]any{"Kind": p.kindName(r.Kind), "File": "", "First": r.FirstLine, "Last": r.LastLine,
		"Rows": r.Rows, "Bad": r.Bad, "FirstBad": first, "Cut": r.Cut}
}

// under prints a paragraph behind an indent.
func (p *printer) under(indent, text string, paint func(string) string) {
	for _, l := range wrap(text, p.width-len(indent)) {
		if paint != nil {
			l = paint(l)
		}
		p.line(indent, l)
	}
}

func (p *printer) symptoms(all []Symptom) {
	if len(all) == 0 {
		return
	}
	p.section("explain.errors")
	for i := range all {
		if i == mostParts && !p.o.Wide {
			p.under("  ", p.moreText(len(all)-i), p.colour.dim)
			break
		}
		p.symptom(&all[i])
	}
}

// symptom prints a message: what it is and how often, one line of it, and what may be
// behind it. What has no code is called by its own words.
func (p *printer) symptom(s *Symptom) {
	room := p.width - 4
	if p.o.Wide {
		room = 1 << 16
	}
	p.under("  ", p.symptomHead(s), p.colour.bold)
	p.under("    ", shorten(s.Example, room), p.colour.dim)
	if ends := p.symptomEnds(s); ends != "" {
		p.under("    ", ends, nil)
	}
	if may := p.symptomCauses(s); may != "" {
		p.under("    ", may, nil)
	}
}

func (p *printer) symptomHead(s *Symptom) string {
	parts := []string{p.word("explain.error", map[string]any{"Count": s.Count, "Code": string(s.Code), "Call": string(s.Call)})}
	if s.First != nil && s.Last != nil {
		when := map[string]string{"First": s.First.Format(time.DateTime), "Last": s.Last.Format(time.DateTime)}
		if s.First.Equal(*s.Last) {
			parts = append(parts, p.word("explain.error.once", when))
		} else {
			parts = append(parts, p.word("explain.error.when", when))
		}
	}
	if s.Line > 0 {
		parts = append(parts, p.word("explain.error.line", s.Line))
	}
	return strings.Join(parts, " · ")
}

// endsTold is how many addresses of a message are told.
const endsTold = 4

func (p *printer) symptomEnds(s *Symptom) string {
	var ends []string
	for _, end := range s.Endpoints {
		ends = append(ends, shorten(end.Name, 60))
	}
	if len(ends) == 0 {
		return ""
	}
	text := p.list(ends)
	if over := len(ends) - endsTold; over > 0 && !p.o.Wide {
		text = beside(p.list(ends[:endsTold]), p.moreText(over))
	}
	return p.labelled(p.word("explain.error.where", nil), text)
}

func (p *printer) symptomCauses(s *Symptom) string {
	var names []string
	for _, id := range s.Candidates {
		names = append(names, p.causeName(id))
	}
	if len(names) == 0 {
		return ""
	}
	return p.labelled(p.word("explain.error.may-be", nil), p.list(names))
}

// causeName is what a finding is called where only a message speaks of it.
func (p *printer) causeName(id string) string {
	if s, err := p.book.Word("candidate."+id+".name", nil); err == nil {
		return s
	}
	return id
}
