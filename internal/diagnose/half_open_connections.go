package diagnose

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// Four retransmissions without an answer take three seconds on a near network
// (the timeout starts at 200 ms and doubles), six take over twelve: longer than
// a route change or a lost access point usually lasts.
const (
	deadRetries = 4
	goneRetries = 6
)

// Programs reach out to few peers: three dead connections to one are its fault
// or the path's. Clients of a server vanish all the time (HEALTHY.md H13): there
// it takes a fifth of all.
const (
	deadOut      = 3
	deadIn       = 5
	deadShare    = 0.05
	vanishedIn   = 10
	vanishedPart = 0.2
)

// Connections that nothing would notice dying: silent for as long as the kernel
// waits by default before it would probe (tcp_keepalive_time, 7200 s), without
// keepalive, and from many machines; pools come from few (HEALTHY.md H8, H24).
const (
	quietLong  = 2 * time.Hour
	quietMany  = 100
	quietPart  = 0.5
	quietPeers = 10
)

// peerKey is a destination, or a listener for accepted connections.
type peerKey struct {
	ns     uint64
	at     netip.AddrPort
	server bool
}

type peerGroup struct {
	key                 peerKey
	silent, gone, quiet []*tcp.Socket
	total, alive, retry int
	hosts               map[netip.Addr]bool
}

// halfOpenConnections: ESTABLISHED here, while the other end no longer exists or
// can no longer be reached: a firewall, NAT gateway or load balancer forgot the
// connection, or the peer lost power.
func halfOpenConnections(x *examination) []*found {
	var out []*found
	for _, g := range x.silentPeers() {
		if f := x.halfOpenOf(g); f != nil {
			out = append(out, f)
		}
	}
	return out
}

func (x *examination) silentPeers() []*peerGroup {
	at := map[peerKey]*peerGroup{}
	lining := x.inLine()
	x.amongPeers(func(sk *tcp.Socket) bool { return dead(sk) && !lining(sk) || mute(sk) }, func(k peerKey, sk *tcp.Socket) {
		if !dead(sk) && !k.server {
			return // a pool of ours may rest as long as it likes
		}
		g := at[k]
		if g == nil {
			g = &peerGroup{key: k}
			at[k] = g
		}
		g.add(sk)
	})
	if len(at) == 0 {
		return nil
	}
	x.amongPeers(func(*tcp.Socket) bool { return true }, func(k peerKey, sk *tcp.Socket) {
		if g := at[k]; g != nil {
			g.total++
			if sk.Info != nil && !dead(sk) && sk.Timer.Kind != tcp.TimerOn && sk.Info.LastAck < 10*time.Second {
				g.alive++
			}
		}
	})
	out := make([]*peerGroup, 0, len(at))
	for _, g := range at {
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *peerGroup) int {
		return cmp.Or(cmp.Compare(len(b.silent), len(a.silent)), cmp.Compare(a.key.ns, b.key.ns), a.key.at.Compare(b.key.at))
	})
	return out
}

// dead reports whether the peer has not answered several retransmissions.
func dead(sk *tcp.Socket) bool {
	return sk.Timer.Kind == tcp.TimerOn && sk.SendQ > 0 && sk.Timer.Retries >= deadRetries
}

// inLine returns what tells whether a connection leads to a listener of this
// machine that has no room: its client takes it for established, but the
// listener has dropped the last step of the handshake and will take it later.
// That is accept-queue-overflow and no peer that is gone.
func (x *examination) inLine() func(*tcp.Socket) bool {
	type line struct {
		s *space
		l *tcp.Socket
	}
	full := map[uint16][]line{}
	for _, s := range x.spaces {
		for port, list := range s.listening {
			for _, l := range list {
				if l.RecvQ > 0 && l.RecvQ >= l.SendQ {
					full[port] = append(full[port], line{s, l})
				}
			}
		}
	}
	return func(sk *tcp.Socket) bool {
		return slices.ContainsFunc(full[sk.Remote.Port()], func(f line) bool {
			at := sk.Remote.Addr()
			if a := f.l.Local.Addr(); !a.IsUnspecified() {
				return a == at
			}
			return slices.Contains(f.s.ns.Addrs, at) || f.s.ns.Inode == sk.NetNS && sk.Local.Addr() == at
		})
	}
}

// mute reports whether nothing has moved for very long and nothing would notice
// if the peer were gone.
func mute(sk *tcp.Socket) bool {
	return sk.Info != nil && sk.Timer.Kind == tcp.TimerOff && min(sk.Info.LastRecv, sk.Info.LastSend, sk.Info.LastAck) >= quietLong
}

// amongPeers hands every established connection for which match holds to each,
// with the destination or listener it belongs to. Loopback has no peer to lose.
func (x *examination) amongPeers(match func(*tcp.Socket) bool, each func(peerKey, *tcp.Socket)) {
	var s *space
	for _, sk := range x.state(tcp.Established) {
		if !match(sk) || sk.Remote.Addr().IsLoopback() {
			continue
		}
		if s == nil || s.ns.Inode != sk.NetNS {
			s = x.space(sk.NetNS)
		}
		k := peerKey{ns: sk.NetNS, at: sk.Remote}
		if !s.outgoing(sk) {
			k.server, k.at = true, netip.AddrPortFrom(netip.Addr{}, sk.Local.Port())
		}
		each(k, sk)
	}
}

func (g *peerGroup) add(sk *tcp.Socket) {
	if dead(sk) {
		g.silent = append(g.silent, sk)
		g.retry = max(g.retry, int(sk.Timer.Retries))
		if sk.Timer.Retries >= goneRetries {
			g.gone = append(g.gone, sk)
		}
		return
	}
	g.quiet = append(g.quiet, sk)
	if g.hosts == nil {
		g.hosts = map[netip.Addr]bool{}
	}
	if len(g.hosts) < quietPeers {
		g.hosts[sk.Remote.Addr()] = true
	}
}

func (x *examination) halfOpenOf(g *peerGroup) *found {
	f := &found{id: "half-open-connections", severity: Notice, certainty: Likely, ns: g.key.ns}
	socks := g.silent
	n, gone := len(g.silent), len(g.gone)
	switch {
	case !g.key.server && gone >= deadOut:
		f.severity, f.certainty = Warning, Proven
	case !g.key.server && n >= deadOut && n*2 >= g.total && g.alive == 0:
		f.severity = Warning // nobody there answers, though it may still come back
	case !g.key.server && n > 0:
	case g.key.server && gone >= vanishedIn && float64(gone) >= vanishedPart*float64(g.total):
		f.severity = Warning
	case g.key.server && n >= deadIn && float64(n) >= deadShare*float64(g.total):
	case len(g.quiet) >= quietMany && float64(len(g.quiet)) >= quietPart*float64(g.total) && len(g.hosts) >= quietPeers:
		f.certainty = Possible
		socks = g.quiet
	default:
		return nil
	}
	f.values = knowledge.Values{Count: uint64(len(socks)), Total: uint64(g.total), Limit: uint64(g.retry), State: tcp.Established.String()}
	f.blamed = x.blame(socks)
	source := x.socketSource()
	if g.key.server {
		f.values.Lport, f.values.Dest = g.key.at.Port(), endName(busiestEnd(socks))
	} else {
		f.dests = destinations(socks)
		f.values.Dest = destString(f.dests[0])
	}
	if f.certainty == Possible {
		f.values.Age = oldest(socks)
		f.facts = append(f.facts, fact{key: "quiet", value: float64(len(socks)), source: source})
		f.cures = []string{"enable-keepalive", "idle-timeout"}
		return f
	}
	f.facts = append(f.facts, fact{key: "silent", value: float64(n), source: source})
	if age := oldest(socks); age > 0 {
		v := f.values
		v.Age = age
		f.facts = append(f.facts, fact{key: "age", value: age.Seconds(), source: source, values: &v})
	}
	if g.alive > 0 {
		v := f.values
		v.Other = uint64(g.alive)
		f.facts = append(f.facts, fact{key: "alive", value: float64(g.alive), source: source, values: &v})
	}
	f.cures = []string{"enable-keepalive"}
	if g.key.server {
		f.cures = append(f.cures, "idle-timeout")
	}
	return f
}
