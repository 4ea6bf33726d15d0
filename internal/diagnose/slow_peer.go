package diagnose

import (
	"cmp"
	"net/netip"
	"slices"

	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// Clients pause (a film, a sleeping phone): some closed windows are everyday for
// a server, a fifth of its connections are not. Few connections to one
// destination are few to wait for.
const (
	pausedIn   = 5
	pausedPart = 0.05
	wallIn     = 20
	wallPart   = 0.2
	wallOut    = 3
)

// slowPeer: the peer's window is closed and stays so; what the program writes
// lies in our memory, and a write() that blocks holds a thread.
func slowPeer(x *examination) []*found {
	type pile struct {
		key   peerKey
		socks []*tcp.Socket
	}
	at := map[peerKey]*pile{}
	match := func(sk *tcp.Socket) bool {
		return sk.SendQ > 0 && sk.Timer.Kind == tcp.TimerPersist
	}
	for _, sk := range x.shutOut(match) {
		k := peerKey{ns: sk.NetNS, at: sk.Remote}
		if !x.space(sk.NetNS).outgoing(sk) {
			k.server, k.at = true, netip.AddrPortFrom(netip.Addr{}, sk.Local.Port())
		}
		if at[k] == nil {
			at[k] = &pile{key: k}
		}
		at[k].socks = append(at[k].socks, sk)
	}
	var out []*found
	for _, p := range at {
		if f := x.slowPeerOf(p.key, p.socks); f != nil {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b *found) int {
		return cmp.Or(cmp.Compare(b.values.Count, a.values.Count), cmp.Compare(a.ns, b.ns), cmp.Compare(a.values.Dest, b.values.Dest))
	})
	return out
}

// shutOut returns the sockets whose peer's window was closed in both looks and
// took nothing in between. Where the peer is a program of this machine that does
// not read (slow-reader) or does not accept, that one is to blame.
func (x *examination) shutOut(match func(*tcp.Socket) bool) []*tcp.Socket {
	var socks []*tcp.Socket
	for _, st := range []tcp.State{tcp.Established, tcp.CloseWait} {
		socks = append(socks, only(x.state(st), match)...)
	}
	was, ends := x.earlier(socks), x.otherEnds(socks, tcp.Established, tcp.CloseWait, tcp.FinWait2)
	var out []*tcp.Socket
	for i, sk := range socks {
		if ends[i] != nil && ends[i].RecvQ > 0 {
			continue
		}
		if x.before != nil && (was[i] == nil || !match(was[i]) || took(was[i], sk)) {
			continue
		}
		out = append(out, sk)
	}
	return out
}

// took reports whether the peer took any data between the looks.
func took(was, now *tcp.Socket) bool {
	if was.Info == nil || now.Info == nil {
		return now.SendQ < was.SendQ
	}
	return now.Info.BytesAcked > was.Info.BytesAcked
}

func (x *examination) slowPeerOf(k peerKey, socks []*tcp.Socket) *found {
	n, total := len(socks), 0
	for _, sk := range x.state(tcp.Established) {
		if sk.NetNS != k.ns {
			continue
		}
		if sk.Remote == k.at || k.server && sk.Local.Port() == k.at.Port() {
			total++
		}
	}
	f := &found{id: "slow-peer", severity: Notice, certainty: Likely, ns: k.ns}
	switch {
	case !k.server && n >= wallOut, k.server && n >= wallIn && float64(n) >= wallPart*float64(total):
		f.severity = Warning
	case !k.server, n >= pausedIn && float64(n) >= pausedPart*float64(total):
	default:
		return nil
	}
	if x.before == nil {
		f.severity, f.certainty = Notice, Possible
	}
	var bytes uint64
	probes := 0
	for _, sk := range socks {
		bytes += uint64(sk.SendQ)
		probes = max(probes, int(sk.Timer.Retries))
	}
	f.blamed = x.blame(socks)
	f.values = knowledge.Values{Count: uint64(n), Total: uint64(total), Other: bytes, Limit: uint64(probes)}
	if k.server {
		f.dests = destinations(socks)
		f.values.Lport = k.at.Port()
		f.values.Dest = endName(socks[0].Local)
	} else {
		f.dests = destinations(socks)
	}
	source := x.socketSource()
	f.facts = append(f.facts, fact{key: "window", value: float64(n), source: source},
		fact{key: "unsent", value: float64(bytes), source: source})
	f.cures = []string{"write-deadline", "bound-buffers"}
	return f
}
