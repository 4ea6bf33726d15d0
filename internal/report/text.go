package report

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"sockeye/internal/diagnose"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// TextOptions say how wide and how colourful the text may be.
type TextOptions struct {
	Width  int // columns; anything outside 60–120 is brought inside
	Colour bool
	Wide   bool // every culprit, limit and remedy, nothing folded away
}

// Text writes the report for a person: worst first, one block for each cause
// with its consequences folded in.
func Text(w io.Writer, r *diagnose.Report, book *knowledge.Book, o TextOptions) error {
	p := &printer{w: bufio.NewWriter(w), book: book, o: o, width: min(max(o.Width, 60), 120)}
	p.colour = palette(o.Colour)
	p.head(r)
	for _, b := range fold(r.Findings) {
		p.block(b)
	}
	p.limits(r)
	p.blind(r)
	if p.err != nil {
		return p.err
	}
	return p.w.Flush()
}

// printer writes lines and remembers the first thing that went wrong.
type printer struct {
	w      *bufio.Writer
	book   *knowledge.Book
	o      TextOptions
	width  int
	colour colours
	err    error
}

func (p *printer) word(key string, v any) string {
	s, err := p.book.Word(key, v)
	if err != nil && p.err == nil {
		p.err = err
	}
	return s
}

func (p *printer) line(parts ...string) {
	for _, s := range parts {
		p.w.WriteString(s)
	}
	p.w.WriteByte('\n')
}

// labelWidth is the column in which a block's text begins.
const labelWidth = 8

// para prints text under a label, wrapped and indented. The label stands on the
// first line only.
func (p *printer) para(label, bullet, text string, paint func(string) string) {
	indent := strings.Repeat(" ", labelWidth+len([]rune(bullet)))
	for i, l := range wrap(text, p.width-labelWidth-len([]rune(bullet))) {
		if paint != nil {
			l = paint(l)
		}
		if i == 0 {
			p.line(p.colour.dim(pad("  "+label, labelWidth)), bullet, l)
		} else {
			p.line(indent, l)
		}
	}
}

func (p *printer) head(r *diagnose.Report) {
	parts := []string{"sockeye " + r.Tool.Version}
	if r.Host.Name != nil {
		parts = append(parts, host.Printable(*r.Host.Name))
	}
	if r.Host.OS != nil && r.Host.Kernel != nil {
		parts = append(parts, *r.Host.OS+" "+host.Printable(*r.Host.Kernel))
	}
	if r.Host.UptimeS != nil {
		parts = append(parts, p.word("report.up", p.seconds(*r.Host.UptimeS)))
	}
	parts = append(parts, r.TakenAt.Format("2006-01-02 15:04:05 MST"))
	if r.WindowS > 0 {
		parts = append(parts, p.word("report.window", p.seconds(r.WindowS)))
	} else {
		parts = append(parts, p.word("report.glance", nil))
	}
	p.line(p.colour.dim(strings.Join(parts, " · ")))

	verdict := p.colour.severity(r.Verdict, " "+p.word("severity."+string(r.Verdict), nil)+" ")
	switch {
	case r.Verdict == diagnose.Healthy && r.WindowS == 0:
		verdict += "  " + p.word("report.healthy.glance", nil)
	case r.Verdict == diagnose.Healthy:
		verdict += "  " + p.word("report.healthy", nil)
	default:
		verdict += "  " + p.word("report.findings", knowledge.Values{Count: uint64(len(r.Findings))})
	}
	p.line()
	p.line(verdict)
	p.line(strings.Join(wrap(p.totals(r), p.width), "\n"))
}

// totals lists the states by number of sockets, the most frequent first.
func (p *printer) totals(r *diagnose.Report) string {
	if r.Totals.Sockets == 0 {
		return p.word("report.none", nil)
	}
	states := sortedCounts(r.Totals.ByState)
	for i, s := range states {
		states[i] = s + " " + knowledge.Number(r.Totals.ByState[s])
	}
	return p.word("report.sockets", r.Totals.Sockets) + " " + strings.Join(states, " · ")
}

func (p *printer) block(b block) {
	p.line()
	sev := b.severity()
	p.title(sev, p.colour.severityText(sev, marks[sev]+" "+p.word("severity."+string(sev), nil)+"  "), b.cause)
	for _, e := range b.effects {
		p.title(sev, p.colour.dim("  → "+p.word("report.leads-to", nil)+" "), e)
	}
	for _, a := range b.also {
		p.title(sev, p.colour.dim("  + "+p.word("report.also", nil)+" "), a)
	}
	p.para("", "", plain(b.cause.Explanation), nil)
	for i, e := range b.effects {
		if i == 0 || p.o.Wide {
			p.para("", "", plain(e.Explanation), nil)
		}
	}
	p.who(b)
	p.where(b)
	p.why(b)
	p.do(b)
}

// title prints one finding's headline with its certainty at the right edge.
func (p *printer) title(sev diagnose.Severity, lead string, f *diagnose.Finding) {
	sure := p.word("certainty."+string(f.Certainty), nil)
	lines := wrap(plain(f.Title), p.width-visible(lead)-visible(sure)-2)
	gap := p.width - visible(lead) - visible(lines[0]) - visible(sure)
	p.line(lead, p.colour.bold(lines[0]), strings.Repeat(" ", max(gap, 2)), p.colour.dim(sure))
	for _, l := range lines[1:] {
		p.line(strings.Repeat(" ", visible(lead)), p.colour.bold(l))
	}
}

// most is how many of a block's culprits, destinations, facts and remedies are
// shown: what can be read in ten seconds. --wide shows them all.
const (
	most      = 3
	mostFacts = 5
)

func (p *printer) who(b block) {
	culprits := b.cause.Culprits
	for _, e := range b.effects {
		if len(culprits) == 0 {
			culprits = e.Culprits
		}
	}
	label := p.word("report.who", nil)
	if len(culprits) == 0 {
		if len(b.cause.Destinations) > 0 {
			p.para(label, "", p.word("report.unknown-culprit", nil)+" — "+p.word("report.unknown-culprit.hint", nil), nil)
		}
		return
	}
	for i, c := range culprits {
		if i == most && !p.o.Wide {
			p.more(len(culprits) - most)
			break
		}
		p.para(label, "", p.culprit(c), nil)
		label = ""
		if cmd := host.Printable(c.Cmdline); cmd != "" && cmd != c.Process {
			p.line(strings.Repeat(" ", labelWidth), p.colour.dim(shorten(cmd, p.width-labelWidth)))
		}
	}
}

func (p *printer) culprit(c diagnose.Culprit) string {
	parts := []string{p.colour.bold(host.Printable(c.Process)) + " (" + p.word("report.pid", c.PID) + ")"}
	if c.Unit != "" {
		parts = append(parts, p.word("report.unit", host.Printable(c.Unit)))
	}
	if c.Container != nil {
		name := c.Container.Name
		if name == "" {
			name = c.Container.ID[:min(12, len(c.Container.ID))]
		}
		parts = append(parts, p.word("report.container", host.Printable(name)))
	}
	if c.Sockets > 0 {
		parts = append(parts, p.word("report.share", c))
	}
	if by, err := p.book.Word("report.by."+c.AttributedBy, nil); err == nil {
		parts = append(parts, by)
	}
	return strings.Join(parts, " · ")
}

func (p *printer) where(b block) {
	d := b.cause.Destinations
	if len(d) < 2 { // a single one stands in the title
		return
	}
	var parts []string
	for i, dest := range d {
		if i == most && !p.o.Wide {
			parts = append(parts, p.word("report.others", len(d)-most))
			break
		}
		parts = append(parts, net.JoinHostPort(dest.Addr, strconv.Itoa(int(dest.Port)))+" "+knowledge.Number(dest.Sockets))
	}
	p.para(p.word("report.where", nil), "", strings.Join(parts, " · "), nil)
}

// why prints the evidence, that of the consequences first: it is what the
// reader came for.
func (p *printer) why(b block) {
	label := p.word("report.why", nil)
	said := map[string]bool{}
	for _, f := range b.all() {
		for _, e := range f.Evidence {
			if said[e.Fact] {
				continue
			}
			said[e.Fact] = true
			if len(said) > mostFacts && !p.o.Wide {
				continue
			}
			p.para(label, "• ", plain(e.Fact), nil)
			label = ""
		}
	}
	if n := len(said) - mostFacts; n > 0 && !p.o.Wide {
		p.more(n)
	}
}

// all lists a block's findings, consequences first: they are what the reader
// came for.
func (b block) all() []*diagnose.Finding {
	return append(append(append([]*diagnose.Finding{}, b.effects...), b.cause), b.also...)
}

func (p *printer) more(n int) {
	p.para("", "", p.word("report.others", n)+" (--wide)", p.colour.dim)
}

func (p *printer) do(b block) {
	label := p.word("report.do", nil)
	n := 0
	said := map[string]bool{}
	for _, f := range append(append([]*diagnose.Finding{b.cause}, b.effects...), b.also...) {
		for _, r := range f.Remedies {
			if said[r.Title] {
				continue
			}
			said[r.Title] = true
			if n++; n > most && !p.o.Wide {
				continue
			}
			p.remedy(label, n, r)
			label = ""
		}
	}
	if n > most && !p.o.Wide {
		p.more(n - most)
	}
}

func (p *printer) remedy(label string, n int, r diagnose.Remedy) {
	bullet := strconv.Itoa(n) + ". "
	p.para(label, bullet, p.colour.bold(plain(r.Title))+" "+p.colour.dim("("+p.word("kind."+r.Kind, nil)+")"), nil)
	if n == 1 || p.o.Wide {
		p.para("", "   ", plain(r.Detail), nil)
	}
	for i, l := range strings.Split(strings.TrimSpace(r.Command), "\n") {
		if l == "" {
			break
		}
		prompt := "  "
		if i == 0 && r.Kind != "code" && r.Kind != "config" {
			prompt = "$ "
		}
		p.line(strings.Repeat(" ", labelWidth+3), p.colour.command(prompt+host.Printable(l)))
	}
	if p.o.Wide && r.Effect != "" {
		p.para("", "   ", p.word("report.effect", r.Effect), p.colour.dim)
	}
	if r.Risk != "" && (p.o.Wide || r.Kind == "kernel" || r.Kind == "action") {
		p.para("", "   ", p.word("report.risk", r.Risk), p.colour.dim)
	}
}

func (p *printer) blind(r *diagnose.Report) {
	if len(r.BlindSpots) == 0 {
		return
	}
	p.line()
	p.line(p.colour.bold(p.word("report.blind", nil)))
	for _, b := range r.BlindSpots {
		text := b.What
		if b.Why != "" {
			text += " — " + b.Why
		}
		if b.Remedy != "" {
			text += " → " + b.Remedy
		}
		for i, l := range wrap(host.Printable(text), p.width-4) {
			if i == 0 {
				p.line("  – ", l)
			} else {
				p.line("    ", l)
			}
		}
	}
}

// seconds tells a number of seconds in the book's language.
func (p *printer) seconds(s float64) string {
	return knowledge.Duration(time.Duration(s*float64(time.Second)), p.book.Lang())
}

var marks = map[diagnose.Severity]string{diagnose.Critical: "✖", diagnose.Warning: "▲", diagnose.Notice: "•", diagnose.Healthy: "✔"}

// place says whose limit it is, as short as it can be said.
func (p *printer) place(s diagnose.Scope) string {
	switch {
	case s.Raddr != "":
		return s.Laddr + " → " + net.JoinHostPort(s.Raddr, strconv.Itoa(int(s.Rport)))
	case s.Lport != 0:
		return net.JoinHostPort(s.Laddr, strconv.Itoa(int(s.Lport)))
	case s.PID != 0:
		return fmt.Sprintf("%s (%d)", host.Printable(s.Process), s.PID)
	case s.Mount != "":
		return host.Printable(s.Mount)
	case s.Laddr != "":
		return s.Laddr
	case s.NetNS != "":
		return p.word("report.netns", s.NetNS)
	}
	return ""
}

// plain makes a sentence one line that is safe to print, whatever names it holds.
func plain(s string) string {
	return host.Printable(strings.ReplaceAll(strings.TrimSpace(s), "\n", " "))
}
