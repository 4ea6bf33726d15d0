package viewer

import (
	"bytes"
	"math"
	"net/netip"

	"sockeye/internal/host"
	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// sighting is a row of any viewer, in its columns. All are parts of the line, or
// of the reader's own memory.
type sighting [columns][]byte

// seen is what the readers of viewers share.
type seen struct {
	by      string
	from    int // where this part's sockets begin
	begun   bool
	numbers *[13]tcp.State // what a state's number means; nil: numbers are none
	owner   *host.Process  // the last one that was known by its name only
	rows    int            // TCP sockets
	held    [][]byte       // the lines so far, as long as nothing has shown that the text is its kind's
}

// hold keeps a line until the first row.
func (v *seen) hold(line []byte) {
	if !v.begun && len(v.held) < form.HeldMost {
		v.held = append(v.held, bytes.Clone(line))
	}
}

// Refused gives the lines back when no row came: a sentence that reads like a
// heading, JSON of something else.
func (v *seen) Refused() [][]byte {
	if v.begun {
		return nil
	}
	return v.held
}

// begin is called before the first row is given.
func (v *seen) begin(b *form.Builder) {
	if !v.begun {
		v.begun, v.from, v.held = true, len(b.Sockets), nil
	}
}

// give adds a row; bad when it cannot be read.
func (v *seen) give(s *sighting, b *form.Builder) form.Verdict {
	v.begin(b)
	protocol := s[protocolColumn]
	if len(protocol) > 0 && protocol[0]|0x20 == 'u' {
		b.UDP++
		if p := v.process(s, b); p != nil {
			p.UDP = max(p.UDP, 0) + 1
		}
		return form.Row
	}
	if len(protocol) > 0 && (len(protocol) < 3 || !bytes.EqualFold(protocol[:3], []byte("tcp"))) {
		return form.Skipped
	}
	if s.portless() { // a socket without ports would be taken for another's
		state, _ := stateOf(s[stateColumn])
		b.Count(state, 1)
		b.Cannot("paste-ports-missing", v.by)
		if p := v.process(s, b); p != nil {
			b.CountOwner(form.OwnedState{PID: p.PID, State: state})
		}
		return form.Row
	}
	var sk tcp.Socket
	var mapped, ok bool
	if sk.Local, sk.V4Mapped, ok = endOf(s[localColumn], s[localPortColumn], b); !ok || !sk.Local.IsValid() {
		return form.Bad
	}
	if sk.Remote, mapped, ok = endOf(s[remoteColumn], s[remotePortColumn], b); !ok {
		return form.Bad
	}
	sk.V4Mapped = sk.V4Mapped || mapped
	v.state(s, &sk, b)
	if shortened(s[localColumn]) || shortened(s[remoteColumn]) {
		b.Cannot("paste-addresses-cut", v.by)
	}
	if p := v.process(s, b); p != nil {
		sk.PID = p.PID
	}
	form.Peerless(&sk)
	v.rows++
	b.Socket(sk)
	return form.Row
}

// state reads the state, from its word or its number. An unknown word beside no
// remote end is a listener's in a language that nobody knows here.
func (v *seen) state(s *sighting, sk *tcp.Socket, b *form.Builder) {
	word := s[stateColumn]
	if n, number := form.SmallNumber(word, 100); number && v.numbers != nil {
		switch {
		case n < uint64(len(v.numbers)):
			sk.State = v.numbers[n]
		case n == 100:
			sk.State = tcp.Bound
		}
	} else {
		sk.State, _ = stateOf(word)
	}
	if sk.State == tcp.Unknown && len(word) > 0 && len(word) <= 60 {
		sk.State, _ = form.StateByShape(word)
	}
	if sk.State != tcp.Unknown {
		return
	}
	if len(word) > 0 && sk.Remote.Port() == 0 && (!sk.Remote.IsValid() || sk.Remote.Addr().IsUnspecified()) {
		sk.State = tcp.Listen
		return
	}
	b.Cannot("paste-states-unknown", v.by)
}

// portless: both ends are addresses and no ports are told, as newer versions of
// Tcpvcon write their rows.
func (s *sighting) portless() bool {
	if s[localPortColumn] != nil || s[remotePortColumn] != nil || !form.IsNumber(s[pidColumn]) || isUDP(s[protocolColumn]) {
		return false
	}
	_, known := stateOf(s[stateColumn])
	return known && len(s[protocolColumn]) > 0 && allButPort(s[localColumn]) && allButPort(s[remoteColumn])
}

// endOf reads an end: an address and a port in two columns or in one. Nothing
// and "*" are no end, which is fine.
func endOf(address, port []byte, b *form.Builder) (end netip.AddrPort, mapped, ok bool) {
	if len(address) > 255 || bytes.IndexByte(address, ' ') >= 0 {
		return end, false, false
	}
	if none(port) {
		return joinedEnd(address, b)
	}
	number, ok := form.PortPart(port, b.Ports)
	if !ok {
		return end, false, false
	}
	addr, mapped := form.HostPart(address)
	return netip.AddrPortFrom(addr, number), mapped, true
}

// joinedEnd reads an address and a port in one, or an address alone.
func joinedEnd(text []byte, b *form.Builder) (end netip.AddrPort, mapped, ok bool) {
	if none(text) || bytes.Equal(text, []byte("*:*")) || bytes.Equal(text, []byte("*.*")) {
		return end, false, true
	}
	if colons := bytes.Count(text, []byte(":")); colons == 1 || colons > 1 && bytes.IndexByte(text, ']') >= 0 {
		return form.Endpoint(text, b.Ports)
	} else if colons > 1 {
		if a, err := netip.ParseAddr(string(text)); err != nil {
			return form.Endpoint(text, b.Ports)
		} else if a.Zone() == "" {
			return netip.AddrPortFrom(a.Unmap(), 0), a.Is4In6(), true
		}
	}
	addr, mapped := form.HostPart(text)
	return netip.AddrPortFrom(addr, 0), mapped, true
}

// shortened: PowerShell ends what does not fit into its column with "..." or "…".
func shortened(address []byte) bool {
	return bytes.HasSuffix(address, []byte("...")) || bytes.HasSuffix(address, []byte("…"))
}

func none(word []byte) bool {
	switch string(word) {
	case "", "*", "-", "--", "-1", "N/A", "n/a":
		return true
	}
	return false
}

// process returns the owner; nil for sockets that nobody holds any more, which
// Windows lists under pid 0.
func (v *seen) process(s *sighting, b *form.Builder) *host.Process {
	name, path := s[processColumn], s[pathColumn]
	if bytes.IndexByte(name, '\\') >= 0 {
		path = name
	}
	if at := bytes.LastIndexAny(name, `\/`); at >= 0 && len(name) > at+1 {
		name = name[at+1:]
	}
	if len(name) > 255 {
		name = name[:255]
	}
	if len(name) > 0 && (name[0] == '<' || none(name)) { // "<non-existent>"
		name = nil
	}
	var p *host.Process
	pid, known := form.SmallNumber(s[pidColumn], math.MaxInt32)
	switch {
	case known && pid == 0:
		return nil
	case known:
		if p = b.Process(int32(pid), ""); p.Name == "" {
			p.Name = string(name)
		}
	case len(name) == 0 || name[0] == '[' || len(s[pidColumn]) > 0:
		return nil
	default:
		if v.owner == nil || v.owner.Name != string(name) {
			v.owner = b.Nameless(string(name))
		}
		p = v.owner
	}
	if p.Exe == "" && len(path) > 0 && len(path) < 1024 && !none(path) {
		p.Exe = string(path)
	}
	if p.User == "" && !none(s[userColumn]) && len(s[userColumn]) < 256 {
		p.User = string(s[userColumn])
	}
	return p
}

// done ends the part: a viewer does not know the queues of listeners. Nothing on
// Windows does, so nothing is missing there.
func (v *seen) done(b *form.Builder) {
	if v.rows > 0 && b.Machine.OS != "windows" {
		b.Cannot("paste-queues-unseen", v.by)
	}
}
