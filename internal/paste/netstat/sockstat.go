package netstat

import (
	"bytes"
	"net/netip"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// BSDKinds are what the BSDs print besides netstat.
var BSDKinds = []form.Kind{
	{Name: "sockstat", Begins: beginsSockstat, Open: func() form.Reader { return &sockstatTable{held: map[sockstatEnds]struct{}{}} }},
}

// sockstatTable reads sockstat of FreeBSD, DragonFly and NetBSD: "user command pid fd
// proto local foreign [… state]". Without -s it tells no state.
type sockstatTable struct {
	tidier
	form.RowWords
	held    map[sockstatEnds]struct{} // sockets that some process holds
	unheard bool                      // rows of connections without a state
}

type sockstatEnds struct {
	local, remote netip.AddrPort
	six           bool
}

// sockstatMost is how many sockets are told apart: programs that fork before they
// accept hold one together, and each has a row of its own.
const sockstatMost = 1 << 18

func beginsSockstat(line []byte) bool {
	switch c := form.FirstByte(line); {
	case c == 'U' && form.HasWords(line, "USER "):
		return bytes.Contains(line, []byte("COMMAND")) && bytes.Contains(line, []byte("PROTO")) && bytes.Contains(line, []byte("LOCAL ADDRESS"))
	case c == '?' || c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9':
		if len(line) > 300 || !bytes.Contains(line, []byte("tcp")) && !bytes.Contains(line, []byte("udp")) {
			return false
		}
		var c form.RowWords
		c.Cut(line, 8)
		at, ok := sockstatAt(&c)
		return ok && at+2 < c.N && looksEnd(c.Word[at+1]) && looksEnd(c.Word[at+2])
	}
	return false
}

// sockstatAt finds the protocol behind a pid and a descriptor, "?" where nobody has
// the socket. Long names leave no blank before the pid, so that one word is missing.
func sockstatAt(c *form.RowWords) (at int, ok bool) {
	for at = 3; at < min(c.N, 5); at++ {
		if p := protocolOf(c.Word[at]); p != overTCP && p != overTCP6 && p != overUDP {
			continue
		}
		fd, pid := c.Word[at-1], c.Word[at-2]
		nobody := string(fd) == "?" && string(pid) == "?"
		return at, nobody || form.IsNumber(fd) && (at == 4 && form.IsNumber(pid) || at == 3 && endingPID(pid) > 0)
	}
	return 0, false
}

// endingPID reads the digits that a word ends with, at most the five of a column.
func endingPID(word []byte) int32 {
	at := len(word)
	for at > 0 && len(word)-at < 5 && word[at-1] >= '0' && word[at-1] <= '9' {
		at--
	}
	if at == 0 {
		return 0
	}
	return rowPID(word[at:])
}

func (t *sockstatTable) Read(line []byte, b *form.Builder) form.Verdict {
	line = t.tidy(line)
	t.Cut(line, 16)
	if t.N == 0 || form.HasWords(line, "USER ") && bytes.Contains(line, []byte("PROTO")) {
		return form.Skipped
	}
	at, ok := sockstatAt(&t.RowWords)
	if !ok {
		if t.N > 4 && (string(t.Word[4]) == "stream" || string(t.Word[4]) == "dgram" || string(t.Word[4]) == "seqpac" || protocolOf(t.Word[4]) == overOther) {
			return form.Skipped
		}
		return form.Foreign
	}
	p := protocolOf(t.Word[at])
	if at+3 < t.N && string(t.Word[at+1]) == "6" { // "tcp4 6", which later versions write "tcp46"
		p, at = overTCP6, at+1
	}
	if at+1 < t.N && p == overUDP {
		t.start(t.Word[at+1], b)
		ownsUDP(b, t.owner(at, b))
		return form.Row
	}
	if at+2 >= t.N {
		return form.Bad
	}
	return t.row(at, p, b)
}

func (t *sockstatTable) row(at int, p protocol, b *form.Builder) form.Verdict {
	local, mapped, _, ok := anEnd(t.Word[at+1], p == overTCP6, b.Ports)
	remote, mapped2, _, ok2 := anEnd(t.Word[at+2], p == overTCP6, b.Ports)
	if !ok || !ok2 {
		return form.Bad
	}
	t.start(t.Word[at+1], b)
	s := tcp.Socket{Local: local, Remote: remote, V4Mapped: mapped || mapped2}
	nobody := without(t.Word[at+2], remote)
	for i := t.N - 1; i > at+2 && s.State == tcp.Unknown; i-- {
		s.State, _ = form.StateOf(t.Word[i])
	}
	switch {
	case s.State != tcp.Unknown:
	case nobody && local.Port() != 0:
		s.State = tcp.Listen
	case nobody:
		return form.Skipped // "*:* *:*": a socket that has taken no port
	default:
		t.unheard = true
	}
	if nobody {
		s.Remote = netip.AddrPort{}
	}
	if s.PID = t.owner(at, b); s.PID != 0 && t.known(&s, p == overTCP6) {
		return form.Row
	}
	b.Socket(s)
	return form.Row
}

// known tells whether an earlier row was of the same socket. It keeps the owner of that
// one: sockstat prints nothing that would name a socket, as an inode does.
func (t *sockstatTable) known(s *tcp.Socket, six bool) bool {
	ends := sockstatEnds{s.Local, s.Remote, six}
	if _, ok := t.held[ends]; ok {
		return true
	}
	if len(t.held) < sockstatMost {
		t.held[ends] = struct{}{}
	}
	return false
}

// owner of the row whose protocol is the word at at.
func (t *sockstatTable) owner(at int, b *form.Builder) int32 {
	if protocolOf(t.Word[at]) == noProtocol {
		at--
	}
	if at == 3 {
		word := t.Word[1]
		pid := endingPID(word)
		return owner(b, pid, bytes.TrimRight(word, "0123456789"))
	}
	return owner(b, rowPID(t.Word[2]), t.Word[1])
}

// start learns the system: only NetBSD puts a dot before the port.
func (t *sockstatTable) start(near []byte, b *form.Builder) {
	if bytes.LastIndexByte(near, '.') > bytes.LastIndexByte(near, ':') {
		b.OS("netbsd")
	} else {
		b.OS("freebsd")
	}
}

func (t *sockstatTable) Close(b *form.Builder) {
	if t.unheard {
		b.Cannot("paste-states-unknown", "sockstat")
	}
}
