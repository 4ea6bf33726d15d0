package netstat

import (
	"bytes"
	"net/netip"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// plainTable reads rows without queues: "TCP local foreign STATE [pid …]", as
// Windows prints them, and as awk leaves the rows of other systems. Behind a row
// Windows may name, with -b, the component and the program that own it.
type plainTable struct {
	tidier
	form.RowWords
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

// windowsName is what blind spots call this kind of text.
const windowsName = "netstat (Windows)"

func (t *plainTable) Read(line []byte, b *form.Builder) form.Verdict {
	if !t.started {
		t.started, t.from, t.asked = true, len(b.Sockets), form.WindowsAsked(b)
	}
	v := t.take(line, b)
	switch {
	case v == form.Bad:
		t.bad = true
	case v != form.Foreign && t.rows == 0 && len(t.before) < headingsMost:
		t.before = append(t.before, bytes.Clone(line))
	}
	return v
}

// headingsMost bounds the lines before the first row.
const headingsMost = 16

func (t *plainTable) take(line []byte, b *form.Builder) form.Verdict {
	line = t.tidy(line)
	t.Cut(line, 6)
	if t.N == 0 {
		return form.Skipped
	}
	line = t.mended(line)
	if at := protocolAt(&t.RowWords); at >= 0 && t.N > at+1 && looksEnd(t.Word[at+1]) {
		t.torn = t.torn || len(t.held) > 0
		t.held = t.held[:0]
		return t.begin(line, at, b)
	}
	if len(t.held) > 0 {
		if v := t.joined(line, b); v != form.Foreign {
			return v
		}
	}
	return t.aside(line, b)
}

func (t *plainTable) begin(line []byte, at int, b *form.Builder) form.Verdict {
	p := protocolOf(t.Word[at])
	if t.N < at+3 || !looksEnd(t.Word[at+2]) || (t.N < at+4 && p != overUDP && !without(t.Word[at+2], netip.AddrPort{})) {
		t.held = append(t.held[:0], line[:min(len(line), 400)]...)
		return form.Skipped
	}
	return t.row(line, at, p, b)
}

// joined puts a line behind the beginning of a row; foreign when that is no row.
func (t *plainTable) joined(line []byte, b *form.Builder) form.Verdict {
	held := t.held
	t.held = t.held[:0]
	if len(line) > 200 {
		return form.Foreign
	}
	whole := t.whole(held, bytes.TrimSpace(line))
	t.Cut(whole, 6)
	at := protocolAt(&t.RowWords)
	if at < 0 || t.N < at+3 || !looksEnd(t.Word[at+2]) {
		return form.Foreign
	}
	return t.row(whole, at, protocolOf(t.Word[at]), b)
}

func (t *plainTable) row(line []byte, at int, p protocol, b *form.Builder) form.Verdict {
	if p == overOther {
		return form.Skipped
	}
	near, far := t.Word[at+1], t.Word[at+2]
	local, mapped, isDotted, ok := anEnd(near, p == overTCP6, b.Ports)
	remote, mapped2, _, ok2 := anEnd(far, p == overTCP6, b.Ports)
	if !ok || !ok2 {
		return form.Bad
	}
	t.start(t.Word[at], isDotted, b)
	t.rows++
	word, name, pid, told := t.behind(line[t.End[at+2]:])
	t.pid, t.named, t.components, t.lastUDP = owner(b, pid, name), len(name) > 0, 0, p == overUDP
	if p == overUDP {
		ownsUDP(b, t.pid)
		return form.Row
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
	b.Socket(s)
	return form.Row
}

// start tells the builder of the table, once it is certain that there is one.
func (t *plainTable) start(proto []byte, isDotted bool, b *form.Builder) {
	if t.begun {
		return
	}
	t.begun = true
	t.words.first = len(b.Sockets)
	if !isDotted && (string(proto) == "TCP" || string(proto) == "UDP") {
		b.OS("windows") // nobody else writes the protocol in capitals
	}
}

// Refused: a title and a heading without a single row are no table.
func (t *plainTable) Refused() [][]byte {
	if t.rows > 0 || t.bad || len(t.held) > 0 {
		return nil
	}
	return t.before
}

func (t *plainTable) Close(b *form.Builder) {
	switch {
	case len(t.held) > 0: // the text ends within a row
		b.Cannot("paste-cut", windowsName)
	case t.torn:
		b.Cannot("paste-lines-bad", windowsName)
	}
	if t.asked != "" {
		b.Cannot("paste-filtered", t.asked)
	}
	t.words.settle(b)
	form.DropDoubleBound(b, t.from)
}
