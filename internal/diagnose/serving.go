package diagnose

import (
	"net/netip"
	"slices"

	"sockeye/internal/tcp"
)

// serving are the local ends of a saved table at which connections must have
// been accepted although no listener is shown: people paste what grep left over.
// connect() gives every connection a local port of its own as long as there are
// ports, so that a port which many connections from different remote ports share
// is one that somebody listens on. With many connections to many destinations
// some share by chance; servedShare is what no chance brings about.
const (
	servedFew   = 3
	servedShare = 8 // times what each port of the range would have on average
)

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
	least := servedFew + uint32(servedShare*all/ports)
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
