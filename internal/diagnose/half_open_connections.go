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
	var s *space
	for _, sk := range x.state(tcp.Established) {
		if sk.Remote.Addr().IsLoopback() {
			continue
		}
		if s == nil || s.ns.Inode != sk.NetNS {
			s = x.space(sk.NetNS)
		}
		k := peerKey{ns: sk.NetNS, at: sk.Remote}
		if !s.outgoing(sk) {
			k.server, k.at = true, netip.AddrPortFrom(netip.Addr{}, sk.Local.Port())
		}
		g := at[k]
		if g == nil {
			g = &peerGroup{key: k}
			at[k] = g
		}
		g.add(sk)
	}
	var out []*peerGroup
	for _, g := range at {
		if len(g.silent) > 0 || len(g.quiet) > 0 {
			out = append(out, g)
		}
	}
	slices.SortFunc(out, func(a, b *peerGroup) int {
		return cmp.Or(cmp.Compare(len(b.silent), len(a.silent)), cmp.Compare(a.key.ns, b.key.ns), a.key.at.Compare(b.key.at))
	})
	return out
}

func (g *peerGroup) add(sk *tcp.Socket) {
	g.total++
	retransmits := sk.Timer.Kind == tcp.TimerOn && sk.SendQ > 0
	switch {
	case retransmits && sk.Timer.Retries >= deadRetries:
		g.silent = append(g.silent, sk)
		g.retry = max(g.retry, int(sk.Timer.Retries))
		if sk.Timer.Retries >= goneRetries {
			g.gone = append(g.gone, sk)
		}
		return
	case sk.Info == nil:
		return
	case !retransmits && sk.Info.LastAck < 10*time.Second:
		g.alive++
	}
	if g.key.server && sk.Timer.Kind == tcp.TimerOff && min(sk.Info.LastRecv, sk.Info.LastSend, sk.Info.LastAck) >= quietLong {
		g.quiet = append(g.quiet, sk)
		if g.hosts == nil {
			g.hosts = map[netip.Addr]bool{}
		}
		if len(g.hosts) < quietPeers {
			g.hosts[sk.Remote.Addr()] = true
		}
	}
}

func (x *examination) halfOpenOf(g *peerGroup) *found {
	f := &found{id: "half-open-connections", severity: Notice, certainty: Likely, ns: g.key.ns}
	socks := g.silent
	n, dead := len(g.silent), len(g.gone)
	switch {
	case !g.key.server && dead >= deadOut:
		f.severity, f.certainty = Warning, Proven
	case !g.key.server && n > 0:
	case g.key.server && dead >= vanishedIn && float64(dead) >= vanishedPart*float64(g.total):
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
		f.dests, f.values.Lport = localEnds(socks), g.key.at.Port()
	} else {
		f.dests = destinations(socks)
	}
	f.values.Dest = destString(f.dests[0])
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
	f.cures = []string{"enable-keepalive", "idle-timeout"}
	return f
}
