package report

import (
	"io"
	"strings"
	"time"

	"sockeye/internal/diagnose"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// Explanation is what saved text came to: the report of the contract, and beside
// it what the text was taken for, its error messages, and what it mentions.
type Explanation struct {
	*diagnose.Report
	Read     []ReadPart         `json:"read"`
	Errors   []Symptom          `json:"errors"`
	Mentions []*knowledge.Entry `json:"mentions"`
}

// ReadPart is a run of lines of one program.
type ReadPart struct {
	Kind      string  `json:"kind"` // "netstat (Windows)"
	FirstLine uint64  `json:"first_line"`
	LastLine  uint64  `json:"last_line"`
	Rows      uint64  `json:"rows"` // understood
	Bad       uint64  `json:"bad"`  // looked like rows, and could not be read
	FirstBad  *uint64 `json:"first_bad"`
	Cut       bool    `json:"cut"` // says itself that something is missing
}

// Symptom is an error message with all that are like it.
type Symptom struct {
	ID         string            `json:"id"`
	Code       diagnose.Optional `json:"code"`
	Call       diagnose.Optional `json:"call"`
	OS         diagnose.Optional `json:"os"`
	Runtime    diagnose.Optional `json:"runtime"`
	Count      uint64            `json:"count"`
	First      *time.Time        `json:"first"`
	Last       *time.Time        `json:"last"`
	Line       uint64            `json:"line"`
	Example    string            `json:"example"`
	Endpoints  []SymptomEnd      `json:"endpoints"`
	PIDs       []int32           `json:"pids"`
	Candidates []string          `json:"candidates"` // ids of findings, most likely first
}

// SymptomEnd is an address that messages name.
type SymptomEnd struct {
	Name  string `json:"name"`
	Count uint64 `json:"count"`
}

// SymptomOf tells a symptom in the terms of the contract: null for what is unknown.
func SymptomOf(s *host.Symptom) Symptom {
	out := Symptom{ID: s.ID, Code: diagnose.Optional(s.Code), Call: diagnose.Optional(s.Call), OS: diagnose.Optional(s.OS),
		Runtime: diagnose.Optional(string(s.Runtime)), Count: s.Count, Line: s.Line, Example: host.Printable(s.Example),
		Endpoints: []SymptomEnd{}, PIDs: append([]int32{}, s.PIDs...), Candidates: append([]string{}, s.Candidates...)}
	for _, end := range s.Endpoints {
		out.Endpoints = append(out.Endpoints, SymptomEnd{host.Printable(end.Name), end.Count})
	}
	for _, t := range []struct {
		at time.Time
		to **time.Time
	}{{s.First, &out.First}, {s.Last, &out.Last}} {
		if at := t.at; !at.IsZero() {
			*t.to = &at
		}
	}
	return out
}

// ExplanationText writes an explanation for a person: what was read, the messages,
// the report, and what else the text speaks of. Of mere prose there is no report.
func ExplanationText(w io.Writer, e *Explanation, book *knowledge.Book, o TextOptions) error {
	p := newPrinter(w, book, o)
	p.read(e.Read)
	p.symptoms(e.Errors)
	if err := p.end(); err != nil {
		return err
	}
	if len(e.Read) > 0 || len(e.Findings) > 0 {
		if err := Text(w, e.Report, book, o); err != nil {
			return err
		}
	}
	p = newPrinter(w, book, o)
	if len(e.Read)+len(e.Findings) > 0 && len(e.Mentions) > 0 {
		p.line()
	}
	p.mentions(e.Mentions)
	return p.end()
}

// mostParts is how many parts and messages are told before the rest is a number.
const mostParts = 12

func (p *printer) read(parts []ReadPart) {
	if len(parts) == 0 {
		return
	}
	p.line(p.colour.bold(p.word("explain.read", nil)))
	for i, r := range parts {
		if i == mostParts && !p.o.Wide {
			p.line("  ", p.word("explain.more-parts", len(parts)-i))
			break
		}
		first := uint64(0)
		if r.FirstBad != nil {
			first = *r.FirstBad
		}
		v := map[string]any{"Kind": host.Printable(r.Kind), "First": r.FirstLine, "Last": r.LastLine, "Rows": r.Rows, "Bad": r.Bad, "FirstBad": first, "Cut": r.Cut}
		p.under("  ", p.word("explain.part", v), nil)
		if r.Bad > 0 {
			p.under("    ", p.word("explain.bad", v), p.colour.dim)
		}
	}
	p.line()
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
	p.line(p.colour.bold(p.word("explain.errors", nil)))
	for i, s := range all {
		if i == mostParts && !p.o.Wide {
			p.line("  ", p.word("explain.more-parts", len(all)-i))
			break
		}
		p.symptom(&s)
	}
	p.line()
}

func (p *printer) symptom(s *Symptom) {
	code := s.ID
	if s.Code != "" {
		code = string(s.Code)
	}
	head := p.word("explain.error", map[string]any{"Count": s.Count, "Code": code, "Call": string(s.Call)})
	if s.First != nil && s.Last != nil {
		when := map[string]string{"First": s.First.Format(time.DateTime), "Last": s.Last.Format(time.DateTime)}
		if s.First.Equal(*s.Last) {
			head += ", " + p.word("explain.error.once", when)
		} else {
			head += ", " + p.word("explain.error.when", when)
		}
	}
	p.under("  ", head, p.colour.bold)
	detail := func(label, text string) { p.under("    ", p.word(label, nil)+": "+text, nil) }
	p.under("    ", p.word("explain.error.line", s.Line)+": "+shorten(s.Example, 2*p.width), p.colour.dim)
	if len(s.Endpoints) > 0 {
		var ends []string
		for _, end := range s.Endpoints[:min(len(s.Endpoints), 4)] {
			ends = append(ends, shorten(end.Name, 60))
		}
		detail("explain.error.where", strings.Join(ends, ", "))
	}
	if len(s.Candidates) > 0 {
		detail("explain.error.may-be", strings.Join(s.Candidates, ", "))
	}
}

// mentions tells of each thing that the text speaks of the one sentence that
// matters most.
func (p *printer) mentions(all []*knowledge.Entry) {
	if len(all) == 0 {
		return
	}
	p.line(p.colour.bold(p.word("explain.mentions", nil)))
	for _, e := range all {
		head := e.ID
		if e.Kind == knowledge.KindFolklore {
			head = e.Title
		}
		text, verdict := gist(e)
		if verdict != "" {
			head += ": " + p.word("entry.verdict."+verdict, nil)
		}
		p.under("  ", head, p.colour.bold)
		p.under("    ", text, nil)
	}
}

// gist is the sentence of an entry that tells most, and its verdict if it has one.
func gist(e *knowledge.Entry) (text, verdict string) {
	first := func(all ...knowledge.Fact) string {
		for _, f := range all {
			if f != "" {
				return strings.TrimSpace(string(f))
			}
		}
		return e.Title
	}
	switch {
	case e.Setting != nil:
		return first(e.Setting.DoesNot, e.Setting.Does), string(e.Setting.Verdict)
	case e.Folklore != nil:
		return first(e.Folklore.Truth, e.Folklore.Instead), string(e.Folklore.Verdict)
	case e.State != nil:
		return first(e.State.Here, e.State.There), ""
	case e.Error != nil:
		return first(e.Error.TellApart), ""
	}
	return e.Title, ""
}
