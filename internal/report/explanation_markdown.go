package report

import (
	"io"
	"strings"

	"sockeye/internal/knowledge"
)

// ExplanationMarkdown writes an explanation for a ticket: the same as the text,
// complete.
func ExplanationMarkdown(w io.Writer, e *Explanation, book *knowledge.Book) error {
	p := newMarkdown(w, book)
	judged := len(e.Read) > 0 || len(e.Findings) > 0
	if judged {
		p.markdownTitle(e.Report)
		p.line()
		p.line(escapeMarkdown(p.totals(e.Report)))
		p.markdownFindings(e.Report)
	}
	p.markdownRead(e)
	p.markdownSymptoms(e.Errors)
	p.markdownMentions(e.Mentions)
	if judged {
		p.markdownLimits(e.Report)
		p.markdownBlind(e.Report)
	}
	return p.end()
}

func (p *printer) markdownRead(e *Explanation) {
	whole := p.readWhole(e)
	if len(whole) == 0 {
		return
	}
	p.markdownSection(p.word("explain.read", nil))
	for _, l := range whole {
		item := "- "
		if strings.HasPrefix(l, "  ") {
			item = "  - "
		}
		p.line(item, escapeMarkdown(l))
	}
}

func (p *printer) markdownSymptoms(all []Symptom) {
	if len(all) == 0 {
		return
	}
	p.markdownSection(p.word("explain.errors", nil))
	for i := range all {
		s := &all[i]
		p.line("- **", escapeMarkdown(strings.Join(p.symptomHead(s), " · ")), "**", codeSpan(s.Example))
		for _, l := range []string{p.symptomEnds(s), p.symptomCauses(s)} {
			if l != "" {
				p.line("  - ", escapeMarkdown(l))
			}
		}
	}
}

func (p *printer) markdownMentions(all []*knowledge.Entry) {
	if len(all) == 0 {
		return
	}
	p.markdownSection(p.word("explain.mentions", nil))
	for _, e := range judgedFirst(all) {
		p.line("- **", escapeMarkdown(p.mentionHead(e)), "**  ")
		for _, l := range p.gist(e) { // our own words, which may hold code
			p.line("  ", strings.ReplaceAll(l, "\n", " "))
		}
	}
}
