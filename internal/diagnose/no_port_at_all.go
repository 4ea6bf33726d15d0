package diagnose

import (
	"maps"
	"net/netip"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// noPortAtAll tells of a namespace whose range has no port left for connect(),
// whatever the destination, when anything there goes out or tries to.
func (x *examination) noPortAtAll(s *space) *found {
	failures, failed := x.failures(s.ns.Inode, "connect", errADDRNOTAVAIL, noAddr)
	total, goesOut := 0, false
	n := map[netip.AddrPort]int{}
	for g := range s.groups() {
		if !g.boundOnly(g.portUse()) {
			goesOut = true
			total += g.total()
			n[g.key.remote] += g.total()
		}
	}
	if !goesOut && failed == 0 {
		return nil // programs that bind first have their own finding
	}
	for _, fl := range failures {
		if somewhere(fl.Addr) {
			n[fl.Addr] += 0
		}
	}
	f := &found{id: "port-exhaustion", ns: s.ns.Inode, severity: Critical, certainty: Proven, dests: mostFrequent(maps.All(n))}
	f.values = x.rangeValues(s)
	f.values.Kind, f.values.Share, f.values.Total = "none", 1, uint64(total)
	f.blamed = x.blame(s.holders(x.now))
	if len(f.blamed) == 0 {
		f.blamed = x.blameCallers(failures)
	}
	f.facts = append(f.facts, fact{key: "usable", value: 0, source: s.rangeBy.String()})
	x.portsFailed(f, failed)
	if s.heldCount*2 > s.rangePorts {
		f.cures = append(f.cures, "no-port-at-bind")
	}
	f.cures = append(f.cures, rangeCures(s)...)
	return f
}

// holders are the sockets that keep ports of the range from every connect().
func (s *space) holders(sn *host.Snapshot) []*tcp.Socket {
	return matching(sn.Sockets, func(sk *tcp.Socket) bool {
		return sk.NetNS == s.ns.Inode && s.ephemeral(sk.Local.Port()) &&
			(sk.State == tcp.Listen || sk.State == tcp.Bound || sk.Port == tcp.PortBound)
	})
}
