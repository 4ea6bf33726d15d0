package cli

import (
	"fmt"
	"strings"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
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
