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
	p := newPrinter(w, book, o)
	p.places = namespaces(r)
	p.head(r)
	p.verdict(r, true)
	p.blocks(r)
	p.limits(r)
	p.blind(r)
	p.settings(r)
	return p.end()
}

func (p *printer) blocks(r *diagnose.Report) {
	for i, b := range fold(r.Findings) {
		if i < mostBlocks || p.o.Wide {
			p.block(b)
		} else {
			p.headline(b)
		}
	}
}

// printer writes lines and remembers the first thing that went wrong.
type printer struct {
	w      *bufio.Writer
	book   *knowledge.Book
	o      TextOptions
	width  int
	colour colours
	places map[string]string // namespace → what to call it; nil where there is only our own
	begun  bool              // something was printed
	only   bool              // one text was read: its name says nothing
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
	p.begun = true
	for _, s := range parts {
		p.w.WriteString(s)
	}
	p.w.WriteByte('\n')
}

// blank is an empty line between two sections, none before the first.
func (p *printer) blank() {
	if p.begun {
		p.line()
	}
}

// section prints a heading.
func (p *printer) section(key string) {
	p.blank()
	p.line(p.colour.bold(p.word(key, nil)))
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
	for _, l := range flow(parts, p.width) {
		p.line(p.colour.dim(l))
	}
}

// verdict is the answer in one line, and with totals the sockets it was drawn from
// in the next.
func (p *printer) verdict(r *diagnose.Report, totals bool) {
	verdict := p.colour.severity(r.Verdict, " "+p.word("severity."+string(r.Verdict), nil)+" ")
	switch {
	case r.Verdict == diagnose.Healthy && len(r.BlindSpots) > 0:
		verdict += "  " + p.word("report.healthy.partly", nil)
	case r.Verdict == diagnose.Healthy && r.WindowS == 0:
		verdict += "  " + p.word("report.healthy.glance", nil)
	case r.Verdict == diagnose.Healthy:
		verdict += "  " + p.word("report.healthy", nil)
	default:
		verdict += "  " + p.word("report.findings", knowledge.Values{Count: uint64(len(r.Findings))})
	}
	p.blank()
	p.line(verdict)
	if totals {
		p.line(strings.Join(wrap(p.totals(r), p.width), "\n"))
		p.countedEnds(r)
	}
}

// endsShown is how many remote ends of a count a report for people lists.
const endsShown = 8

// countedEnds prints what a text counts that lists no sockets: connections by
// remote end, and entries of connection tracking by state.
func (p *printer) countedEnds(r *diagnose.Report) {
	var ends []string
	for _, e := range r.Totals.ByRemote[:min(len(r.Totals.ByRemote), endsShown)] {
		ends = append(ends, e.End+" "+knowledge.Number(e.Connections))
	}
	if len(ends) > 0 {
		p.line(strings.Join(wrap(p.word("report.by-remote", strings.Join(ends, " · ")), p.width), "\n"))
	}
	if r.Totals.Sockets == 0 && len(r.Totals.Sockstat) > 0 {
		var counts []string
		for _, name := range []string{"inuse", "tw", "orphan", "alloc"} {
			if n, told := r.Totals.Sockstat[name]; told {
				counts = append(counts, name+" "+knowledge.Number(n))
			}
		}
		p.line(strings.Join(wrap(p.word("report.sockstat", strings.Join(counts, " · ")), p.width), "\n"))
	}
	if len(r.Totals.Tracked) == 0 {
		return
	}
	var states []string
	for _, s := range sortedCounts(r.Totals.Tracked) {
		states = append(states, s+" "+knowledge.Number(r.Totals.Tracked[s]))
	}
	p.line(strings.Join(wrap(p.word("report.tracked", strings.Join(states, " · ")), p.width), "\n"))
}

// totals lists the states by number of sockets, the most frequent first.
func (p *printer) totals(r *diagnose.Report) string {
	if r.Totals.Sockets == 0 {
		if r.Source.Kind == string(host.Paste) {
			return p.word("report.none.text", nil)
		}
		return p.word("report.none", nil)
	}
	states := sortedCounts(r.Totals.ByState)
	for i, s := range states {
		states[i] = s + " " + knowledge.Number(r.Totals.ByState[s])
	}
	return beside(p.word("report.sockets", r.Totals.Sockets), strings.Join(states, " · "))
}

// seconds tells a number of seconds in the book's language.
func (p *printer) seconds(s float64) string {
	return knowledge.Duration(time.Duration(s*float64(time.Second)), p.book.Lang())
}

var marks = map[diagnose.Severity]string{diagnose.Critical: "✖", diagnose.Warning: "▲", diagnose.Notice: "•", diagnose.Healthy: "✔"}

// namespaces says what to call each namespace that is not the one Sockeye was
// started in; nil when there is no other.
func namespaces(r *diagnose.Report) map[string]string {
	var names map[string]string
	for _, ns := range r.Namespaces {
		if ns.Self {
			continue
		}
		if names == nil {
			names = map[string]string{}
		}
		names[ns.Inode] = "netns " + ns.Inode
		switch {
		case ns.Name != "":
			names[ns.Inode] = "netns " + host.Printable(string(ns.Name))
		case ns.PID != nil:
			names[ns.Inode] += fmt.Sprintf(" (pid %d)", *ns.PID)
		}
	}
	return names
}

// place says whose limit it is, as short as it can be said.
func (p *printer) place(s diagnose.Scope) string {
	at := p.whose(s)
	if name := p.places[s.NetNS]; name != "" && s.NetNS != "" && s.PID == 0 {
		if at == "" {
			return name
		}
		return at + " · " + name
	}
	return at
}

func (p *printer) whose(s diagnose.Scope) string {
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
	case s.Family != "":
		return s.Family
	}
	return ""
}

// plain makes a sentence one line that is safe to print, whatever names it holds.
func plain(s string) string {
	return host.Printable(strings.ReplaceAll(strings.TrimSpace(s), "\n", " "))
}
