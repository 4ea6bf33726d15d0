package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sockeye/internal/diagnose"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// Entry prints one entry of the catalogue for a person.
func Entry(w io.Writer, e *knowledge.Entry, book *knowledge.Book, o TextOptions) error {
	p := newPrinter(w, book, o)
	p.entry(e)
	return p.end()
}

func newPrinter(w io.Writer, book *knowledge.Book, o TextOptions) *printer {
	return &printer{w: bufio.NewWriter(w), book: book, o: o, width: min(max(o.Width, 60), 120), colour: palette(o.Colour)}
}

func (p *printer) end() error {
	if p.err != nil {
		return p.err
	}
	return p.w.Flush()
}

func (p *printer) entry(e *knowledge.Entry) {
	p.line(p.colour.bold(e.Title))
	about := []string{p.word("entry.kind."+string(e.Kind), nil)}
	if e.Error != nil {
		for _, os := range slices.Sorted(maps.Keys(e.Error.Number)) {
			about = append(about, fmt.Sprintf("%s %d", cmp.Or(host.SystemName(os), os), e.Error.Number[os]))
		}
	} else {
		for _, os := range e.OS {
			about = append(about, cmp.Or(host.SystemName(os), os))
		}
	}
	about = append(about, p.aliases(e)...)
	for _, l := range flow(about, p.width-2) {
		p.line("  ", p.colour.dim(l))
	}
	p.line()
	facts := p.facts(e)
	for _, f := range facts {
		p.fact(f.label, f.text)
	}
	if strings.TrimSpace(e.Body) != "" {
		if len(facts) > 0 { // the answer comes first, remarks behind it
			p.line()
		}
		p.prose(e.Body)
	}
	p.entryEnd(e)
}

// entryEnd is what leads on from an entry.
func (p *printer) entryEnd(e *knowledge.Entry) {
	var facts []labelled
	if e.Kind == knowledge.KindFinding {
		if tell, err := p.book.Word(diagnose.CandidateKey(e.ID, &host.Symptom{})+".tell", nil); err == nil {
			facts = append(facts, labelled{"tell-apart", p.word("entry.finding.sign", tell)})
		}
		facts = append(facts, labelled{"next", p.word("entry.finding.next", nil)}, labelled{"", p.settingsFor(e)})
	}
	facts = append(facts, labelled{"see", p.list(e.See)})
	if p.o.Wide {
		facts = append(facts, labelled{"source", strings.Join(e.Source, "\n")})
	}
	for i, f := range facts {
		if i == 0 && f.text != "" {
			p.line()
		}
		p.fact(f.label, f.text)
	}
}

// aliasesTold is how many other names of an entry are told. Bare numbers are not
// names: "-4091" says nothing without the program that prints it.
const aliasesTold = 6

func (p *printer) aliases(e *knowledge.Entry) (out []string) {
	for _, a := range e.Aliases {
		if _, err := strconv.Atoi(a); err != nil && !strings.Contains(e.Title, a) && (len(out) < aliasesTold || p.o.Wide) {
			out = append(out, a)
		}
	}
	return out
}

// prose prints Markdown as it is but for its lines, which are filled anew:
// a blank line ends a paragraph, lists and indented lines keep theirs.
func (p *printer) prose(body string) {
	para := ""
	flush := func() {
		if para != "" {
			for _, l := range wrap(para, p.width) {
				p.line(l)
			}
			para = ""
		}
	}
	for l := range strings.SplitSeq(strings.TrimSpace(body), "\n") {
		switch {
		case strings.TrimSpace(l) == "":
			flush()
			p.line()
		case strings.HasPrefix(l, "    ") || strings.HasPrefix(l, "```"):
			flush()
			p.line(p.colour.command(l))
		case strings.HasPrefix(l, "- ") || strings.HasPrefix(l, "* "):
			flush()
			para = l
		default:
			para = beside(para, strings.TrimSpace(l))
		}
	}
	flush()
}

// factWidth is the column in which a fact's text begins.
const factWidth = 16

func (p *printer) fact(key, text string) {
	if text == "" {
		return
	}
	label := ""
	if key != "" { // it goes on with what stands above
		label = p.word("entry."+key, nil)
	}
	if key == "way-back" {
		p.factCommand(label, text)
		return
	}
	for _, l := range wrap(strings.TrimSpace(text), p.width-factWidth) {
		p.line(p.colour.dim(pad(label, factWidth)), l)
		label = ""
	}
}

// factCommand prints a fact that is to be typed, on one unbroken line: where it does
// not fit behind its label it has a line from the left edge.
func (p *printer) factCommand(label, command string) {
	if factWidth+visible(command) <= p.width {
		p.line(p.colour.dim(pad(label, factWidth)), p.colour.command(command))
		return
	}
	p.line(p.colour.dim(label))
	p.line(p.colour.command(command))
}

type labelled struct{ label, text string }

// facts are what the kind of an entry has, in the order in which they are needed.
func (p *printer) facts(e *knowledge.Entry) (all []labelled) {
	add := func(label string, f knowledge.Fact) { all = append(all, labelled{label, string(f)}) }
	switch {
	case e.State != nil:
		add("here", e.State.Here)
		add("there", e.State.There)
		add("harmless", e.State.Harmless)
		add("act", e.State.Act)
	case e.Error != nil:
		for _, call := range slices.Sorted(maps.Keys(e.Error.Calls)) {
			all = append(all, labelled{"in", p.labelled(call+"()", string(e.Error.Calls[call]))})
		}
		var may []string
		for _, id := range e.Error.Findings {
			may = append(may, beside(p.causeName(id, &host.Symptom{}), p.word("report.kind", id)))
		}
		all = append(all, labelled{"findings", strings.Join(may, "\n")})
		add("tell-apart", e.Error.TellApart)
		add("next", e.Error.Next)
	case e.Setting != nil:
		var values []string
		for _, d := range e.Setting.Default {
			if d.Since == "" {
				values = append(values, string(d.Value))
			} else {
				values = append(values, p.word("entry.since", map[string]string{"Value": string(d.Value), "Since": string(d.Since)}))
			}
		}
		if v := e.Setting.Verdict; v != "" {
			all = append(all, labelled{"verdict", p.word("entry.verdict."+string(v), nil)})
		}
		add("does", e.Setting.Does)
		add("does-not", e.Setting.DoesNot)
		all = append(all, labelled{"default", p.alternatives(values)})
		add("range", e.Setting.Range)
		add("unit", e.Setting.Unit)
		if s := e.Setting.Scope; s != "" {
			all = append(all, labelled{"scope", p.word("entry.scope."+string(s), nil)})
		}
		add("risk", e.Setting.Risk)
		add("way-back", e.Setting.WayBack)
	case e.Folklore != nil:
		add("claim", e.Folklore.Claim)
		if v := e.Folklore.Verdict; v != "" {
			all = append(all, labelled{"verdict", p.word("entry.verdict."+string(v), nil)})
		}
		add("truth", e.Folklore.Truth)
		add("instead", e.Folklore.Instead)
	}
	return all
}
