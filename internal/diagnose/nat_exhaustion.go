package diagnose

import (
	"net/netip"

	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// A gateway that has run out of ports for a destination lets the connections
// that it knows live and drops new ones. To suspect that, enough must live that
// the destination is surely well, and enough wait that it is no single loss.
const (
	natLiving = 20
	natStuck  = 5
)

// natExhaustion: new connections to a public destination stay unanswered while
// others to it live, from a private address that somebody must translate. Only
// the gateway can prove it; a full accept queue over there looks the same.
func natExhaustion(x *examination) []*found {
	var out []*found
	for _, o := range x.openings() {
		if o.stuck < natStuck || o.living < natLiving || !public(o.remote.Addr()) || o.space.conntrackFull() {
			continue
		}
		translated, used := 0, 0
		for _, sk := range o.waiting {
			if needsNAT(sk.Local.Addr()) {
				translated++
			}
		}
		for _, b := range x.accounts {
			if b.space == o.space && b.group.key.remote == o.remote {
				used = max(used, int(b.share()*100))
			}
		}
		if translated < natStuck || used >= 50 { // ports here are the nearer suspect
			continue
		}
		f := &found{id: "nat-exhaustion", severity: Notice, certainty: Possible, ns: o.space.ns.Inode}
		f.values = knowledge.Values{Count: uint64(o.stuck), Other: uint64(o.living), Dest: endName(o.remote),
			Raddr: addrName(o.remote.Addr()), Rport: o.remote.Port(), Laddr: addrName(o.waiting[0].Local.Addr()),
			Share: float64(used) / 100, State: tcp.SynSent.String()}
		f.dests = []Destination{destination(o.remote, len(o.waiting))}
		f.blamed = x.blame(o.waiting)
		f.facts = append(f.facts,
			fact{key: "waiting", value: float64(o.stuck), source: x.socketSource()},
			fact{key: "living", value: float64(o.living), source: x.socketSource()},
			fact{key: "private", value: float64(translated), source: x.socketSource()})
		f.cures = []string{"reuse-connections", "ask-gateway", "connect-timeout"}
		out = append(out, f)
	}
	return out
}

// sharedSpace is RFC 6598: addresses behind a provider's own translation.
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// needsNAT reports whether an IPv4 source address is translated before its
// packets reach a public destination (RFC 1918, RFC 6598).
func needsNAT(a netip.Addr) bool {
	return a.Is4() && (a.IsPrivate() || sharedSpace.Contains(a))
}

// public reports whether an IPv4 address is one that the whole internet shares.
func public(a netip.Addr) bool {
	return a.Is4() && a.IsGlobalUnicast() && !needsNAT(a)
}

// conntrackFull reports whether this machine's own connection tracking is what
// drops new connections.
func (s *space) conntrackFull() bool {
	most, ok := s.ns.Settings.Int("net.netfilter.nf_conntrack_max")
	return ok && most > 0 && s.ns.ConntrackCount.Known && s.ns.ConntrackCount.Value*20 >= uint64(most)*19
}
