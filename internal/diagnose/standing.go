package diagnose

import (
	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// Growth is read from a window of about a second, so it must be plain: several
// connections more, and most of those that were there before still there. Groups
// that hold less than a tenth of their ports are not looked at: nothing would be
// said of them.
const (
	growthLeast = 5
	growthShare = 0.1
)

// standingGrowth is how many connections per second of this group came between
// the two looks and stayed, when none of them went; 0 with a single look.
func (x *examination) standingGrowth(s *space, g group, standing, usable int) float64 {
	if x.before == nil || x.window <= 0 || !looksStanding(standing, usable) {
		return 0
	}
	if x.standing == nil {
		x.standing = x.standingThen()
	}
	_, came, gone := x.compare(x.standing[openKeyOf(s, g)], only(g.members, stands))
	if gone > 0 || len(came) < growthLeast {
		return 0
	}
	return float64(len(came)) / x.window.Seconds()
}

func looksStanding(standing, usable int) bool {
	return usable > 0 && float64(standing) >= growthShare*float64(usable)
}

// stands reports whether a connection does not go away by itself.
func stands(sk *tcp.Socket) bool { return sk.State != tcp.TimeWait && sk.State.Connected() }

// standingThen lists the standing connections of the first look for every group
// that growth is asked of, in one pass: a machine may have hundreds of them.
func (x *examination) standingThen() map[openKey][]*tcp.Socket {
	out, spaces := map[openKey][]*tcp.Socket{}, map[uint64]*space{}
	var ports host.Ports // a cheap look before the expensive one
	for _, s := range x.spaces {
		spaces[s.ns.Inode] = s
		if !s.hasRange {
			continue
		}
		usable := s.rangePorts - s.heldCount
		for g := range s.groups() {
			if !looksStanding(g.total(), usable) { // what is free to stand is no more
				continue
			}
			if u := g.portUse(); looksStanding(u.free-u.resting, usable) {
				out[openKeyOf(s, g)] = nil
				ports.Add(g.key.remote.Port())
			}
		}
	}
	for i := range x.before.Sockets {
		sk := &x.before.Sockets[i]
		if !stands(sk) || !ports.Has(sk.Remote.Port()) {
			continue
		}
		k := openKey{sk.NetNS, groupKey{sk.Local.Addr(), sk.Remote}}
		if list, ok := out[k]; ok && spaces[sk.NetNS].outgoing(sk) {
			out[k] = append(list, sk)
		}
	}
	return out
}
