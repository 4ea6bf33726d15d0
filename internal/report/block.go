package report

import (
	"net"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"sockeye/internal/diagnose"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// What can be read in ten seconds: so many causes are told whole, and of each so
// many culprits, facts, consequences and remedies. --wide shows everything.
const (
	mostBlocks = 4
	most       = 3
	mostFacts  = 5
)

// block prints a cause with its consequences, or as much as most allows.
func (p *printer) block(b block) {
	p.headline(b)
	for i, f := range b.worstFirst() {
		if i < min(2, 1+len(b.effects)) || p.o.Wide { // the cause, and what it leads to first
			p.explanation(f.Explanation)
		}
	}
	p.who(b)
	p.where(b)
	p.why(b)
	p.do(b)
}

// bullet begins a line of an explanation that is one of a list.
const bullet = "- "

// explanation prints a paragraph for each line, and lists as lists.
func (p *printer) explanation(text string) {
	for l := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		if item, ok := strings.CutPrefix(l, bullet); ok {
			p.para("", "• ", plain(item), nil)
		} else if l = plain(l); l != "" {
			p.para("", "", l, nil)
		}
	}
}

// headline prints the titles of a block: first what hurts most. Where that is a
// consequence, its cause stands right below ("because"); a cause that is as bad
// as what it leads to stands first, and its consequences below ("so that"). Each
// line carries its own certainty.
func (p *printer) headline(b block) {
	p.line()
	sev := b.severity()
	first, effects := b.cause, b.effects
	if diagnose.Worse(sev, b.cause.Severity) {
		first, effects = b.effects[0], b.effects[1:]
	}
	p.title(sev, p.colour.severityText(sev, marks[sev]+" "+p.word("severity."+string(sev), nil)+"  "), first)
	var lines []line
	if first != b.cause {
		lines = append(lines, line{"  ← " + p.word("report.because", nil), b.cause})
	}
	for _, f := range b.also {
		lines = append(lines, line{"  + " + p.word("report.also", nil), f})
	}
	for _, f := range effects {
		lines = append(lines, line{"  → " + p.word("report.leads-to", nil), f})
	}
	for i, l := range lines {
		if i == most && !p.o.Wide {
			p.more(len(lines) - most)
			break
		}
		p.title(sev, p.colour.dim(l.lead), l.finding)
	}
	if name := p.places[b.cause.NetNS]; name != "" {
		p.para("", "", name, p.colour.dim)
	}
}

// line is a finding under a block's headline, and how it belongs to it.
type line struct {
	lead    string
	finding *diagnose.Finding
}

// title prints one finding's headline with its certainty at the right edge, and
// its severity where that is not the one the block stands under.
func (p *printer) title(sev diagnose.Severity, lead string, f *diagnose.Finding) {
	sure := p.word("certainty."+string(f.Certainty), nil)
	if f.Severity != sev {
		own := strings.ToLower(p.word("severity."+string(f.Severity), nil))
		sure = p.word("report.severity-and-certainty", []string{own, sure})
	}
	if !strings.HasSuffix(ansi.Strip(lead), " ") {
		lead = strings.TrimSuffix(beside(lead, "-"), "-")
	}
	lines := wrap(plain(f.Title), p.width-visible(lead)-visible(sure)-2)
	gap := p.width - visible(lead) - visible(lines[0]) - visible(sure)
	p.line(lead, p.colour.bold(lines[0]), strings.Repeat(" ", max(gap, 2)), p.colour.dim(sure))
	for _, l := range lines[1:] {
		p.line(strings.Repeat(" ", visible(lead)), p.colour.bold(l))
	}
}

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
	told := ""
	for i, c := range culprits {
		if i == most && !p.o.Wide {
			p.more(len(culprits) - most)
			break
		}
		p.parts(label, p.culprit(c))
		label = ""
		for j, l := range p.code(c) {
			if j == most && !p.o.Wide {
				p.more(len(c.Code) - most)
				break
			}
			p.para("", "", l, nil)
		}
		cmd := host.Printable(string(c.Cmdline))
		if cmd != "" && cmd != c.Process && cmd != told { // workers share theirs
			p.line(strings.Repeat(" ", labelWidth), p.colour.dim(shorten(cmd, p.width-labelWidth)))
		}
		told = cmd
	}
}

// parts prints short things side by side under a label.
func (p *printer) parts(label string, parts []string) {
	for i, l := range flow(parts, p.width-labelWidth) {
		if i > 0 {
			label = ""
		}
		p.line(p.colour.dim(pad("  "+label, labelWidth)), l)
	}
}

func (p *printer) culprit(c diagnose.Culprit) []string {
	name := host.Printable(c.Process)
	if name != "" {
		name = p.colour.bold(name)
	}
	parts := []string{p.word("report.culprit", struct {
		Name string
		PID  int32
	}{name, c.PID})}
	if c.Unit != "" {
		parts = append(parts, p.word("report.unit", host.Printable(string(c.Unit))))
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
	return parts
}

func (p *printer) where(b block) {
	d := b.cause.Destinations
	if len(d) < 2 { // a single one stands in the title
		return
	}
	var parts []string
	for i, dest := range d {
		if i == most && !p.o.Wide {
			if len(d) >= diagnose.MaxDestinations { // the list ends there, the destinations need not
				parts = append(parts, p.word("report.more", nil))
			} else {
				parts = append(parts, p.moreText(len(d)-most))
			}
			break
		}
		at := net.JoinHostPort(dest.Addr, strconv.Itoa(int(dest.Port)))
		if dest.Sockets > 0 {
			at += " " + knowledge.Number(dest.Sockets)
		}
		parts = append(parts, at)
	}
	p.parts(p.word("report.where", nil), parts)
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

// all lists a block's findings, consequences first.
func (b block) all() []*diagnose.Finding {
	return append(append(append([]*diagnose.Finding{}, b.effects...), b.cause), b.also...)
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
	kind := p.colour.dim(p.word("report.kind", p.word("kind."+r.Kind, nil)))
	p.para(label, strconv.Itoa(n)+". ", beside(p.colour.bold(plain(r.Title)), kind), nil)
	if n == 1 || p.o.Wide {
		p.para("", "   ", plain(r.Detail), nil)
	}
	p.commands(r)
	if p.o.Wide && r.Effect != "" {
		p.para("", "   ", p.word("report.effect", r.Effect), p.colour.dim)
	}
	if r.Risk != "" && (p.o.Wide || r.Kind == "kernel" || r.Kind == "action") {
		p.para("", "   ", p.word("report.risk", r.Risk), p.colour.dim)
	}
}

// commands prints what is to be typed, or written into a program, each line
// unbroken: a terminal that folds it still copies it whole. Where a line does not
// fit behind the indent all begin at the left edge, and nothing else is copied.
func (p *printer) commands(r diagnose.Remedy) {
	lines := strings.Split(strings.TrimSpace(string(r.Command)), "\n")
	indent, prompt := strings.Repeat(" ", labelWidth+3), "$ "
	if r.Kind == "code" || r.Kind == "config" {
		prompt = "  "
	}
	for i, l := range lines {
		lines[i] = host.Printable(l)
		if visible(indent+prompt+lines[i]) > p.width {
			indent, prompt = "", ""
		}
	}
	for _, l := range lines {
		if l != "" {
			p.line(indent, p.colour.dim(prompt), p.colour.command(l))
		}
	}
}
