package procnet

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"time"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

var Kinds = []form.Kind{
	{Name: "/proc/net/tcp", Commented: true, Begins: procTableBegins, Open: func() form.Reader { return &procTable{} }},
	{Name: "/proc/net/sockstat", Commented: true, Begins: sockstatBegins, Open: func() form.Reader { return &sockstat{} }},
	{Name: "/proc/net/netstat", Commented: true, Begins: twoLinesBegin, Open: func() form.Reader { return &twoLines{} }},
	{Name: "nstat", Begins: nstatBegins, Open: func() form.Reader { return &nstat{} }},
	{Name: "/proc/net/stat", Commented: true, Begins: perCPUBegins, Open: func() form.Reader { return &perCPU{} }},
}

// procTable reads /proc/net/tcp and tcp6, which may follow each other. Addresses
// are 32-bit words in the byte order of the machine that wrote them, which no
// line tells: rows are read as little-endian, both readings are weighed, and
// turned round at the end if the other one won (procnet_order.go).
type procTable struct {
	from    int // the first socket of this part
	rows    int
	order   byteOrder
	started bool
}

// procTableBegins: the heading, or "   0: 0100007F:0016 00000000:0000 0A 00000000:00000000".
func procTableBegins(line []byte) bool {
	line = bytes.TrimLeft(line, " \t")
	if bytes.HasPrefix(line, []byte("sl ")) {
		return bytes.Contains(line, []byte("local_address"))
	}
	colon := bytes.IndexByte(line, ':')
	if colon < 1 || colon > 10 || line[0] < '0' || line[0] > '9' || len(line) < colon+40 {
		return false
	}
	_, ok := procRow(line)
	return ok
}

func (t *procTable) Read(line []byte, into *form.Builder) form.Verdict {
	if !t.started {
		t.started, t.from = true, len(into.Sockets)
	}
	trimmed := bytes.TrimLeft(line, " \t")
	if len(trimmed) == 0 || bytes.HasPrefix(trimmed, []byte("sl ")) {
		return form.Skipped
	}
	s, ok := procRow(trimmed)
	if !ok {
		if trimmed[0] < '0' || trimmed[0] > '9' || !procHasAddress(trimmed) {
			return form.Foreign
		}
		return form.Bad
	}
	if t.rows < orderRows {
		t.order.weigh(&s)
	}
	into.Socket(s)
	t.rows++
	return form.Row
}

func (t *procTable) Close(into *form.Builder) {
	into.OS("linux")
	if t.order.big() {
		rows := into.Sockets[t.from:]
		for i := range rows {
			rows[i].Local, rows[i].V4Mapped = turned(rows[i].Local, rows[i].V4Mapped)
			rows[i].Remote, _ = turned(rows[i].Remote, rows[i].V4Mapped)
		}
	}
	rows := into.Sockets[t.from:]
	for i := range rows {
		s := &rows[i]
		if !s.State.Connected() && (s.Remote.Port() == 0 || s.State == tcp.Listen || s.State == tcp.Bound) {
			s.Remote = netip.AddrPort{}
		}
	}
}

// procHasAddress: the second word is hexadecimal digits, a colon and four more.
func procHasAddress(line []byte) bool {
	_, rest, _ := bytes.Cut(line, []byte(" "))
	rest = bytes.TrimLeft(rest, " ")
	colon := bytes.IndexByte(rest, ':')
	return (colon == 8 || colon == 32) && len(rest) > 12
}

// procRow reads a line as get_tcp4_sock() and get_tcp6_sock() print it
// (net/ipv4/tcp_ipv4.c, net/ipv6/tcp_ipv6.c, v6.18):
//
//	sl: laddr:port raddr:port st tx:rx tr:when retrnsmt uid timeout inode …
//
// Lines may end after the inode; what follows is of no use here.
func procRow(line []byte) (s tcp.Socket, ok bool) {
	var f [10][]byte
	if !procFields(line, &f) || f[0][len(f[0])-1] != ':' {
		return s, false
	}
	good := true
	hex := func(b []byte) uint64 { n, ok := form.Hexadecimal(b); good = good && ok; return n }
	dec := func(b []byte) uint64 { n, ok := form.Decimal(b); good = good && ok; return n }
	var ok1, ok2 bool
	s.Local, s.V4Mapped, ok1 = procAddress(f[1])
	s.Remote, _, ok2 = procAddress(f[2])
	if !ok1 || !ok2 {
		return s, false
	}
	state := hex(f[3])
	tx, rx, ok1 := bytes.Cut(f[4], []byte(":"))
	timer, when, ok2 := bytes.Cut(f[5], []byte(":"))
	if !ok1 || !ok2 || len(tx) != 8 || len(rx) != 8 {
		return s, false
	}
	s.SendQ, s.RecvQ = uint32(hex(tx)), uint32(hex(rx))
	kind, left := hex(timer), hex(when)
	retries, uid, probes, inode := hex(f[6]), dec(f[7]), dec(f[8]), dec(f[9])
	if !good || state == 0 || state >= tcp.NumStates || kind > uint64(tcp.TimerPersist) {
		return s, false
	}
	s.State, s.Inode = tcp.State(state), inode
	if inode != 0 {
		s.UID = uint32(uid)
	}
	if kind == uint64(tcp.TimerKeepalive) || kind == uint64(tcp.TimerPersist) {
		retries = probes // the column retrnsmt counts retransmissions only
	}
	if kind != uint64(tcp.TimerOff) { // the column holds what is left of an earlier one
		s.Timer = tcp.Timer{Kind: tcp.TimerKind(kind), Retries: uint8(min(retries, 255)),
			Expires: time.Duration(min(left, 1<<32)) * (time.Second / userHz)}
	}
	if inode == 0 {
		switch s.State {
		case tcp.FinWait1, tcp.FinWait2, tcp.LastAck, tcp.Closing:
			s.Orphan = true
		}
	}
	return s, true
}

// userHz is the unit of the timers in /proc: USER_HZ, 100 everywhere that matters
// (include/asm-generic/param.h, v6.18).
const userHz = 100

func procFields(line []byte, into *[10][]byte) bool {
	at := 0
	for i := range into {
		for at < len(line) && (line[at] == ' ' || line[at] == '\t') {
			at++
		}
		from := at
		for at < len(line) && line[at] != ' ' && line[at] != '\t' {
			at++
		}
		if from == at {
			return false
		}
		into[i] = line[from:at]
	}
	return true
}

// procAddress reads "0100007F:1F90", or 32 digits before the colon for IPv6, as a
// little-endian machine prints it.
func procAddress(b []byte) (end netip.AddrPort, mapped, ok bool) {
	var ip [16]byte
	words := 1
	switch {
	case len(b) == 8+5 && b[8] == ':':
	case len(b) == 32+5 && b[32] == ':':
		words = 4
	default:
		return end, false, false
	}
	for i := range words {
		word, ok := form.Hexadecimal(b[i*8 : i*8+8])
		if !ok {
			return end, false, false
		}
		binary.LittleEndian.PutUint32(ip[i*4:], uint32(word))
	}
	port, ok := form.Hexadecimal(b[words*8+1:])
	if words == 1 {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip[:4])), uint16(port)), false, ok
	}
	a := netip.AddrFrom16(ip)
	return netip.AddrPortFrom(a.Unmap(), uint16(port)), a.Is4In6(), ok
}
