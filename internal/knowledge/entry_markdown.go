package knowledge

import (
	"fmt"
	"strings"
)

// mostAliases are shown of an entry; an error has as many as there are tools.
const mostAliases = 8

// Markdown tells the entry as a page: title, what it is, the explanation, then
// its facts, without a newline at the end.
func (e *Entry) Markdown() string {
	var p page
	p.book = e.book
	p.print("# %s\n\n", e.Title)
	p.what(e)
	if e.Error != nil || e.Kind == KindFinding {
		p.paragraph(e.Body) // what it comes down to, before the details
	}
	switch {
	case e.State != nil:
		p.fact("rfc", e.State.RFC)
		p.fact("here", e.State.Here)
		p.fact("there", e.State.There)
		p.fact("harmless", e.State.Harmless)
		p.fact("act", e.State.Act)
	case e.Error != nil:
		p.errorFacts(e.Error)
	case e.Setting != nil:
		p.settingFacts(e.Setting)
	case e.Folklore != nil:
		p.fact("claim", e.Folklore.Claim)
		p.verdict(e.Folklore.Verdict)
		p.fact("truth", e.Folklore.Truth)
		p.fact("instead", e.Folklore.Instead)
	}
	if e.Error == nil && e.Kind != KindFinding {
		p.paragraph(e.Body)
	}
	if e.Kind == KindFinding && e.book != nil {
		if tell, err := e.book.Word("candidate."+e.ID+".tell", nil); err == nil {
			p.fact("tell-apart", Fact(p.word("entry.finding.sign", tell)))
		}
		p.fact("next", Fact(p.word("entry.finding.next", nil)))
	}
	p.see(e.See)
	return strings.TrimRight(p.String(), "\n")
}

// page collects the Markdown; its labels are in the book's language.
type page struct {
	strings.Builder
	book *Book
}

func (p *page) print(format string, a ...any) { fmt.Fprintf(p, format, a...) }

// word is from the book; the key itself where the book lacks it.
func (p *page) word(key string, v any) string {
	if p.book == nil {
		return key
	}
	w, err := p.book.Word(key, v)
	if err != nil {
		return key
	}
	return w
}

func (p *page) label(key string) string { return p.word("page."+key, nil) }

func (p *page) paragraph(s string) {
	if s = strings.TrimSpace(s); s != "" {
		p.print("%s\n\n", s)
	}
}

// what is the line below the title: the kind, the exact name, other names.
func (p *page) what(e *Entry) {
	p.print("*%s* · `%s`", p.word("entry.kind."+string(e.Kind), nil), e.ID)
	for i, a := range e.Aliases {
		if i == mostAliases {
			p.print(", …")
			break
		}
		p.print(", %s", a)
	}
	p.print("\n\n")
}

func (p *page) fact(label string, f Fact) {
	if f != "" {
		p.print("**%s** %s\n\n", p.label(label), strings.TrimSpace(string(f)))
	}
}

func (p *page) verdict(v Fact) {
	if v != "" {
		p.fact("verdict", Fact(p.word("entry.verdict."+string(v), nil)))
	}
}

// The order of systems and calls on a page: as people meet them.
var (
	systems = []string{"linux", "windows", "darwin", "freebsd"}
	calls   = []string{"socket", "setsockopt", "bind", "listen", "connect", "accept", "read", "write", "close"}
)

var systemNames = map[string]string{"linux": "Linux", "windows": "Windows", "darwin": "macOS", "freebsd": "FreeBSD"}

func (p *page) errorFacts(f *ErrorFacts) {
	var numbers []string
	for _, os := range systems {
		if n, ok := f.Number[os]; ok {
			numbers = append(numbers, fmt.Sprintf("%s %d", systemNames[os], n))
		}
	}
	p.fact("number", Fact(strings.Join(numbers, ", ")))
	for _, c := range calls {
		if s := f.Calls[c]; s != "" {
			p.print("- `%s()` %s\n", c, strings.TrimSpace(string(s)))
		}
	}
	if len(f.Calls) > 0 {
		p.print("\n")
	}
	if len(f.Findings) > 0 {
		p.print("**%s**\n\n", p.label("findings"))
		for i, id := range f.Findings {
			p.print("%d. %s\n", i+1, p.linked(KindFinding, id))
		}
		p.print("\n")
	}
	p.fact("tell-apart", f.TellApart)
	p.fact("next", f.Next)
}

func (p *page) settingFacts(f *SettingFacts) {
	p.verdict(f.Verdict)
	p.fact("does", f.Does)
	p.fact("does-not", f.DoesNot)
	var defaults []string
	for _, d := range f.Default {
		s := string(d.Value)
		if d.Since != "" {
			s = p.word("entry.since", map[string]string{"Value": s, "Since": string(d.Since)})
		}
		defaults = append(defaults, s)
	}
	p.fact("default", Fact(strings.Join(defaults, "; ")))
	p.fact("range", f.Range)
	p.fact("unit", f.Unit)
	if f.Scope != "" {
		p.fact("scope", Fact(p.word("entry.scope."+string(f.Scope), nil)))
	}
	p.fact("risk", f.Risk)
	p.fact("way-back", f.WayBack)
}

// linked is an id with its title.
func (p *page) linked(kind Kind, id string) string {
	if p.book != nil {
		if e, ok := p.book.Entry(kind, id); ok && e.Title != "" {
			return fmt.Sprintf("%s (`%s`)", e.Title, id)
		}
	}
	return "`" + id + "`"
}

func (p *page) see(ids []string) {
	if len(ids) == 0 {
		return
	}
	p.print("**%s** ", p.label("see"))
	for i, id := range ids {
		if i > 0 {
			p.print(", ")
		}
		p.print("`%s`", id)
	}
	p.print("\n")
}
