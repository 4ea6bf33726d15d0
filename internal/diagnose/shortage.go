package diagnose

import (
	"net/netip"

	"sockeye/internal/tcp"
)

// portsAmple is the share of a destination's ports below which EADDRNOTAVAIL from
// connect() is not put down to a lack of them at all: then the program has a
// range or a port of its own (IP_LOCAL_PORT_RANGE, bind), or there is no source
// address (address-not-local).
const portsAmple = 0.5

// shortage is the connects to a destination that failed with EADDRNOTAVAIL, and
// how sure it is that they did so for want of a port.
type shortage struct {
	failed uint64
	taken  int       // ports that were taken in either look, those to be taken again too
	sure   Certainty // "" where nothing failed
}

// shortage returns what failed for want of a port of this account. Of the source
// addresses that have one to the same destination it is that with the fewest
// ports left: a call that failed had none to tell.
func (x *examination) shortage(b *budget) shortage {
	if x.short == nil {
		x.short = x.shortages()
	}
	return x.short[b]
}

// shortages judges the destinations to which connects were seen to fail, in one pass.
func (x *examination) shortages() map[*budget]shortage {
	out := map[*budget]shortage{}
	type end struct {
		destKey
		laddr netip.Addr
	}
	failed, budgets := map[destKey]uint64{}, map[end]*budget{}
	for _, b := range x.accounts {
		k := destKey{b.space.ns.Inode, b.group.key.remote}
		if _, known := failed[k]; !known {
			failed[k] = 0
			for _, fl := range x.seenAt(k).noPort {
				failed[k] += fl.Count
			}
		}
		if failed[k] > 0 {
			budgets[end{k, b.group.key.laddr}] = b
		}
	}
	if len(budgets) == 0 {
		return out
	}
	// Ports of the first look that the last one shows free again.
	left := map[*budget]map[uint16]bool{}
	if x.before != nil {
		for i := range x.before.Sockets {
			sk := &x.before.Sockets[i]
			b := budgets[end{destKey{sk.NetNS, sk.Remote}, sk.Local.Addr()}]
			if port := sk.Local.Port(); b != nil && sk.State.Connected() && b.space.handsOut(port) && !b.space.held.Has(port) {
				if left[b] == nil {
					left[b] = map[uint16]bool{}
				}
				left[b][port] = true
			}
		}
	}
	fullest := map[destKey]*budget{}
	for _, b := range x.accounts { // in order: of two alike the first
		k := destKey{b.space.ns.Inode, b.group.key.remote}
		if failed[k] == 0 {
			continue
		}
		for _, sk := range b.group.members {
			delete(left[b], sk.Local.Port())
		}
		s := shortage{failed: failed[k], taken: b.used + b.reuse + len(left[b])}
		s.sure = x.wanting(b, s.taken)
		out[b] = s
		switch other := fullest[k]; {
		case other == nil:
			fullest[k] = b
		case s.taken > out[other].taken:
			delete(out, other)
			fullest[k] = b
		default:
			delete(out, b)
		}
	}
	for b, s := range out {
		if s.sure == "" {
			delete(out, b)
		}
	}
	return out
}

// wanting says how sure it is that a connect() which failed found no port, when
// so many were taken in either look. Ports that tcp_tw_reuse hands out again are
// among them: each was not to be had for a second, nor is at all where the peer
// has no timestamps. What came and went between the looks and left no TIME_WAIT
// may have taken the others: nothing shows how many of them at the same time.
func (x *examination) wanting(b *budget, taken int) Certainty {
	t := x.trafficTo(destKey{b.space.ns.Inode, b.group.key.remote})
	passing := ended(t.ends) - t.ends.Local
	if x.seen.Window > tcp.TimeWaitLen { // whose TIME_WAIT ended too
		passing = ended(t.ends)
	}
	most := portsFull * float64(b.usable)
	switch {
	case float64(taken) >= most:
		return Proven
	case float64(taken)+float64(passing) >= most:
		return Likely
	case float64(taken) >= portsAmple*float64(b.usable):
		return Possible
	}
	return ""
}
