package paste

import (
	"bytes"
	"net/netip"

	"sockeye/internal/tcp"
)

// bsdKinds are what the BSDs and macOS print besides netstat.
var bsdKinds = []kind{
	{name: "sockstat", begins: beginsSockstat, open: func() reader { return &sockstatTable{held: map[sockstatEnds]struct{}{}} }},
	{name: "launchctl limit", begins: beginsLaunchctl, open: func() reader { return &launchctlLimits{} }},
}

// sockstatTable reads sockstat of FreeBSD, DragonFly and NetBSD: "user command pid fd
// proto local foreign [… state]". Without -s it tells no state.
type sockstatTable struct {
	tidier
	rowWords
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
	switch c := first(line); {
	case c == 'U' && hasWords(line, "USER "):
		return bytes.Contains(line, []byte("COMMAND")) && bytes.Contains(line, []byte("PROTO")) && bytes.Contains(line, []byte("LOCAL ADDRESS"))
	case c == '?' || c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9':
		if len(line) > 300 || !bytes.Contains(line, []byte("tcp")) && !bytes.Contains(line, []byte("udp")) {
			return false
		}
		var c rowWords
		c.cut(line, 8)
		at, ok := c.sockstatAt()
		return ok && at+2 < c.n && looksEnd(c.word[at+1]) && looksEnd(c.word[at+2])
	}
	return false
}

// sockstatAt finds the protocol behind a pid and a descriptor, "?" where nobody has
// the socket. Long names leave no blank before the pid, so that one word is missing.
func (c *rowWords) sockstatAt() (at int, ok bool) {
	for at = 3; at < min(c.n, 5); at++ {
		if p := protocolOf(c.word[at]); p != overTCP && p != overTCP6 && p != overUDP {
			continue
		}
		fd, pid := c.word[at-1], c.word[at-2]
		nobody := string(fd) == "?" && string(pid) == "?"
		return at, nobody || number(fd) && (at == 4 && number(pid) || at == 3 && endingPID(pid) > 0)
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

func (t *sockstatTable) read(line []byte, b *builder) verdict {
	line = t.tidy(line)
	t.cut(line, 16)
	if t.n == 0 || hasWords(line, "USER ") && bytes.Contains(line, []byte("PROTO")) {
		return skipped
	}
	at, ok := t.sockstatAt()
	if !ok {
		if t.n > 4 && (string(t.word[4]) == "stream" || string(t.word[4]) == "dgram" || string(t.word[4]) == "seqpac" || protocolOf(t.word[4]) == overOther) {
			return skipped
		}
		return foreign
	}
	p := protocolOf(t.word[at])
	if at+3 < t.n && string(t.word[at+1]) == "6" { // "tcp4 6", which later versions write "tcp46"
		p, at = overTCP6, at+1
	}
	if at+1 < t.n && p == overUDP {
		t.start(t.word[at+1], b)
		ownsUDP(b, t.owner(at, b))
		return row
	}
	if at+2 >= t.n {
		return bad
	}
	return t.row(at, p, b)
}

func (t *sockstatTable) row(at int, p protocol, b *builder) verdict {
	local, mapped, _, ok := anEnd(t.word[at+1], p == overTCP6, b.ports)
	remote, mapped2, _, ok2 := anEnd(t.word[at+2], p == overTCP6, b.ports)
	if !ok || !ok2 {
		return bad
	}
	t.start(t.word[at+1], b)
	s := tcp.Socket{Local: local, Remote: remote, V4Mapped: mapped || mapped2}
	nobody := without(t.word[at+2], remote)
	for i := t.n - 1; i > at+2 && s.State == tcp.Unknown; i-- {
		s.State, _ = stateOf(t.word[i])
	}
	switch {
	case s.State != tcp.Unknown:
	case nobody && local.Port() != 0:
		s.State = tcp.Listen
	case nobody:
		return skipped // "*:* *:*": a socket that has taken no port
	default:
		t.unheard = true
	}
	if nobody {
		s.Remote = netip.AddrPort{}
	}
	if s.PID = t.owner(at, b); s.PID != 0 && t.known(&s, p == overTCP6) {
		return row
	}
	b.socket(s)
	return row
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
func (t *sockstatTable) owner(at int, b *builder) int32 {
	if protocolOf(t.word[at]) == noProtocol {
		at--
	}
	if at == 3 {
		word := t.word[1]
		pid := endingPID(word)
		return owner(b, pid, bytes.TrimRight(word, "0123456789"))
	}
	return owner(b, rowPID(t.word[2]), t.word[1])
}

// start learns the system: only NetBSD puts a dot before the port.
func (t *sockstatTable) start(near []byte, b *builder) {
	if bytes.LastIndexByte(near, '.') > bytes.LastIndexByte(near, ':') {
		b.os("netbsd")
	} else {
		b.os("freebsd")
	}
}

func (t *sockstatTable) close(b *builder) {
	if t.unheard {
		b.cannot("paste-states-unknown", "sockstat")
	}
}
