package netstat

import (
	"bytes"
	"net/netip"

	"sockeye/internal/paste/counted"
	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// unixTable reads what netstat of net-tools, BusyBox and toybox (Linux) and of
// macOS and the BSDs prints: "proto Recv-Q Send-Q local foreign state …". The
// dot before the port is BSD's, the colon Linux'.
type unixTable struct {
	tidier
	form.RowWords
	words stateWords
	seen  unixSeen

	section section // what is being listed
	held    []byte  // the beginning of a row that goes on in the next line
	tail    bool    // the last row may go on in the next line
	begun   bool    // the builder was told of this table
	rows    uint64
	after   int // lines between the complaint about owners and the heading
	asked   string
}

// section of netstat's output.
type section uint8

const (
	sockets  section = iota
	elsewise         // UNIX domain sockets, kernel events…: not ours
)

// unixSeen is what a table showed, for what can only be said at its end.
type unixSeen struct {
	owners    bool // a column of owners
	hidden    bool // it said itself that some are not shown
	nobody    bool // a listener without an owner
	someone   bool // a row with an owner
	pids      bool // the heading names a column of pids (macOS -v)
	headed    bool // there was a heading
	narrow    bool // an address that fills its column, and may be cut
	aix       bool // the heading, or what stands below a row, is AIX'
	localWide int  // width of the column of addresses by the heading, 0 unknown
}

func (t *unixTable) Read(line []byte, b *form.Builder) form.Verdict {
	line = t.tidy(line)
	t.Cut(line, 7)
	if t.N == 0 {
		t.tail = false
		return form.Skipped
	}
	at := protocolAt(&t.RowWords)
	if at >= 0 && t.N > at+2 && form.IsNumber(t.Word[at+1]) && form.IsNumber(t.Word[at+2]) {
		t.held, t.section = t.held[:0], sockets
		return t.begin(line, at, b)
	}
	if len(t.held) > 0 {
		if v := t.joined(line, b); v != form.Foreign {
			return v
		}
	}
	return t.aside(line, b)
}

// begin reads a line that begins as a row. A row that lacks its far end or its
// state may go on in the next line: mail breaks lines at 72.
func (t *unixTable) begin(line []byte, at int, b *form.Builder) form.Verdict {
	p := protocolOf(t.Word[at])
	if v := t.blanked(line, at, b); v != form.Foreign {
		return v
	}
	if t.N < at+5 {
		t.hold(line)
		return form.Skipped
	}
	return t.row(line, at, p, b)
}

// blanked reads a row whose ends somebody took out, or wrote dots for: the state
// still counts.
func (t *unixTable) blanked(line []byte, at int, b *form.Builder) form.Verdict {
	i, state, ok := blankState(&t.RowWords, at)
	if !ok || bytes.Contains(line, []byte(" src=")) {
		return form.Foreign
	}
	t.start(b, false)
	t.rows++
	s := tcp.Socket{State: state, RecvQ: count32(t.Word[at+1]), SendQ: count32(t.Word[at+2])}
	t.linuxTail(line[t.End[i-1]:], []byte("?"), &s, b)
	s.State = state
	if state == tcp.Listen && looksEnd(t.Word[at+3]) { // which has one end only
		s.Local, _, _, _ = anEnd(t.Word[at+3], protocolOf(t.Word[at]) == overTCP6, b.Ports)
	}
	t.words.saw(state, true, s.PID)
	b.Cannot("paste-names", "")
	b.Socket(s)
	return form.Row
}

// blankState finds the state in a row of TCP that has nothing where its two ends
// should be, or dots, stars and the like, or "<hidden>".
func blankState(c *form.RowWords, at int) (i int, s tcp.State, ok bool) {
	if c.N > at+4 && bytes.IndexByte(c.Word[at+4], ':') >= 0 { // nearly all rows
		return 0, tcp.Unknown, false
	}
	if p := protocolOf(c.Word[at]); p != overTCP && p != overTCP6 {
		return 0, tcp.Unknown, false
	}
	for i = at + 3; i < min(c.N, at+6); i++ {
		word := c.Word[i]
		if looksEnd(word) {
			if i > at+3 || c.N < at+5 || !allCapitals(c.Word[at+4]) || looksEnd(c.Word[at+4]) {
				break
			}
			continue // the other end is missing, and which one nobody can tell
		}
		if len(bytes.Trim(word, ".*x-<>[]…")) == 0 || word[0] == '<' && word[len(word)-1] == '>' {
			continue
		}
		if !allCapitals(word) {
			break
		}
		s, ok = counted.StateWord(word)
		return i, s, ok
	}
	return 0, tcp.Unknown, false
}

func allCapitals(word []byte) bool {
	return bytes.IndexFunc(word, func(c rune) bool { return c >= 'a' && c <= 'z' }) < 0
}

func (t *unixTable) hold(line []byte) {
	t.held = append(t.held[:0], line[:min(len(line), 400)]...)
	t.tail = false
}

// joined puts a line behind the beginning of a row; foreign when that is no row.
func (t *unixTable) joined(line []byte, b *form.Builder) form.Verdict {
	if len(line) > 200 {
		t.held = t.held[:0]
		return form.Foreign
	}
	whole := append(append(append(make([]byte, 0, len(t.held)+len(line)+1), t.held...), ' '), bytes.TrimLeft(line, " \t")...)
	t.held = t.held[:0]
	t.Cut(whole, 7)
	at := protocolAt(&t.RowWords)
	if at < 0 || t.N < at+5 || !looksEnd(t.Word[at+4]) {
		return form.Foreign
	}
	return t.row(whole, at, protocolOf(t.Word[at]), b)
}

func (t *unixTable) row(line []byte, at int, p protocol, b *form.Builder) form.Verdict {
	t.tail = false
	if p == overOther {
		return form.Skipped
	}
	near, far := t.Word[at+3], t.Word[at+4]
	local, mapped, isDotted, ok := anEnd(near, p == overTCP6, b.Ports)
	remote, mapped2, _, ok2 := anEnd(far, p == overTCP6, b.Ports)
	if !ok || !ok2 {
		return form.Bad
	}
	t.start(b, isDotted)
	t.rows++
	t.watchWidth(near, far, p)
	rest := line[t.End[at+4]:]
	if p == overUDP {
		t.udp(rest, isDotted, b)
		return form.Row
	}
	s := tcp.Socket{Local: local, Remote: remote, RecvQ: count32(t.Word[at+1]), SendQ: count32(t.Word[at+2]),
		V4Mapped: mapped || mapped2}
	var told bool
	if isDotted {
		told = t.bsdTail(rest, far, &s, b)
	} else {
		s.V4Mapped = s.V4Mapped || (p == overTCP6 && local.Addr().Is4() && near[0] != '*')
		told = t.linuxTail(rest, far, &s, b)
	}
	if s.State == tcp.Listen || (s.State == tcp.Closed && remote.Port() == 0) {
		// Of a listener Send-Q is 0 here and no limit of its queue (get_tcp4_sock,
		// net/ipv4/tcp_ipv4.c, v6.18); what else some systems print there is none
		// either.
		s.Remote, s.SendQ = netip.AddrPort{}, 0
	}
	t.words.saw(s.State, told, s.PID)
	b.Socket(s)
	return form.Row
}

// start tells the builder of the table, once it is certain that there is one.
func (t *unixTable) start(b *form.Builder, isDotted bool) {
	if t.begun {
		return
	}
	t.begun = true
	t.asked = b.LastCommand()
	if command, ok := form.Typed(b.Prose); ok {
		t.asked = command
	}
	t.words.first = len(b.Sockets)
	if !isDotted {
		b.OS("linux")
	}
}

// watchWidth notices ends that fill their column: netstat cuts what is longer.
// IPv4 numbers always fit where columns have their usual widths.
func (t *unixTable) watchWidth(near, far []byte, p protocol) {
	if t.seen.narrow || (len(near) < 18 && len(far) < 18) {
		return
	}
	width := t.seen.localWide
	if width == 0 {
		if p != overTCP6 {
			return
		}
		width = 23 // net-tools' and BusyBox'
	}
	if len(near) == width && !wholeIPv4(near) || len(far) == width && !wholeIPv4(far) {
		t.seen.narrow = true
	}
}

// wholeIPv4: a numeric IPv4 end fits any column; where one fills it, somebody
// has squeezed the heading.
func wholeIPv4(end []byte) bool {
	colon := bytes.LastIndexByte(end, ':')
	if colon < 0 || !form.IsNumber(end[colon+1:]) {
		return false
	}
	_, ok := form.IPv4(end[:colon])
	return ok
}

func (t *unixTable) Close(b *form.Builder) {
	t.words.settle(b)
	if !t.begun {
		return
	}
	if len(t.held) > 0 {
		b.Cannot("paste-cut", "netstat") // the last row has no end
	}
	if t.seen.hidden || (t.seen.nobody && !t.seen.someone) {
		b.Cannot("paste-owners-hidden", "")
	}
	if t.seen.narrow {
		b.Cannot("paste-addresses-cut", "netstat")
	}
	if command := t.asked; drops(command) {
		b.Cannot("paste-filtered", command)
	}
}
