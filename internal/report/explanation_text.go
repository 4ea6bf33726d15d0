package report

import (
	"io"
	"slices"
	"time"

	"sockeye/internal/diagnose"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// ExplanationText writes an explanation for a person: in one line what was read,
// then the answer, then the messages, what else the text speaks of, and the rest of
// the report. Of mere prose there is no report.
func ExplanationText(w io.Writer, e *Explanation, book *knowledge.Book, o TextOptions) error {
	p := newPrinter(w, book, o)
	p.only = len(e.Files) <= 1
	judged := len(e.Read) > 0 || len(e.Findings) > 0
	if judged {
		p.read(e)
		p.verdict(e.Report, len(e.Read) > 0)
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

// under prints a paragraph behind an indent.
func (p *printer) under(indent, text string, paint func(string) string) {
	for _, l := range wrap(text, p.width-visible(indent)) {
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
	title := p.word("explain.errors", nil)
	if !p.o.Wide && slices.ContainsFunc(all, func(s Symptom) bool { return visible(s.Example) > p.width-4 }) {
		title = beside(title, p.word("report.kind", p.word("explain.errors.cut", nil)))
	}
	p.blank()
	p.line(p.colour.bold(title))
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
	example := s.Example
	if !p.o.Wide {
		example = shorten(example, p.width-4)
	}
	for _, l := range flow(p.symptomHead(s), p.width-2) {
		p.line("  ", p.colour.bold(l))
	}
	p.under("    ", example, p.colour.dim)
	if ends := p.symptomEnds(s); ends != "" {
		p.under("    ", ends, nil)
	}
	if may := p.symptomCauses(s); may != "" {
		p.under("    ", may, nil)
	}
}

func (p *printer) symptomHead(s *Symptom) []string {
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
		parts = append(parts, p.word("explain.error.line", map[string]any{"File": p.fileName(s.File), "Line": s.Line}))
	}
	return parts
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
	sym := &host.Symptom{Code: string(s.Code), Call: string(s.Call), OS: string(s.OS)}
	for _, id := range s.Candidates {
		names = append(names, p.causeName(id, sym))
	}
	if len(names) == 0 {
		return ""
	}
	return p.labelled(p.word("explain.error.may-be", nil), p.alternatives(names))
}

// causeName is what a finding is called where only a message speaks of it.
func (p *printer) causeName(id string, sym *host.Symptom) string {
	if s, err := p.book.Word(diagnose.CandidateKey(id, sym)+".name", nil); err == nil {
		return s
	}
	if e, ok := p.book.Entry(knowledge.KindFinding, id); ok {
		return e.Title
	}
	return id
}
