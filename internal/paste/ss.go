package paste

import (
	"bytes"

	"sockeye/internal/tcp"
)

// ssKinds are what iproute2's ss writes: its table, and the summary of ss -s.
// The file of ss -D is no text: see readDump.
var ssKinds = []kind{
	{name: ssName, commented: true, begins: ssBegins, open: func() reader { return &ssTable{} }},
	{name: "ss -s", commented: true, begins: ssSummaryBegins, open: func() reader { return &ssSummary{} }},
}

const (
	ssName = "ss"
	// ssWrapMin is the narrowest terminal that lines are taken to be broken by.
	ssWrapMin = 60
	// ssRowMax is how long a row that is put together again may become.
	ssRowMax = 8 << 10
)

// ssTable reads ss's table. One socket may take several lines: ss itself writes
// measurements below the row, and terminals break rows anywhere.
type ssTable struct {
	begun bool
	asked ssAsked
	shape ssShape
	after ssAfter    // what the last line was
	facts ssFacts    // of the last row
	prev  []byte     // the last line that was understood, with what it was joined of
	width int        // bytes of the last line as it stood in the text
	infos []tcp.Info // spare room, handed out one by one

	unknown bool // a row whose state nothing tells
	owned   bool // somebody's name stood behind a row
	bare    bool // a row that has an owner for certain had none
	multi   bool // rows of MPTCP were passed over
	torn    bool // a row's end never came
}

// ssAfter is what a line can belong to.
type ssAfter uint8

const (
	afterNothing ssAfter = iota
	afterHeading
	afterRow   // of a TCP socket: it is the builder's last
	afterOther // a row that gives no socket: UDP, UNIX…
	afterInfo  // attributes on a line of their own
	afterPart  // the beginning of a row
)

// ssBegins: ss's heading, or a row that only ss writes.
func ssBegins(line []byte) bool {
	line = bytes.TrimLeft(line, " \t")
	if len(line) < 8 {
		return false
	}
	switch c := line[0]; {
	case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9':
	default:
		return false
	}
	if _, ok := ssHeading(line); ok {
		return true
	}
	row, found := ssSplit(line, ssShape{bare: line[0] <= '9', unheaded: true})
	return found == ssWhole && (row.stated && row.queued || ssNumeric(row.local) && ssNumeric(row.remote))
}

func (t *ssTable) begin(b *builder) {
	if !t.begun {
		t.begun = true
		t.asked = ssLastAsked(b.commands)
		b.os("linux")
	}
}

func (t *ssTable) read(line []byte, b *builder) verdict {
	t.begin(b)
	text := bytes.TrimLeft(line, " \t")
	if len(text) == 0 {
		return skipped
	}
	if shape, ok := ssHeading(text); ok {
		t.next(b)
		t.shape, t.after = shape, afterHeading
		return skipped
	}
	if t.after == afterHeading && ssHeadingRest(text) {
		return skipped
	}
	shape := t.shape
	if t.after == afterNothing {
		shape = ssShape{bare: text[0] <= '9', unheaded: true}
		t.shape = shape
	}
	row, found := ssSplit(text, shape)
	if found == ssWhole || found == ssBroken {
		t.next(b)
		if !t.add(&row, b) {
			return bad
		}
		t.keep(line, line)
		return ssVerdict(t.after)
	}
	if found != ssPart || !row.stated {
		if v := t.more(line, text, b); v != foreign {
			return v
		}
	}
	if found == ssPart {
		t.next(b)
		t.after = afterPart
		t.keep(line, line)
		return skipped
	}
	return foreign
}

func ssVerdict(a ssAfter) verdict {
	if a == afterRow {
		return row
	}
	return skipped
}

// keep remembers a line for the next one, which may be its rest.
func (t *ssTable) keep(text, line []byte) {
	t.prev = append(t.prev[:0], text[:min(len(text), ssRowMax)]...)
	t.width = len(line)
}

// next ends the row that was being read.
func (t *ssTable) next(b *builder) {
	t.torn = t.torn || t.after == afterPart // its end never came
	t.settle(b)
	t.facts.reset()
	t.after = afterOther
}

// add makes a socket of a row. false: its addresses or numbers make no sense.
func (t *ssTable) add(r *ssRow, b *builder) bool {
	protocol := t.protocolOf(r)
	if protocol == ssOther || protocol == ssMPTCP {
		t.multi = t.multi || protocol == ssMPTCP
		t.after = afterOther
		return true
	}
	local, mapped1, ok1 := ssEndpoint(r.local, b.ports)
	remote, mapped2, ok2 := ssEndpoint(r.remote, b.ports)
	if !ok1 || !ok2 {
		t.after = afterOther
		return false
	}
	listening := ssAnyPort(r.remote)
	switch {
	case protocol == ssUDP:
		b.udp++
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
		b.socket(s)
		t.after = afterRow
	}
	t.facts.read(r.rest, b)
	t.apply(b)
	return true
}

// protocolOf: where one protocol alone was asked for there is no Netid column.
// UNCONN is UDP's then, for ss does not list TCP sockets that do nothing.
func (t *ssTable) protocolOf(r *ssRow) ssProtocol {
	switch {
	case r.protocol != ssUnsaid:
		return r.protocol
	case t.asked.only != ssUnsaid:
		return t.asked.only
	case r.unconnected:
		return ssUDP
	}
	return ssTCP
}

// stateOf: where one state alone was asked for there is no State column.
func (t *ssTable) stateOf(r *ssRow, listening bool) tcp.State {
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

func (t *ssTable) close(b *builder) {
	t.next(b)
	if t.torn {
		b.cannot("paste-lines-bad", ssName)
	}
	if t.unknown {
		b.cannot("paste-states-unknown", ssName)
	}
	if t.owned && t.bare {
		b.cannot("ss-owners-hidden", "")
	}
	if t.multi {
		b.cannot("ss-mptcp-passed-over", "")
	}
	if t.asked.chosen() {
		b.cannot("paste-filtered", t.asked.command)
	} else if t.asked.leavesOut() {
		b.cannot("ss-states-left-out", t.asked.command)
	}
}
