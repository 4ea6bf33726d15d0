package ss

import (
	"bytes"

	"sockeye/internal/paste/form"
)

// more reads a line that is no row: the rest of the one before it, or what ss
// writes below a row.
func (t *table) more(line, text []byte, b *form.Builder) form.Verdict {
	switch t.after {
	case afterNothing, afterHeading:
		return form.Foreign
	case afterPart:
		for _, between := range []string{" ", ""} {
			if t.joined(line, between, b) {
				return verdict(t.after)
			}
		}
		return form.Foreign
	}
	wrapped := t.width >= wrapMin
	if t.facts.open && wrapped && t.joined(line, "", b) {
		return form.Skipped
	}
	indented := len(text) < len(line)
	if speaks(text, indented) {
		t.facts.read(text, b)
		t.apply(b)
		if t.after == afterRow {
			t.after = afterInfo
		}
		t.keep(text, line)
		return form.Skipped
	}
	if !indented && wrapped && t.joined(line, "", b) {
		return form.Skipped
	}
	return form.Foreign
}

// joined puts a line behind the one before it and reads both as one; false, and
// nothing is changed, when that makes no sense.
func (t *table) joined(line []byte, between string, b *form.Builder) bool {
	if len(t.prev)+len(line) > rowMax {
		return false
	}
	whole := append(append(append([]byte(nil), t.prev...), between...), line...)
	text := bytes.TrimLeft(whole, " \t")
	seam := len(text) - len(line)
	if t.after == afterInfo {
		if !goesOn(text[lastWord(text, seam):]) {
			return false
		}
		t.facts.read(text, b)
		t.apply(b)
		t.keep(whole, line)
		return true
	}
	row, found := split(text, t.shape)
	if found != wholeRow || t.after != afterPart && !t.fits(&row, seam-(len(text)-len(row.rest))) {
		return false
	}
	switch t.after { // it is read anew
	case afterRow:
		b.Unlast()
	case afterOther:
		if t.facts.udp {
			b.UDP--
		}
	}
	t.facts.reset()
	if !t.add(&row, b) {
		return false
	}
	t.keep(whole, line)
	return true
}

// fits tells whether a row that was whole makes sense with a line behind it; seam
// is where that line begins in the row's rest. A line that is somebody else's
// must not be taken for it.
func (t *table) fits(r *columns, seam int) bool {
	if seam <= 0 { // the port was broken in two
		word, _ := cutWord(r.rest)
		return numeric(r.remote) && (len(word) == 0 || known(word))
	}
	if !t.facts.open {
		return goesOn(r.rest[lastWord(r.rest, seam):])
	}
	var f facts
	f.read(r.rest, nil)
	return !f.open || len(f.owners) > len(t.facts.owners)
}
