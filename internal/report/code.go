package report

import (
	"strings"

	"sockeye/internal/diagnose"
	"sockeye/internal/host"
)

// nearlyAll is the share of a culprit's sockets whose own stack must have been
// taken for a plain "27,400 of 28,001"; below it, and where the stacks are those
// of other connections, the number of stacks is told.
const nearlyAll = 0.9

// codeLine is what the words of a line of code may say.
type codeLine struct {
	Place         string
	File          bool // the place ends with its file
	Count, Of     int
	Stacks        int
	State         string // that all of the sockets are in; "" where they differ
	Call          string
	Failed, Mixed bool
	Usually       bool // the sockets were not accepted; others of their listener were, there
	Grew          int
}

// code tells where a culprit's sockets were opened, a sentence for each line.
func (p *printer) code(c diagnose.Culprit) []string {
	if c.StacksSampled == 0 {
		return nil
	}
	l := codeLine{Stacks: c.StacksSampled, Of: c.StacksOf}
	key := "report.code.part"
	l.Usually = c.AttributedBy == "listener" && !c.StacksOwn && c.Code[0].Call == "accept" && !c.Code[0].Failed
	if c.StacksOwn && float64(c.StacksSampled) >= nearlyAll*float64(c.Sockets) {
		key, l.Of = "report.code.all", c.Sockets
		for state := range c.ByState {
			if len(c.ByState) == 1 {
				l.State = state
			}
		}
	}
	for _, row := range c.Code {
		l.Mixed = l.Mixed || row.Call != c.Code[0].Call
	}
	out := make([]string, 0, len(c.Code))
	for _, row := range c.Code {
		l.File = row.Function != "" && row.File != ""
		l.Place, l.Count, l.Call, l.Failed, l.Grew = p.codePlace(row), row.Sockets, row.Call, row.Failed, row.Grew
		out = append(out, p.word(key, l))
	}
	return out
}

// codePlace is a line of code, as short as a reader can still find it: names come
// from the binaries of others.
func (p *printer) codePlace(row diagnose.Code) string {
	return p.word("report.code.place", struct {
		Function, File, Gap string
		Line                int
	}{shorten(host.Printable(shortFunction(string(row.Function))), min(60, p.width-2*labelWidth)),
		shorten(host.Printable(shortPath(string(row.File))), 30), p.gap(row.Gap), int(row.Line)})
}

// gap says in the reader's language why there is no line. What has no word of its
// own ("jit", and what a later version calls a gap) stays as it is.
func (p *printer) gap(gap string) string {
	if s, err := p.book.Word("report.gap."+strings.ReplaceAll(gap, " ", "-"), nil); err == nil {
		return s
	}
	return host.Printable(gap)
}

// shortFunction leaves the last element of a Go function's import path:
// "example.org/shop/dao.(*Dao).Query" is "dao.(*Dao).Query".
func shortFunction(name string) string {
	path := name
	if i := strings.IndexAny(path, "([<"); i >= 0 {
		path = path[:i]
	}
	if last := name[strings.LastIndexByte(path, '/')+1:]; last != "" { // "Ratio::operator/"
		return last
	}
	return name
}

// shortPath leaves a file and its folder.
func shortPath(path string) string {
	path = strings.ReplaceAll(path, `\`, "/")
	file := strings.LastIndexByte(path, '/')
	if file < 0 {
		return path
	}
	return path[strings.LastIndexByte(path[:file], '/')+1:]
}
