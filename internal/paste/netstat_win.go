package paste

import (
	"bytes"
	"net/netip"

	"sockeye/internal/tcp"
)

// plainTable reads rows without queues: "TCP local foreign STATE [pid …]", as
// Windows prints them, and as awk leaves the rows of other systems. Behind a row
// Windows may name, with -b, the component and the program that own it.
type plainTable struct {
	tidier
	rowWords
	words stateWords

	from       int // sockets before this part
	started    bool
	held       []byte // the beginning of a row that goes on in the next line
	begun      bool
	rows       uint64
	bad        bool
	before     [][]byte // title and headings, until the first row
	asked      string   // the command that asked for part of the sockets only
	torn       bool     // the beginning of a row went on nowhere
	noPID      bool     // the heading has no column of pids
	pid        int32    // owner of the last row by its number, 0 unknown
	named      bool     // the last row's owner has been named
	lastUDP    bool     // the last row was a UDP socket
	components int      // lines since the last row that are no row
	programs   bool     // "[program]" lines were seen: this is -b
}

// windowsNetstat is what blind spots call this kind of text.
const windowsNetstat = "netstat (Windows)"

func (t *plainTable) read(line []byte, b *builder) verdict {
	if !t.started {
		t.started, t.from, t.asked = true, len(b.sockets), windowsAsked(b)
	}
	v := t.take(line, b)
	switch {
	case v == bad:
		t.bad = true
	case v != foreign && t.rows == 0 && len(t.before) < headingsMost:
		t.before = append(t.before, bytes.Clone(line))
	}
	return v
}

// headingsMost bounds the lines before the first row.
const headingsMost = 16

func (t *plainTable) take(line []byte, b *builder) verdict {
	line = t.tidy(line)
	t.cut(line, 6)
	if t.n == 0 {
		return skipped
	}
	line = t.mended(line)
	if at := t.protocolAt(); at >= 0 && t.n > at+1 && looksEnd(t.word[at+1]) {
		t.torn = t.torn || len(t.held) > 0
		t.held = t.held[:0]
		return t.begin(line, at, b)
	}
	if len(t.held) > 0 {
		if v := t.joined(line, b); v != foreign {
			return v
		}
	}
	return t.aside(line, b)
}

func (t *plainTable) begin(line []byte, at int, b *builder) verdict {
	p := protocolOf(t.word[at])
	if t.n < at+3 || !looksEnd(t.word[at+2]) || (t.n < at+4 && p != overUDP && !without(t.word[at+2], netip.AddrPort{})) {
		t.held = append(t.held[:0], line[:min(len(line), 400)]...)
		return skipped
	}
	return t.row(line, at, p, b)
}

// joined puts a line behind the beginning of a row; foreign when that is no row.
func (t *plainTable) joined(line []byte, b *builder) verdict {
	held := t.held
	t.held = t.held[:0]
	if len(line) > 200 {
		return foreign
	}
	whole := t.whole(held, bytes.TrimSpace(line))
	t.cut(whole, 6)
	at := t.protocolAt()
	if at < 0 || t.n < at+3 || !looksEnd(t.word[at+2]) {
		return foreign
	}
	return t.row(whole, at, protocolOf(t.word[at]), b)
}

func (t *plainTable) row(line []byte, at int, p protocol, b *builder) verdict {
	if p == overOther {
		return skipped
	}
	near, far := t.word[at+1], t.word[at+2]
	local, mapped, isDotted, ok := anEnd(near, p == overTCP6, b.ports)
	remote, mapped2, _, ok2 := anEnd(far, p == overTCP6, b.ports)
	if !ok || !ok2 {
		return bad
	}
	t.start(t.word[at], isDotted, b)
	t.rows++
	word, name, pid, told := t.behind(line[t.end[at+2]:])
	t.pid, t.named, t.components, t.lastUDP = owner(b, pid, name), len(name) > 0, 0, p == overUDP
	if p == overUDP {
		ownsUDP(b, t.pid)
		return row
	}
	s := tcp.Socket{Local: local, Remote: remote, PID: t.pid, V4Mapped: mapped || mapped2}
	nobody := without(far, remote)
	switch {
	case len(word) > 0:
		s.State = t.words.read(word, nobody)
	case nobody:
		s.State = tcp.Listen
	}
	if nobody && (s.State == tcp.Listen || s.State == tcp.Bound || s.State == tcp.Closed) {
		s.Remote = netip.AddrPort{}
	}
	t.words.saw(s.State, told, s.PID)
	b.socket(s)
	return row
}

// start tells the builder of the table, once it is certain that there is one.
func (t *plainTable) start(proto []byte, isDotted bool, b *builder) {
	if t.begun {
		return
	}
	t.begun = true
	t.words.first = len(b.sockets)
	if !isDotted && (string(proto) == "TCP" || string(proto) == "UDP") {
		b.os("windows") // nobody else writes the protocol in capitals
	}
}

// refused: a title and a heading without a single row are no table.
func (t *plainTable) refused() [][]byte {
	if t.rows > 0 || t.bad || len(t.held) > 0 {
		return nil
	}
	return t.before
}

func (t *plainTable) close(b *builder) {
	switch {
	case len(t.held) > 0: // the text ends within a row
		b.cannot("paste-cut", windowsNetstat)
	case t.torn:
		b.cannot("paste-lines-bad", windowsNetstat)
	}
	if t.asked != "" {
		b.cannot("paste-filtered", t.asked)
	}
	t.words.settle(b)
	dropDoubleBound(b, t.from)
}
