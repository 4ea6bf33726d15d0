package report

import (
	"slices"
	"strings"

	"sockeye/internal/diagnose"
	"sockeye/internal/host"
)

// read tells what the text was taken for: in one line, or with --wide a line for each
// part. Parts with lines that could not be read, or cut ones, are named in any case.
func (p *printer) read(e *Explanation) {
	title := p.word("explain.read", nil)
	if p.o.Wide {
		p.line(p.colour.bold(title))
		for _, l := range p.readWhole(e) {
			p.under("  ", l, nil)
		}
		return
	}
	p.under("", p.fitting(title, p.readFiles(e)), p.colour.dim)
	told := 0
	for _, r := range e.Read {
		if r.Bad == 0 && !r.Cut {
			continue
		}
		if told++; told <= mostParts {
			for _, l := range p.readPart(r) {
				p.under("  ", l, nil)
			}
		}
	}
	if told > mostParts {
		p.under("  ", p.moreText(told-mostParts), p.colour.dim)
	}
}

// readWhole tells of each part, and of files that hold none.
func (p *printer) readWhole(e *Explanation) (lines []string) {
	parted := map[diagnose.Optional]bool{}
	for _, r := range e.Read {
		lines = append(lines, p.readPart(r)...)
		parted[r.File] = true
	}
	for _, f := range e.Files {
		if !parted[f.File] || f.Messages > 0 {
			lines = append(lines, p.named(f.File, p.fileWords(f)))
		}
	}
	return lines
}

// readPart tells of one part, and of its lines that could not be read.
func (p *printer) readPart(r ReadPart) []string {
	first := uint64(0)
	if r.FirstBad != nil {
		first = *r.FirstBad
	}
	words := map[string]any{"Kind": p.kindName(r.Kind), "File": p.fileName(r.File), "First": r.FirstLine, "Last": r.LastLine,
		"Rows": r.Rows, "Bad": r.Bad, "FirstBad": first, "Cut": r.Cut}
	lines := []string{p.word("explain.part", words)}
	if r.Bad > 0 {
		lines = append(lines, "  "+p.word("explain.bad", words))
	}
	return lines
}

// fittingTried is how many items one line may hold at most.
const fittingTried = 12

// fitting puts as many items on one line as there is room for, and says how many
// are left over.
func (p *printer) fitting(title string, items []string) string {
	for n := min(len(items), fittingTried); n > 0; n-- {
		text := strings.Join(items[:n], " · ")
		if left := len(items) - n; left > 0 {
			text += " · " + p.moreText(left)
		}
		if line := p.labelled(title, text); n == 1 || visible(line) <= p.width {
			return line
		}
	}
	return title
}

// readFiles tells of each file what it was taken for: first those with tables, then
// those with messages.
func (p *printer) readFiles(e *Explanation) []string {
	files := e.Files
	if len(files) == 0 {
		files = []ReadFile{{}}
	}
	kinds := p.kindsByFile(e.Read)
	rank := func(f ReadFile) int {
		switch {
		case len(kinds[f.File]) > 0:
			return 0
		case f.Messages > 0:
			return 1
		}
		return 2
	}
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b ReadFile) int { return rank(a) - rank(b) })
	out := make([]string, 0, len(files))
	for _, f := range files {
		said := kinds[f.File]
		if f.Messages > 0 || len(said) == 0 {
			said = append(said, p.fileWords(f))
		}
		out = append(out, p.named(f.File, p.alternatives(said)))
	}
	return out
}

// fileName is a file's name where there is another one to confuse it with.
func (p *printer) fileName(file diagnose.Optional) string {
	if p.only {
		return ""
	}
	return host.Printable(string(file))
}

// named puts a file's name before what is told of it; standard input has none.
func (p *printer) named(file diagnose.Optional, text string) string {
	if name := p.fileName(file); name != "" {
		return p.labelled(name, text)
	}
	return text
}

func (p *printer) fileWords(f ReadFile) string {
	if f.Messages > 0 {
		return p.word("explain.read.messages", f.Messages)
	}
	return p.word("explain.read.lines", f.Lines)
}

// kindsByFile are the kinds of text in each file, with their parts and rows.
func (p *printer) kindsByFile(parts []ReadPart) map[diagnose.Optional][]string {
	type key struct {
		file diagnose.Optional
		kind string
	}
	type sum struct {
		key
		parts int
		rows  uint64
	}
	var sums []sum
	at := map[key]int{}
	for _, r := range parts {
		k := key{r.File, p.kindName(r.Kind)}
		i, ok := at[k]
		if !ok {
			i, at[k] = len(sums), len(sums)
			sums = append(sums, sum{key: k})
		}
		sums[i].parts++
		sums[i].rows += r.Rows
	}
	out := map[diagnose.Optional][]string{}
	for _, s := range sums {
		out[s.file] = append(out[s.file], p.word("explain.read.kind", map[string]any{"Kind": s.kind, "Parts": s.parts, "Rows": s.rows}))
	}
	return out
}

// kindName is what a kind of text is called in the book's language: a program's name
// stays as it is.
func (p *printer) kindName(kind string) string {
	if s, err := p.book.Word("explain.kind."+strings.ReplaceAll(kind, " ", "-"), nil); err == nil {
		return s
	}
	return host.Printable(kind)
}
