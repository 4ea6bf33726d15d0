package paste

import (
	"bytes"
	"net/netip"

	"sockeye/internal/tcp"
)

// sunTable reads netstat of Solaris and illumos: sections "TCP: IPv4", and rows
// "local remote [user pid command] Swind Send-Q Rwind Recv-Q state [if]".
type sunTable struct {
	tidier
	rowWords
	words stateWords
	begun bool
	tcp   bool // the section lists TCP
	six   bool
	other bool // the section lists something else
}

func beginsSun(line []byte) bool {
	switch first(line) {
	case 'T', 'U', 'S':
		return sunSection(line) != noProtocol
	case 'L':
		return hasWords(line, "Local Address") && bytes.Contains(line, []byte("Swind")) && bytes.Contains(line, []byte("Recv-Q"))
	}
	return false
}

// sunSection: "TCP: IPv4", "UDP: IPv6", "SCTP:".
func sunSection(line []byte) protocol {
	line = bytes.TrimSpace(line)
	if len(line) > 12 {
		return noProtocol
	}
	switch string(line) {
	case "TCP", "TCP:", "TCP: IPv4":
		return overTCP
	case "TCP: IPv6":
		return overTCP6
	case "UDP", "UDP:", "UDP: IPv4", "UDP: IPv6":
		return overUDP
	case "SCTP:", "SCTP: IPv4", "SCTP: IPv6":
		return overOther
	}
	return noProtocol
}

func (t *sunTable) read(line []byte, b *builder) verdict {
	line = t.tidy(line)
	trimmed := bytes.TrimSpace(line)
	if len(trimmed) == 0 {
		return skipped
	}
	if p := sunSection(trimmed); p != noProtocol {
		t.tcp, t.six, t.other = p == overTCP || p == overTCP6, p == overTCP6, p == overOther
		return skipped
	}
	t.cut(line, len(t.word))
	switch {
	case hasWords(line, "Local Address"):
		t.tcp = t.tcp || bytes.Contains(line, []byte("Swind")) && !t.other
		return skipped
	case len(bytes.Trim(trimmed, "- ")) == 0:
		return skipped
	case hasWords(line, "Active UNIX domain sockets"):
		t.tcp, t.other = false, true
		return skipped
	case t.other && otherRow(line), t.other && hasWords(line, "Address "):
		return skipped
	case bytes.IndexByte(t.word[0], '.') < 0 || !looksEnd(t.word[0]) && !t.tcp:
		return foreign
	case t.other: // SCTP's have the columns of TCP's
		return skipped
	case !t.tcp:
		b.udp++
		t.start(b)
		return row
	}
	return t.row(b)
}

// row: the state stands behind four numbers; what is between the ends and these
// is the owner, where -u was asked for.
func (t *sunTable) row(b *builder) verdict {
	at := t.n - 1
	for at > 5 && number(t.word[at]) {
		at--
	}
	if at > 6 && !number(t.word[at-1]) { // the interface stands last
		at--
	}
	switch {
	case (at < 6 || !number(t.word[at-1])) && !looksEnd(t.word[0]):
		return foreign // a sentence
	case at < 6, !number(t.word[at-1]) || !number(t.word[at-2]) || !number(t.word[at-3]) || !number(t.word[at-4]):
		return bad
	}
	local, mapped, _, ok := anEnd(t.word[0], t.six, b.ports)
	remote, _, _, ok2 := anEnd(t.word[1], t.six, b.ports)
	if !ok || !ok2 {
		return bad
	}
	t.start(b)
	s := tcp.Socket{Local: local, Remote: remote, V4Mapped: mapped, SendQ: count32(t.word[at-3]), RecvQ: count32(t.word[at-1])}
	nobody := without(t.word[1], remote)
	s.State = t.words.read(t.word[at], nobody)
	if nobody && (s.State == tcp.Listen || s.State == tcp.Bound || s.State == tcp.Closed) {
		s.Remote, s.SendQ = netip.AddrPort{}, 0
	}
	told := at >= 9 && number(t.word[3])
	if told {
		s.PID = owner(b, rowPID(t.word[3]), t.word[4])
	}
	t.words.saw(s.State, told, s.PID)
	if s.State == tcp.Bound && s.Local.Port() == 0 {
		return skipped // "*.* … IDLE": a socket that has taken no port
	}
	b.socket(s)
	return row
}

func (t *sunTable) start(b *builder) {
	if !t.begun {
		t.begun = true
		t.words.first = len(b.sockets)
		b.os("solaris")
	}
}

func (t *sunTable) close(b *builder) { t.words.settle(b) }
