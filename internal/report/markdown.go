package report

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"sockeye/internal/diagnose"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// Markdown writes the report for a ticket or a wiki: the same facts as the
// text, complete, with consequences below their causes.
func Markdown(w io.Writer, r *diagnose.Report, book *knowledge.Book) error {
	p := &printer{w: bufio.NewWriter(w), book: book, o: TextOptions{Wide: true}, width: 120}
	p.colour = palette(false)
	name := "?"
	if r.Host.Name != nil {
		name = escapeMarkdown(*r.Host.Name)
	}
	p.line("# ", p.word("severity."+string(r.Verdict), nil), " — ", name)
	p.line()
	p.line(r.TakenAt.Format("2006-01-02 15:04:05 MST"), " · ", escapeMarkdown(p.totals(r)), "  ")
	p.line(escapeMarkdown(p.word("report.source", r.Source)))
	for _, b := range fold(r.Findings) {
		p.markdownFinding("##", b.cause)
		for _, e := range append(b.effects, b.also...) {
			p.markdownFinding("###", e)
		}
	}
	if len(r.Limits) > 0 {
		p.line()
		p.line("## ", p.word("report.limits", nil))
		p.line()
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
	if len(r.BlindSpots) > 0 {
		p.line()
		p.line("## ", p.word("report.blind", nil))
		p.line()
		for _, b := range r.BlindSpots {
			p.line("- ", escapeMarkdown(strings.Join([]string{b.What, b.Why, b.Remedy}, " — ")))
		}
	}
	if p.err != nil {
		return p.err
	}
	return p.w.Flush()
}

func (p *printer) markdownFinding(level string, f *diagnose.Finding) {
	p.line()
	p.line(level, " ", p.word("severity."+string(f.Severity), nil), ": ", escapeMarkdown(f.Title))
	p.line()
	p.line("`", f.ID, "` · ", p.word("certainty."+string(f.Certainty), nil))
	p.line()
	p.line(escapeMarkdown(f.Explanation))
	if len(f.Culprits) > 0 {
		p.line()
		for _, c := range f.Culprits {
			p.line("- **", p.word("report.who", nil), "**: ", escapeMarkdown(strings.Join(p.culprit(c), " · ")), codeSpan(string(c.Cmdline)))
			for _, l := range p.code(c) {
				p.line("  - ", escapeMarkdown(l))
			}
		}
	}
	for _, d := range f.Destinations {
		p.line("- **", p.word("report.where", nil), "**: ", net.JoinHostPort(d.Addr, strconv.Itoa(int(d.Port))), count(d.Sockets))
	}
	p.line()
	p.line("**", p.word("report.column.evidence", nil), "**")
	p.line()
	for _, e := range f.Evidence {
		p.line("- ", escapeMarkdown(e.Fact), " _(", escapeMarkdown(e.Source), ")_")
	}
	if len(f.Remedies) == 0 {
		return
	}
	p.line()
	p.line("**", p.word("report.column.remedies", nil), "**")
	p.line()
	for i, r := range f.Remedies {
		p.line(fmt.Sprint(i+1), ". **", escapeMarkdown(r.Title), "** ", p.word("report.kind", p.word("kind."+r.Kind, nil)), " ", escapeMarkdown(r.Detail))
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

// count is a number in brackets, nothing for none.
func count(n int) string {
	if n == 0 {
		return ""
	}
	return " (" + knowledge.Number(n) + ")"
}
