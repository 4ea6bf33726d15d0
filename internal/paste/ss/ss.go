package ss

import (
	"bytes"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// Kinds are what iproute2's ss writes: its table, and the summary of ss -s.
// The file of ss -D is no text: see ReadDump.
var Kinds = []form.Kind{
	{Name: programName, Commented: true, Begins: begins, Open: func() form.Reader { return &table{} }},
	{Name: "ss -s", Commented: true, Begins: summaryBegins, Open: func() form.Reader { return &summary{} }},
}

const (
	programName = "ss"
	// wrapMin is the narrowest terminal that lines are taken to be broken by.
	wrapMin = 60
	// rowMax is how long a row that is put together again may become.
	rowMax = 8 << 10
)

// table reads ss's table. One socket may take several lines: ss itself writes
// measurements below the row, and terminals break rows anywhere.
type table struct {
	begun bool
	asked request
	shape announced
	after lastLine   // what the last line was
	facts facts      // of the last row
	prev  []byte     // the last line that was understood, with what it was joined of
	width int        // bytes of the last line as it stood in the text
	infos []tcp.Info // spare room, handed out one by one

	unknown bool // a row whose state nothing tells
	owned   bool // somebody's name stood behind a row
	bare    bool // a row that has an owner for certain had none
	multi   bool // rows of MPTCP were passed over
	torn    bool // a row's end never came
}

// lastLine is what a line can belong to.
type lastLine uint8

const (
	afterNothing lastLine = iota
	afterHeading
	afterRow   // of a TCP socket: it is the builder's last
	afterOther // a row that gives no socket: UDP, UNIX…
	afterInfo  // attributes on a line of their own
	afterPart  // the beginning of a row
)

// begins: ss's heading, or a row that only ss writes.
func begins(line []byte) bool {
	line = bytes.TrimLeft(line, " \t")
	if len(line) < 8 {
		return false
	}
	switch c := line[0]; {
	case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9':
	default:
		return false
	}
	if _, ok := heading(line); ok {
		return true
	}
	row, found := split(line, announced{bare: line[0] <= '9', unheaded: true})
	return found == wholeRow && (row.stated && row.queued || numeric(row.local) && numeric(row.remote))
}

func (t *table) begin(b *form.Builder) {
	if !t.begun {
		t.begun = true
		t.asked = lastAsked(b.Commands)
		b.OS("linux")
	}
}

func (t *table) Read(line []byte, b *form.Builder) form.Verdict {
	t.begin(b)
	text := bytes.TrimLeft(line, " \t")
	if len(text) == 0 {
		return form.Skipped
	}
	if shape, ok := heading(text); ok {
		t.next(b)
		t.shape, t.after = shape, afterHeading
		return form.Skipped
	}
	if t.after == afterHeading && headingRest(text) {
		return form.Skipped
	}
	shape := t.shape
	if t.after == afterNothing {
		shape = announced{bare: text[0] <= '9', unheaded: true}
		t.shape = shape
	}
	row, found := split(text, shape)
	if found == wholeRow || found == brokenRow {
		t.next(b)
		if !t.add(&row, b) {
			return form.Bad
		}
		t.keep(line, line)
		return verdict(t.after)
	}
	if found != partRow || !row.stated {
		if v := t.more(line, text, b); v != form.Foreign {
			return v
		}
	}
	if found == partRow {
		t.next(b)
		t.after = afterPart
		t.keep(line, line)
		return form.Skipped
	}
	return form.Foreign
}

func verdict(a lastLine) form.Verdict {
	if a == afterRow {
		return form.Row
	}
	return form.Skipped
}

// keep remembers a line for the next one, which may be its rest.
func (t *table) keep(text, line []byte) {
	t.prev = append(t.prev[:0], text[:min(len(text), rowMax)]...)
	t.width = len(line)
}

// next ends the row that was being read.
func (t *table) next(b *form.Builder) {
	t.torn = t.torn || t.after == afterPart // its end never came
	t.settle(b)
	t.facts.reset()
	t.after = afterOther
}

// add makes a socket of a row. false: its addresses or numbers make no sense.
func (t *table) add(r *columns, b *form.Builder) bool {
	protocol := t.protocolOf(r)
	if protocol == overOther || protocol == overMPTCP {
		t.multi = t.multi || protocol == overMPTCP
		t.after = afterOther
		return true
	}
	local, mapped1, ok1 := endpoint(r.local, b.Ports)
	remote, mapped2, ok2 := endpoint(r.remote, b.Ports)
	if !ok1 || !ok2 {
		t.after = afterOther
		return false
	}
	listening := anyPort(r.remote)
	switch {
	case protocol == overUDP:
		b.UDP++
		t.facts.udp = true
		t.after = afterOther
	case r.unconnected && !listening:
		t.after = afterOther // ss -E tells that it is gone
		return true
	default:
		s := tcp.Socket{Local: local, RecvQ: r.recvq, SendQ: r.sendq, V4Mapped: mapped1 || mapped2, State: t.stateOf(r, listening)}
		if s.State == tcp.Bound {
			s.Port = tcp.PortBound
		}
		if s.State.Connected() || s.State == tcp.Unknown {
			s.Remote = remote
		}
		b.Socket(s)
		t.after = afterRow
	}
	t.facts.read(r.rest, b)
	t.apply(b)
	return true
}

// protocolOf: where one protocol alone was asked for there is no Netid column.
// UNCONN is UDP's then, for ss does not list TCP sockets that do nothing.
func (t *table) protocolOf(r *columns) transport {
	switch {
	case r.protocol != unsaid:
		return r.protocol
	case t.asked.only != unsaid:
		return t.asked.only
	case r.unconnected:
		return overUDP
	}
	return overTCP
}

// stateOf: where one state alone was asked for there is no State column.
func (t *table) stateOf(r *columns, listening bool) tcp.State {
	switch {
	case r.unconnected:
		return tcp.Bound // ss -B
	case r.stated:
		return r.state
	case t.asked.state != tcp.Unknown:
		return t.asked.state
	case listening:
		return tcp.Listen
	}
	return tcp.Unknown // until a timer tells
}

func (t *table) Close(b *form.Builder) {
	t.next(b)
	if t.torn {
		b.Cannot("paste-lines-bad", programName)
	}
	if t.unknown {
		b.Cannot("paste-states-unknown", programName)
	}
	if t.owned && t.bare {
		b.Cannot("ss-owners-hidden", "")
	}
	if t.multi {
		b.Cannot("ss-mptcp-passed-over", "")
	}
	if t.asked.chosen() {
		b.Cannot("paste-filtered", t.asked.command)
	} else if t.asked.leavesOut() {
		b.Cannot("ss-states-left-out", t.asked.command)
	}
}
