package report

import (
	"bufio"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"

	"sockeye/internal/diagnose"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// Markdown writes the report for a ticket or a wiki: the same facts as the
// text, complete, with consequences below their causes.
func Markdown(w io.Writer, r *diagnose.Report, book *knowledge.Book) error {
	p := newMarkdown(w, book)
	p.markdownTitle(r)
	p.line()
	p.line(r.TakenAt.Format("2006-01-02 15:04:05 MST"), " · ", escapeMarkdown(p.totals(r)), "  ")
	p.line(escapeMarkdown(p.word("report.source", r.Source)))
	p.markdownFindings(r)
	p.markdownLimits(r)
	p.markdownBlind(r)
	p.markdownSettings(r)
	return p.end()
}

func newMarkdown(w io.Writer, book *knowledge.Book) *printer {
	return &printer{w: bufio.NewWriter(w), book: book, o: TextOptions{Wide: true}, width: 120, colour: palette(false)}
}

// markdownTitle says what is wrong, and with which machine where that is known.
func (p *printer) markdownTitle(r *diagnose.Report) {
	title := p.word("severity."+string(r.Verdict), nil)
	if len(r.Findings) > 0 {
		title += " — " + r.Findings[0].Title
	}
	if r.Host.Name != nil {
		title += " — " + *r.Host.Name
	}
	p.line("# ", escapeMarkdown(title))
}

func (p *printer) markdownSection(title string) {
	p.blank()
	p.line("## ", escapeMarkdown(title))
	p.line()
}

// markdownFindings tells of each block what hurts most first. What helps stands once
// in the whole report.
func (p *printer) markdownFindings(r *diagnose.Report) {
	told := map[string]bool{}
	for _, b := range fold(r.Findings) {
		level := "##"
		for _, f := range b.worstFirst() {
			p.markdownFinding(level, f, told)
			level = "###"
		}
	}
}

func (p *printer) markdownLimits(r *diagnose.Report) {
	if len(r.Limits) == 0 {
		return
	}
	p.markdownSection(p.word("report.limits", nil))
	p.line("| ", p.word("report.limits.column.what", nil), " | ", p.word("report.limits.column.where", nil), " | ", p.word("report.limits.column.used", nil), " | | |")
	p.line("|---|---|---:|---:|---|")
	for _, l := range r.Limits {
		used, share := "?", ""
		if l.Used != nil {
			used = amount(*l.Used, l.Unit)
		}
		if l.Utilization != nil {
			share = knowledge.Percent(*l.Utilization)
		}
		p.line("| ", l.Title, " | ", escapeMarkdown(p.place(l.Scope)), " | ", used, " / ", amount(l.Capacity, l.Unit), " | ", share, " | ", p.future(l), " |")
	}
}

func (p *printer) markdownBlind(r *diagnose.Report) {
	if len(r.BlindSpots) == 0 {
		return
	}
	p.markdownSection(p.word("report.blind", nil))
	none := p.word("report.none-needed", nil)
	for _, b := range r.BlindSpots {
		said := []string{escapeMarkdown(b.What), escapeMarkdown(b.Why), withCode(b.Remedy)}
		if b.Remedy == none {
			said = said[:2]
		}
		p.line("- ", strings.Join(slices.DeleteFunc(said, func(s string) bool { return s == "" }), " — "))
	}
}

func (p *printer) markdownFinding(level string, f *diagnose.Finding, told map[string]bool) {
	p.line()
	p.line(level, " ", escapeMarkdown(p.labelled(p.word("severity."+string(f.Severity), nil), f.Title)))
	p.line()
	p.line("`", f.ID, "` · ", p.word("certainty."+string(f.Certainty), nil))
	p.line()
	p.markdownExplanation(f.Explanation)
	if len(f.Culprits)+len(f.Destinations) > 0 {
		p.line()
	}
	for _, c := range f.Culprits {
		p.line("- **", p.word("report.who", nil), "**: ", escapeMarkdown(strings.Join(p.culprit(c), " · ")), codeSpan(string(c.Cmdline)))
		for _, l := range p.code(c) {
			p.line("  - ", escapeMarkdown(l))
		}
	}
	for _, d := range f.Destinations {
		p.line("- **", p.word("report.where", nil), "**: ", net.JoinHostPort(d.Addr, strconv.Itoa(int(d.Port))), count(d.Sockets))
	}
	if len(f.Evidence) > 0 {
		p.line()
		p.line("**", p.word("report.column.evidence", nil), "**")
		p.line()
	}
	for _, e := range f.Evidence {
		p.line("- ", escapeMarkdown(e.Fact), " _(", escapeMarkdown(e.Source), ")_")
	}
	p.markdownRemedies(f.Remedies, told)
}

// markdownExplanation writes a paragraph for each line, and lists as lists.
func (p *printer) markdownExplanation(text string) {
	inList := false
	for i, l := range strings.Split(strings.TrimSpace(text), "\n") {
		item, isItem := strings.CutPrefix(l, bullet)
		if i > 0 && (!inList || !isItem) {
			p.line()
		}
		if inList = isItem; isItem {
			p.line("- ", escapeMarkdown(item))
		} else {
			p.line(escapeMarkdown(l))
		}
	}
}

func (p *printer) markdownRemedies(all []diagnose.Remedy, told map[string]bool) {
	n := 0
	for _, r := range all {
		if told[r.Title+string(r.Command)] {
			continue
		}
		told[r.Title+string(r.Command)] = true
		if n++; n == 1 {
			p.line()
			p.line("**", p.word("report.column.remedies", nil), "**")
			p.line()
		}
		kind := p.word("report.kind", p.word("kind."+r.Kind, nil))
		p.line(strconv.Itoa(n), ". ", beside("**"+escapeMarkdown(r.Title)+"**", kind), " ", withCode(r.Detail))
		if r.Command != "" {
			p.line()
			p.line("   ```")
			for l := range strings.SplitSeq(string(r.Command), "\n") {
				p.line("   ", host.Printable(l))
			}
			p.line("   ```")
		}
		if r.Effect != "" {
			p.line("   - ", escapeMarkdown(p.word("report.effect", r.Effect)))
		}
		if r.Risk != "" {
			p.line("   - ", escapeMarkdown(p.word("report.risk", r.Risk)))
		}
	}
}

// escapeMarkdown makes text that holds names chosen by others plain text: no
// markup, no HTML, no control characters, one line.
func escapeMarkdown(s string) string {
	return markdownSpecial.Replace(plain(s))
}

var markdownSpecial = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "<", "&lt;", ">", "&gt;",
	"[", `\[`, "]", `\]`, "|", `\|`, "#", `\#`)

// codeSpan shows a command line as code, fenced by more backticks than it holds.
func codeSpan(s string) string {
	s = host.Printable(s)
	if s == "" {
		return ""
	}
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	return " " + fence + " " + s + " " + fence
}

// withCode is escapeMarkdown for a text whose commands stand between backticks: they
// become code.
func withCode(s string) string {
	parts := strings.Split(s, "`")
	if len(parts)%2 == 0 { // one has no partner
		return escapeMarkdown(s)
	}
	var out strings.Builder
	for i, part := range parts {
		if i%2 == 1 {
			out.WriteString("`" + host.Printable(part) + "`")
			continue
		}
		// escapeMarkdown trims; the blanks beside a command stay.
		left, right := len(part)-len(strings.TrimLeft(part, " ")), len(part)-len(strings.TrimRight(part, " "))
		if strings.TrimSpace(part) == "" {
			out.WriteString(part)
			continue
		}
		out.WriteString(part[:left] + escapeMarkdown(part) + part[len(part)-right:])
	}
	return out.String()
}

// count is a number in brackets, nothing for none.
func count(n int) string {
	if n == 0 {
		return ""
	}
	return " (" + knowledge.Number(n) + ")"
}
