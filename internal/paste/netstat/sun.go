package netstat

import (
	"bytes"
	"net/netip"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// sunTable reads netstat of Solaris and illumos: sections "TCP: IPv4", and rows
// "local remote [user pid command] Swind Send-Q Rwind Recv-Q state [if]".
type sunTable struct {
	tidier
	form.RowWords
	words stateWords
	begun bool
	tcp   bool // the section lists TCP
	six   bool
	other bool // the section lists something else
}

func beginsSun(line []byte) bool {
	switch form.FirstByte(line) {
	case 'T', 'U', 'S':
		return sunSection(line) != noProtocol
	case 'L':
		return form.HasWords(line, "Local Address") && bytes.Contains(line, []byte("Swind")) && bytes.Contains(line, []byte("Recv-Q"))
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

func (t *sunTable) Read(line []byte, b *form.Builder) form.Verdict {
	line = t.tidy(line)
	trimmed := bytes.TrimSpace(line)
	if len(trimmed) == 0 {
		return form.Skipped
	}
	if p := sunSection(trimmed); p != noProtocol {
		t.tcp, t.six, t.other = p == overTCP || p == overTCP6, p == overTCP6, p == overOther
		return form.Skipped
	}
	t.Cut(line, len(t.Word))
	switch {
	case form.HasWords(line, "Local Address"):
		t.tcp = t.tcp || bytes.Contains(line, []byte("Swind")) && !t.other
		return form.Skipped
	case len(bytes.Trim(trimmed, "- ")) == 0:
		return form.Skipped
	case form.HasWords(line, "Active UNIX domain sockets"):
		t.tcp, t.other = false, true
		return form.Skipped
	case t.other && otherRow(line), t.other && form.HasWords(line, "Address "):
		return form.Skipped
	case bytes.IndexByte(t.Word[0], '.') < 0 || !looksEnd(t.Word[0]) && !t.tcp:
		return form.Foreign
	case t.other: // SCTP's have the columns of TCP's
		return form.Skipped
	case !t.tcp:
		b.UDP++
		t.start(b)
		return form.Row
	}
	return t.row(b)
}

// row: the state stands behind four numbers; what is between the ends and these
// is the owner, where -u was asked for.
func (t *sunTable) row(b *form.Builder) form.Verdict {
	at := t.N - 1
	for at > 5 && form.IsNumber(t.Word[at]) {
		at--
	}
	if at > 6 && !form.IsNumber(t.Word[at-1]) { // the interface stands last
		at--
	}
	switch {
	case (at < 6 || !form.IsNumber(t.Word[at-1])) && !looksEnd(t.Word[0]):
		return form.Foreign // a sentence
	case at < 6, !form.IsNumber(t.Word[at-1]) || !form.IsNumber(t.Word[at-2]) || !form.IsNumber(t.Word[at-3]) || !form.IsNumber(t.Word[at-4]):
		return form.Bad
	}
	local, mapped, _, ok := anEnd(t.Word[0], t.six, b.Ports)
	remote, _, _, ok2 := anEnd(t.Word[1], t.six, b.Ports)
	if !ok || !ok2 {
		return form.Bad
	}
	t.start(b)
	s := tcp.Socket{Local: local, Remote: remote, V4Mapped: mapped, SendQ: count32(t.Word[at-3]), RecvQ: count32(t.Word[at-1])}
	nobody := without(t.Word[1], remote)
	s.State = t.words.read(t.Word[at], nobody)
	if nobody && (s.State == tcp.Listen || s.State == tcp.Bound || s.State == tcp.Closed) {
		s.Remote, s.SendQ = netip.AddrPort{}, 0
	}
	told := at >= 9 && form.IsNumber(t.Word[3])
	if told {
		s.PID = owner(b, rowPID(t.Word[3]), t.Word[4])
	}
	t.words.saw(s.State, told, s.PID)
	if s.State == tcp.Bound && s.Local.Port() == 0 {
		return form.Skipped // "*.* … IDLE": a socket that has taken no port
	}
	b.Socket(s)
	return form.Row
}

func (t *sunTable) start(b *form.Builder) {
	if !t.begun {
		t.begun = true
		t.words.first = len(b.Sockets)
		b.OS("solaris")
	}
}

func (t *sunTable) Close(b *form.Builder) { t.words.settle(b) }
