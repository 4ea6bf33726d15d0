package report

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

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
			about = append(about, fmt.Sprintf("%s %d", os, e.Error.Number[os]))
		}
	} else {
		about = append(about, e.OS...)
	}
	if len(e.Aliases) > 0 {
		about = append(about, e.Aliases[:min(len(e.Aliases), 6)]...)
	}
	for _, l := range flow(about, p.width-2) {
		p.line("  ", p.colour.dim(l))
	}
	p.line()
	p.prose(e.Body)
	for _, f := range p.facts(e) {
		p.fact(f.label, f.text)
	}
	if len(e.See) > 0 {
		p.fact("see", strings.Join(e.See, ", "))
	}
	if p.o.Wide && len(e.Source) > 0 {
		p.fact("source", strings.Join(e.Source, "\n"))
	}
}

// prose prints Markdown as it is but for its lines, which are filled anew:
// a blank line ends a paragraph, lists and indented lines keep theirs.
func (p *printer) prose(body string) {
	var para []string
	flush := func() {
		if len(para) > 0 {
			for _, l := range wrap(strings.Join(para, " "), p.width) {
				p.line(l)
			}
			para = nil
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
			para = append(para, l)
		default:
			para = append(para, strings.TrimSpace(l))
		}
	}
	flush()
	if strings.TrimSpace(body) != "" {
		p.line()
	}
}

// factWidth is the column in which a fact's text begins.
const factWidth = 14

func (p *printer) fact(key, text string) {
	if text == "" {
		return
	}
	label := p.word("entry."+key, nil)
	for _, l := range wrap(strings.TrimSpace(text), p.width-factWidth) {
		p.line(p.colour.dim(pad(label, factWidth)), l)
		label = ""
	}
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
			all = append(all, labelled{"in", call + "(): " + string(e.Error.Calls[call])})
		}
		all = append(all, labelled{"findings", strings.Join(e.Error.Findings, ", ")})
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
		all = append(all, labelled{"default", strings.Join(values, ", ")})
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

// Catalogue lists entries, a line each, by kind.
func Catalogue(w io.Writer, entries []*knowledge.Entry, book *knowledge.Book, o TextOptions) error {
	p := newPrinter(w, book, o)
	for i, e := range entries {
		if i == 0 || entries[i-1].Kind != e.Kind {
			if i > 0 {
				p.line()
			}
			p.line(p.colour.bold(p.word("entry.kinds."+string(e.Kind), nil)))
		}
		p.line(fmt.Sprintf("  %s  %s", pad(e.ID, catalogueWidth), shorten(e.Title, p.width-catalogueWidth-4)))
	}
	return p.end()
}

const catalogueWidth = 34
