package report

import (
	"slices"
	"strings"

	"sockeye/internal/knowledge"
)

// mentions tells of each thing that the text speaks of what matters most: of advice
// and settings whether they hold, which comes first, of others what they are.
func (p *printer) mentions(all []*knowledge.Entry) {
	if len(all) == 0 {
		return
	}
	p.section("explain.mentions")
	for _, e := range judgedFirst(all) {
		p.under("  ", p.mentionHead(e), p.colour.bold)
		for _, l := range p.gist(e) {
			p.under("    ", l, nil)
		}
	}
}

// judgedFirst puts entries with a verdict before those without.
func judgedFirst(all []*knowledge.Entry) []*knowledge.Entry {
	rank := func(e *knowledge.Entry) int {
		if verdictOf(e) == "" {
			return 1
		}
		return 0
	}
	out := slices.Clone(all)
	slices.SortStableFunc(out, func(a, b *knowledge.Entry) int { return rank(a) - rank(b) })
	return out
}

func verdictOf(e *knowledge.Entry) string {
	switch {
	case e.Setting != nil:
		return string(e.Setting.Verdict)
	case e.Folklore != nil:
		return string(e.Folklore.Verdict)
	}
	return ""
}

// mentionHead is what an entry is called, and its verdict.
func (p *printer) mentionHead(e *knowledge.Entry) string {
	head := e.ID
	switch e.Kind {
	case knowledge.KindFolklore:
		head = e.Title
	case knowledge.KindFinding, knowledge.KindError:
		head = e.Title
		if !strings.Contains(e.Title, e.ID) {
			head = beside(e.Title, p.word("report.kind", e.ID))
		}
	}
	if v := verdictOf(e); v != "" {
		head = p.labelled(head, p.word("entry.verdict."+v, nil))
	}
	return head
}

// gist is what of an entry is told in a list, a paragraph each.
func (p *printer) gist(e *knowledge.Entry) []string {
	first := func(all ...knowledge.Fact) []string {
		for _, f := range all {
			if f != "" {
				return []string{strings.TrimSpace(string(f))}
			}
		}
		return []string{e.Title}
	}
	switch {
	case e.Setting != nil:
		return p.settingGist(e)
	case e.Folklore != nil:
		return first(e.Folklore.Truth, e.Folklore.Instead)
	case e.State != nil:
		return first(e.State.Here, e.State.There)
	case e.Error != nil:
		return first(e.Error.TellApart)
	}
	if about, _, _ := strings.Cut(strings.TrimSpace(e.Body), "\n\n"); about != "" {
		return []string{about}
	}
	return []string{e.Title}
}

// settingGist: what a setting does is needed where it is worth setting, what it
// does not do always.
func (p *printer) settingGist(e *knowledge.Entry) []string {
	var out []string
	add := func(key string, f knowledge.Fact) {
		if f != "" {
			out = append(out, p.labelled(p.word("entry."+key, nil), strings.TrimSpace(string(f))))
		}
	}
	if e.Setting.Verdict == "useful" || e.Setting.DoesNot == "" || p.o.Wide {
		add("does", e.Setting.Does)
	}
	add("does-not", e.Setting.DoesNot)
	// Of what is gone as well: the text may be of a system that still had it.
	if v := e.Setting.Verdict; v == "harmful" || v == "gone" || p.o.Wide {
		add("risk", e.Setting.Risk)
	}
	if len(out) == 0 {
		return []string{e.Title}
	}
	return out
}

// shortTitle is an entry's title without its own name in front, which stands beside it:
// of "net.core.somaxconn: accept queue" the second half.
func shortTitle(e *knowledge.Entry) string {
	name, rest, ok := strings.Cut(e.Title, ": ")
	if !ok {
		name, rest, ok = strings.Cut(e.Title, "：")
	}
	if !ok {
		return e.Title
	}
	kind := ""
	if i := strings.IndexAny(name, "(（"); i >= 0 {
		name, kind = strings.TrimSpace(name[:i]), name[i:]
	}
	if name != e.ID && !strings.HasSuffix(name, "."+e.ID) {
		return e.Title
	}
	return beside(rest, kind)
}
