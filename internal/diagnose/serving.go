package diagnose

import (
	"math"
	"net/netip"
	"slices"

	"sockeye/internal/tcp"
)

// serving are the local ends of a saved table at which connections must have
// been accepted although no listener is shown: people paste what grep left over.
// connect() gives every connection a local port of its own as long as there are
// ports, so that a port which many connections from different remote ports share
// is one that somebody listens on, where chance does not make it so: see byChance.
const (
	servedFew      = 3 // different remote ports, and connections, at least
	servedByChance = 1e-6
)

// byChance is how many connections share a local port by chance alone, with all of
// them spread over ports: with fewer than one in a million tables has such a port
// (the tail of Poisson's distribution). connect() prefers every second port
// (net/ipv4/inet_hashtables.c __inet_hash_connect, v6.18).
func byChance(all, ports int) uint32 {
	half := float64(max(ports/2, 1))
	mean := float64(all) / half
	for k := servedFew; ; k++ {
		faculty, _ := math.Lgamma(float64(k) + 1)
		at := math.Log(half) - mean + float64(k)*math.Log(mean) - faculty // ports with k of them, as a logarithm
		if float64(k) > mean && at < math.Log(servedByChance) {
			return uint32(k)
		}
	}
}

func (s *space) findServing(socks []tcp.Socket) {
	if !s.pasted {
		return
	}
	var perPort [65536]uint32
	all := 0
	for i := range socks {
		if sk := &socks[i]; s.unlisted(sk) {
			perPort[sk.Local.Port()]++
			all++
		}
	}
	ports := s.rangePorts
	if ports <= 0 {
		ports = defaultHigh - defaultLow
	}
	least := byChance(all, ports)
	type seen struct {
		n       uint32
		remotes [servedFew]uint16 // different ports of the other side
		kinds   int
	}
	ends := map[netip.AddrPort]*seen{}
	for i := range socks {
		sk := &socks[i]
		if perPort[sk.Local.Port()] < least || !s.unlisted(sk) {
			continue
		}
		e := ends[sk.Local]
		if e == nil {
			e = &seen{}
			ends[sk.Local] = e
		}
		e.n++
		if port := sk.Remote.Port(); e.kinds < servedFew && !slices.Contains(e.remotes[:e.kinds], port) {
			e.remotes[e.kinds] = port
			e.kinds++
		}
	}
	for end, e := range ends {
		if e.n >= least && e.kinds == servedFew {
			if s.serving == nil {
				s.serving = map[netip.AddrPort]bool{}
			}
			s.serving[end] = true
		}
	}
}

// unlisted: a connection of this namespace whose local end no listener serves.
func (s *space) unlisted(sk *tcp.Socket) bool {
	return sk.NetNS == s.ns.Inode && sk.State.Connected() && sk.State != tcp.SynSent && sk.Local.Port() != 0 && sk.Remote.Port() != 0 && !s.listens(sk.Local)
}
