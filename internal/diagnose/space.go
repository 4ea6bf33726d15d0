package diagnose

import (
	"net/netip"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// space is the view of one network namespace.
type space struct {
	ns     *host.NetNS // never nil; settings may be missing
	before *host.NetNS // nil with a single look
	life   func(*tcp.Socket) *host.Life
	window time.Duration

	low, high  uint16 // ephemeral range
	hasRange   bool
	rangeBy    rangeSource
	pasted     bool // of text that somebody saved: much is not told
	os         string
	reserved   *host.Ports
	held       *host.Ports // ports in the range that connect() skips: bound or listened on
	heldCount  int         // of those, not reserved
	rangePorts int         // ports in the range less the reserved ones

	listening map[uint16][]*tcp.Socket       // LISTEN sockets by local port
	served    map[netip.AddrPort]*tcp.Socket // the first LISTEN socket of each address
	wild      map[uint16]*tcp.Socket         // the one of every address, by port
	serving   map[netip.AddrPort]bool        // local ends of a saved table that must have a listener, though none is shown
	goingOut  *grouping                      // outgoing connections of all namespaces, by source address and destination
	out       []int32                        // of these, the numbers of this namespace's
	requests  map[listenKey]int              // half-open requests per listener
	byState   [tcp.NumStates]int
}

// listenKey is the address a listener was bound to.
type listenKey struct {
	addr netip.Addr
	port uint16
}

func newSpace(ns *host.NetNS, m *host.Machine, os string, assume bool) *space {
	s := &space{
		ns: ns, os: os, reserved: reservedPorts(ns.Settings, os), held: &host.Ports{},
		listening: map[uint16][]*tcp.Socket{}, served: map[netip.AddrPort]*tcp.Socket{}, wild: map[uint16]*tcp.Socket{},
		requests: map[listenKey]int{},
	}
	s.low, s.high, s.rangeBy = portRange(ns.Settings, m, os, assume)
	s.hasRange = s.rangeBy != rangeUnknown
	s.countRange()
	return s
}

// countRange counts the ports of the range that are not reserved.
func (s *space) countRange() {
	s.rangePorts = 0
	for p := int(s.low); s.hasRange && p <= int(s.high); p++ {
		if !s.reserved.Has(uint16(p)) {
			s.rangePorts++
		}
	}
}

// hold marks ports that connect() never hands out: __inet_hash_connect skips
// every port whose bind bucket was made by bind() or listen(), for every
// destination and address (net/ipv4/inet_hashtables.c, v6.18).
func (s *space) hold(sk *tcp.Socket) {
	port := sk.Local.Port()
	if !s.ephemeral(port) || s.held.Has(port) {
		return
	}
	if sk.State == tcp.Listen || sk.State == tcp.Bound || sk.Port == tcp.PortBound {
		s.held.Add(port)
		if !s.reserved.Has(port) {
			s.heldCount++
		}
	}
}

// ephemeral reports whether the port is one that the kernel may choose.
func (s *space) ephemeral(port uint16) bool {
	return s.hasRange && port >= s.low && port <= s.high
}

// outgoing reports whether this end opened the connection. Only a tracer knows;
// nothing in a kernel table says so. There a local port that somebody listens on,
// or a well-known one facing an ephemeral one, means that it was accepted.
func (s *space) outgoing(sk *tcp.Socket) bool {
	switch sk.State {
	case tcp.SynSent:
		return true
	case tcp.SynReceived, tcp.NewSynRecv, tcp.Listen:
		return false
	}
	if !sk.State.Connected() {
		return false
	}
	if l := s.life(sk); l != nil && l.Opener != nil {
		return !l.Incoming
	}
	local, remote := sk.Local.Port(), sk.Remote.Port()
	if s.listens(sk.Local) || s.serving[sk.Local] {
		return false
	}
	if !s.hasRange && s.os == "" { // of a system that nobody knows: most take theirs from the upper half
		return sk.Port == tcp.PortAuto || local >= defaultLow || remote < defaultLow
	}
	if s.hasRange && !s.ephemeral(local) && s.ephemeral(remote) {
		return sk.Port == tcp.PortAuto
	}
	return true
}

// listens reports whether a LISTEN socket serves this local address.
func (s *space) listens(local netip.AddrPort) bool { return s.listener(local) != nil }

// listener returns the LISTEN socket that serves a local address, the exact
// address before the wildcard, nil when there is none.
func (s *space) listener(local netip.AddrPort) *tcp.Socket {
	if l := s.served[local]; l != nil {
		return l
	}
	return s.wild[local.Port()]
}

func (s *space) listen(l *tcp.Socket) {
	port := l.Local.Port()
	s.listening[port] = append(s.listening[port], l)
	if s.served[l.Local] == nil {
		s.served[l.Local] = l
	}
	if l.Local.Addr().IsUnspecified() {
		s.wild[port] = l
	}
}

// request counts a half-open connection for the listener that it came to.
func (s *space) request(sk *tcp.Socket) {
	if sk.State == tcp.SynReceived || sk.State == tcp.NewSynRecv {
		if l := s.listener(sk.Local); l != nil {
			s.requests[listenKey{l.Local.Addr(), l.Local.Port()}]++
		}
	}
}

// reuses reports whether connect() takes ports in TIME_WAIT between these addresses
// again before it is over (tcp_twsk_unique, net/ipv4/tcp_ipv4.c, v6.18):
// tcp_tw_reuse 1, or 2 and a loopback address; and timestamps on, which the peer
// must have too: that does not show.
func (s *space) reuses(local, remote netip.Addr) bool {
	mode, ok := s.ns.Settings.Int("net.ipv4.tcp_tw_reuse")
	if !ok || mode == 0 {
		return false
	}
	if mode == 2 && !local.IsLoopback() && !remote.IsLoopback() {
		return false
	}
	return s.setting("net.ipv4.tcp_timestamps", 1) != 0
}

// reusable reports whether connect() would take this TIME_WAIT socket's port
// again: reuses, and older than tcp_tw_reuse_delay (1 s where the setting does not
// exist yet, before 6.14).
func (s *space) reusable(sk *tcp.Socket) bool {
	if sk.State != tcp.TimeWait || !s.reuses(sk.Local.Addr(), sk.Remote.Addr()) {
		return false
	}
	age, known := sk.Age()
	if !known && s.pasted {
		return true // all but those of the last second or so, and no text tells which these are
	}
	return known && age >= s.reuseDelay()
}

// reuseDelay is how old a TIME_WAIT must be before tcp_tw_reuse takes its port.
func (s *space) reuseDelay() time.Duration {
	return time.Duration(s.setting("net.ipv4.tcp_tw_reuse_delay", 1000)) * time.Millisecond
}

// delta is how much a counter of the namespace grew between the two looks; ok
// is false with a single look or when the counter is missing or went backwards
// (the namespace was made anew).
func (s *space) delta(counter string) (uint64, bool) {
	if s.before == nil {
		return 0, false
	}
	b, ok1 := s.before.Counters[counter]
	n, ok2 := s.ns.Counters[counter]
	if !ok1 || !ok2 || n < b {
		return 0, false
	}
	return n - b, true
}

// setting returns a setting's number, or def where it is unknown.
func (s *space) setting(name string, def int64) int64 {
	if v, ok := s.ns.Settings.Int(name); ok {
		return v
	}
	return def
}
