package paste

import "bytes"

// more reads a line that is no row: the rest of the one before it, or what ss
// writes below a row.
func (t *ssTable) more(line, text []byte, b *builder) verdict {
	switch t.after {
	case afterNothing, afterHeading:
		return foreign
	case afterPart:
		for _, between := range []string{" ", ""} {
			if t.joined(line, between, b) {
				return ssVerdict(t.after)
			}
		}
		return foreign
	}
	wrapped := t.width >= ssWrapMin
	if t.facts.open && wrapped && t.joined(line, "", b) {
		return skipped
	}
	indented := len(text) < len(line)
	if ssSpeaks(text, indented) {
		t.facts.read(text, b)
		t.apply(b)
		if t.after == afterRow {
			t.after = afterInfo
		}
		t.keep(text, line)
		return skipped
	}
	if !indented && wrapped && t.joined(line, "", b) {
		return skipped
	}
	return foreign
}

// joined puts a line behind the one before it and reads both as one; false, and
// nothing is changed, when that makes no sense.
func (t *ssTable) joined(line []byte, between string, b *builder) bool {
	if len(t.prev)+len(line) > ssRowMax {
		return false
	}
	whole := append(append(append([]byte(nil), t.prev...), between...), line...)
	text := bytes.TrimLeft(whole, " \t")
	seam := len(text) - len(line)
	if t.after == afterInfo {
		if !ssGoesOn(text[ssLastWord(text, seam):]) {
			return false
		}
		t.facts.read(text, b)
		t.apply(b)
		t.keep(whole, line)
		return true
	}
	row, found := ssSplit(text, t.shape)
	if found != ssWhole || t.after != afterPart && !t.fits(&row, seam-(len(text)-len(row.rest))) {
		return false
	}
	switch t.after { // it is read anew
	case afterRow:
		b.unlast()
	case afterOther:
		if t.facts.udp {
			b.udp--
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
func (t *ssTable) fits(r *ssRow, seam int) bool {
	if seam <= 0 { // the port was broken in two
		word, _ := ssWord(r.rest)
		return ssNumeric(r.remote) && (len(word) == 0 || ssKnown(word))
	}
	if !t.facts.open {
		return ssGoesOn(r.rest[ssLastWord(r.rest, seam):])
	}
	var f ssFacts
	f.read(r.rest, nil)
	return !f.open || len(f.owners) > len(t.facts.owners)
}
