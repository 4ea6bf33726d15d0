package viewer

import (
	"bytes"

	"sockeye/internal/paste/form"
)

// tableWidest bounds how many columns are looked at.
const tableWidest = 48

// layout is how a heading says that the rows below it are laid out.
type layout struct {
	divider byte // ',', tab…; 0: the columns are kept by blanks
	columns []column
	spans   []form.Span // of the headings, where blanks keep the columns
	has     [columns]bool
}

// maybeHeading says quickly no to nearly every line of a log: a heading has no
// digits, and one of few words.
func maybeHeading(line []byte) bool {
	if len(line) < 12 || len(line) > 2000 {
		return false
	}
	for _, c := range line {
		if c >= '0' && c <= '9' {
			return false
		}
	}
	for _, word := range headingMarks {
		if bytes.Contains(line, word) {
			return true
		}
	}
	return false
}

// headingMarks: one of them is in every heading that layoutOf accepts.
var headingMarks = [][]byte{
	[]byte("ocal"), []byte("okal"), []byte("OCAL"), []byte("addr"), []byte("ource"), []byte("src"), []byte("本"), []byte("ローカル"), []byte("окальн"), []byte("로컬"),
}

// layoutOf reads a heading; nil when it is none of a table that lists sockets.
func layoutOf(line []byte) *layout {
	if !maybeHeading(line) {
		return nil
	}
	l := cutHeading(line)
	ends := l.has[localColumn] || l.has[localPortColumn]
	switch {
	case !ends || len(l.columns) < 3:
		return nil
	case l.divider == ',' || l.divider == ';' || l.divider == '|':
		if l.has[remoteColumn] || l.has[remotePortColumn] || l.has[protocolColumn] {
			return l
		}
	case l.divider == 0 && !l.has[localPortColumn] && !l.sockstat(), l.columns[0] == protocolColumn && !l.has[localPortColumn]:
		return nil // netstat's and ss's: blanks, and an address with its port
	case l.has[remoteColumn]:
		return l
	}
	return nil
}

// sockstat recognises FreeBSD's: USER COMMAND PID FD PROTO LOCAL ADDRESS FOREIGN ADDRESS.
func (l *layout) sockstat() bool {
	return l.columns[0] == userColumn && l.columns[1] == processColumn && l.columns[2] == pidColumn && l.has[protocolColumn]
}

func dividerOf(line []byte) byte {
	for _, c := range []byte{'\t', ',', ';', '|'} {
		if bytes.Count(line, []byte{c}) >= 2 {
			return c
		}
	}
	return 0
}

func cutHeading(line []byte) *layout {
	l := &layout{divider: dividerOf(line)}
	var words [tableWidest]form.Span
	if l.divider == 0 {
		l.cutAligned(line, words[:form.CutWords(line, words[:])])
	} else {
		for _, w := range words[:form.CutFields(line, l.divider, words[:])] {
			l.add(columnOf(line[w.From:w.To]), w)
		}
	}
	return l
}

func (l *layout) add(c column, at form.Span) {
	if l.has[c] {
		c = otherColumn // the first of its kind is meant
	}
	l.columns, l.spans = append(l.columns, c), append(l.spans, at)
	l.has[c] = c != otherColumn
}

// cutAligned cuts a heading that blanks keep apart. A column's name may be two
// words ("Local Address", "Adresse locale"); the blank within is one.
func (l *layout) cutAligned(line []byte, words []form.Span) {
	for i := 0; i < len(words); i++ {
		at, c := words[i], columnOf(line[words[i].From:words[i].To])
		for more := 1; more <= 2 && i+more < len(words) && words[i+more].From == words[i+more-1].To+1; more++ {
			both := form.Span{From: words[i].From, To: words[i+more].To}
			cc := columnOf(line[both.From:both.To])
			if cc == otherColumn || cc == c && !suffix(line[words[i+more].From:words[i+more].To]) || c != otherColumn && cc != c && !suffix(line[words[i+more].From:words[i+more].To]) {
				continue
			}
			at, c = both, cc
			i += more
			break
		}
		l.add(c, at)
	}
}

// suffix: words that end a heading of two words.
func suffix(word []byte) bool {
	switch foldHeading(word) {
	case "name", "id", "address", "port", "path", "host", "ip":
		return true
	}
	return false
}

// headedTable reads the rows below a heading.
type headedTable struct {
	seen
	layout  *layout
	windows bool // only Windows has what writes this
	asked   string
}

func (t *headedTable) Read(line []byte, into *form.Builder) form.Verdict {
	t.hold(line)
	if t.layout == nil {
		t.asked = form.WindowsAsked(into)
		if bytes.HasPrefix(line, []byte("#TYPE")) {
			return form.Skipped
		}
		if t.layout = layoutOf(line); t.layout == nil {
			return form.Foreign
		}
		return form.Skipped
	}
	trimmed := bytes.TrimSpace(line)
	if len(trimmed) == 0 || ruler(trimmed) {
		return form.Skipped
	}
	var s sighting
	if t.layout.divider != 0 {
		return t.divided(line, &s, into)
	}
	t.layout.aligned(line, &s)
	if !s.plausible() {
		s = sighting{}
		if !byShape(line, &s, t.layout) {
			if maybeHeading(line) && layoutOf(line) != nil {
				return form.Skipped // printed again
			}
			return form.Foreign
		}
	}
	return t.row(&s, into)
}

func (t *headedTable) row(s *sighting, into *form.Builder) form.Verdict {
	if t.windows {
		into.OS("windows")
	}
	return t.give(s, into)
}

// divided reads a row whose fields a character divides.
func (t *headedTable) divided(line []byte, s *sighting, into *form.Builder) form.Verdict {
	var words [tableWidest]form.Span
	n := form.CutFields(line, t.layout.divider, words[:])
	for i, w := range words[:min(n, len(t.layout.columns))] {
		s[t.layout.columns[i]] = line[w.From:w.To]
	}
	s[otherColumn] = nil
	switch {
	case n < 2 || n+2 < len(t.layout.columns) && !s.plausible():
		return form.Foreign
	case !s.plausible():
		if maybeHeading(line) && layoutOf(line) != nil {
			return form.Skipped
		}
		return form.Bad
	}
	return t.row(s, into)
}

func (t *headedTable) Close(into *form.Builder) {
	t.done(into)
	if t.asked != "" && t.begun {
		into.Cannot("paste-filtered", t.asked)
	}
	if t.windows {
		form.DropDoubleBound(into, t.from)
	}
}

// ruler is a line of dashes under a heading, of Markdown's too.
func ruler(line []byte) bool {
	return len(bytes.Trim(line, "-=|:+ \t")) == 0
}

// aligned reads a row whose columns stand below their headings: each word belongs
// to the heading that it stands under, whichever side it is aligned to.
func (l *layout) aligned(line []byte, s *sighting) {
	var words [tableWidest]form.Span
	n := form.CutWords(line, words[:])
	if n == len(l.columns) {
		for i, w := range words[:n] {
			s[l.columns[i]] = line[w.From:w.To]
		}
		s[otherColumn] = nil
		if s.plausible() {
			return
		}
		*s = sighting{}
	}
	at := 0
	var taken [tableWidest]form.Span
	for _, w := range words[:n] {
		for at+1 < len(l.spans) && (l.spans[at].To <= w.From || l.spans[at+1].From < w.To && taken[at].To > 0 && l.spans[at+1].From <= w.From) {
			at++
		}
		if taken[at].To == 0 {
			taken[at] = w
		} else {
			taken[at].To = w.To // a name of two words
		}
	}
	for i, c := range l.columns {
		if c != otherColumn && taken[i].To > 0 {
			s[c] = line[taken[i].From:taken[i].To]
		}
	}
}

// plausible tells whether a row has what a row must have: words are where
// addresses are expected, numbers or services where ports are.
func (s *sighting) plausible() bool {
	if s[protocolColumn] != nil && !isProtocol(s[protocolColumn]) || !looksPort(s[localPortColumn]) || !looksPort(s[remotePortColumn]) {
		return false
	}
	if pid := s[pidColumn]; len(pid) > 0 && !form.IsNumber(pid) && !none(pid) {
		return false
	}
	if len(s[localPortColumn]) == 0 && bytes.IndexByte(s[localColumn], ':') < 0 && !isUDP(s[protocolColumn]) {
		return false
	}
	if local := s[localColumn]; len(local) > 2 && local[len(local)-1] == ':' && local[len(local)-2] != ':' {
		return false // "java.net.SocketException: …"
	}
	if state := s[stateColumn]; len(s[localPortColumn]) > 0 && len(s[localColumn]) == 0 || len(state) > 0 && (state[0] == '.' || state[0] == ':') {
		return false
	}
	return bytes.IndexByte(s[localColumn], ' ') < 0 && bytes.IndexByte(s[remoteColumn], ' ') < 0
}

// looksPort: a number, nothing, or a service's name.
func looksPort(word []byte) bool {
	if none(word) || form.IsNumber(word) {
		return true
	}
	return len(word) <= 40 && !bytes.ContainsAny(word, " .:/\\[")
}

func isProtocol(word []byte) bool {
	if len(word) < 3 || len(word) > 6 {
		return len(word) == 0
	}
	switch {
	case bytes.EqualFold(word[:3], []byte("tcp")), bytes.EqualFold(word[:3], []byte("udp")):
		return len(word) == 3 || bytes.IndexByte([]byte("v46V"), word[3]) >= 0
	}
	return len(word) >= 3 && bytes.EqualFold(word[:3], []byte("raw")) || bytes.EqualFold(word, []byte("icmp"))
}

func isUDP(word []byte) bool { return len(word) >= 3 && bytes.EqualFold(word[:3], []byte("udp")) }
