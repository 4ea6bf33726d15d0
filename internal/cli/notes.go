package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp/filter"
)

// note is a blind spot in words.
type note struct{ what, why, remedy string }

// notesOf puts a snapshot's blind spots into words. A code that the book has no
// words for is told by itself: nothing is silently missing.
func notesOf(sn *host.Snapshot, book *knowledge.Book) []note {
	var notes []note
	for _, b := range sn.BlindSpots {
		b.Subject, b.Err = host.Printable(b.Subject), host.Printable(b.Err)
		word := func(part string) (string, bool) {
			s, err := book.Word("blind."+b.Code+"."+part, b)
			return s, err == nil
		}
		var n note
		var ok bool
		if n.what, ok = word("what"); !ok {
			n.what = strings.TrimSpace(strings.ReplaceAll(b.Code, "-", " ") + " " + b.Subject)
		}
		if n.why, ok = word("why"); !ok {
			n.why = b.Err
		}
		n.remedy, _ = word("remedy")
		notes = append(notes, n)
	}
	return notes
}

// printNotes says on stderr what was not seen, one short line each.
func printNotes(app App, lang string, notes []note) {
	label, separator := "note: ", ": "
	if lang == "zh" {
		label, separator = "注意：", "："
	}
	for _, n := range notes {
		line := label + oneLine(n.what)
		if n.why != "" {
			line += separator + oneLine(n.why)
		}
		fmt.Fprintln(app.Stderr, line)
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// appendNotesJSON appends blind_spots as the report contract spells them.
func appendNotesJSON(dst []byte, notes []note) []byte {
	dst = append(dst, '[')
	for i, n := range notes {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendTextJSON(append(dst, `{"what":`...), n.what)
		dst = appendTextJSON(append(dst, `,"why":`...), n.why)
		dst = append(appendTextJSON(append(dst, `,"remedy":`...), n.remedy), '}')
	}
	return append(dst, ']')
}

// printLeft says which columns the terminal has no room for.
func (p *picked) printLeft(app App) {
	if len(p.left) == 0 {
		return
	}
	text := "no room for " + strings.Join(p.left, ", ") + ": widen the terminal, or take --wide"
	if p.lang == "zh" {
		text = "终端太窄，没有显示 " + strings.Join(p.left, "、") + "；请加宽终端或使用 --wide"
	}
	printNotes(app, p.lang, []note{{what: text}})
}

// missNamespace prepares a hint for who asks for a namespace that is not there.
func (p *picked) missNamespace(e filter.Expr) {
	var names []string
	for _, ns := range p.sn.Namespaces {
		if ns.Name != "" {
			names = append(names, ns.Name)
		}
	}
	for _, want := range filter.Values(e, "netns") {
		inode, err := strconv.ParseUint(want, 10, 64)
		if err == nil && p.namespaces[inode] != nil || slices.Contains(names, want) {
			continue
		}
		const few = 8
		if len(names) > few {
			names = append(names[:few], "…")
		}
		p.hint = noNamespace(p.lang == "zh", want, err == nil, names)
		return
	}
}

func noNamespace(zh bool, want string, numeric bool, names []string) string {
	var text, more string
	switch {
	case zh:
		text = fmt.Sprintf("所查看的网络命名空间中没有 %s", want)
	case numeric:
		text = "no network namespace that was looked into has the inode " + want
	default:
		text = "no network namespace that was looked into is called " + want
	}
	switch {
	case numeric && zh:
		more = "；进程号请用 --netns"
	case numeric:
		more = "; a PID is for --netns"
	case len(names) > 0 && zh:
		more = "；已有名称：" + strings.Join(names, "、")
	case len(names) > 0:
		more = "; names are " + strings.Join(names, ", ")
	case zh:
		more = "；它们都没有名称（见 ip netns list）"
	default:
		more = "; none has a name, as 'ip netns add' gives one"
	}
	return text + more
}
