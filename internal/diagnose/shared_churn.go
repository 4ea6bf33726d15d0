package diagnose

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// load is what goes to one destination.
type load struct {
	at    netip.AddrPort
	socks []*tcp.Socket
	rest  int // of these, in TIME_WAIT
	alive int // in ESTABLISHED
}

// sharedLoads are the destinations of a space whose TIME_WAIT sockets hold a good
// part of its ports, the busiest first.
func (x *examination) sharedLoads(s *space) []*load {
	there := func(sk *tcp.Socket) way {
		at := sk.Remote
		if x.insideOnly(destKey{sk.NetNS, at}) { // each pair has a port of its own
			at = netip.AddrPortFrom(at.Addr(), 0)
		}
		return way{remote: at}
	}
	ends := newCensus(there)                 // of each group's first socket: all of them go the same way
	var counts []struct{ total, rest int32 } // by the ends' numbers
	for g := range s.groups() {
		n := ends.number(g.members[0])
		if n == len(counts) {
			counts = append(counts, struct{ total, rest int32 }{})
		}
		counts[n].total += int32(g.total())
		counts[n].rest += int32(g.in(tcp.TimeWait))
	}
	var busy []*load
	at := map[int]*load{}
	for n, c := range counts {
		if c.rest >= churnLeast && c.rest*2 >= c.total && float64(c.rest) >= churnShare*float64(s.rangePorts) {
			at[n] = &load{at: there(ends.first[n]).remote, rest: int(c.rest)}
			busy = append(busy, at[n])
		}
	}
	if len(busy) == 0 {
		return nil
	}
	for g := range s.groups() {
		if l := at[ends.number(g.members[0])]; l != nil {
			l.socks = append(l.socks, g.members...)
			l.alive += g.in(tcp.Established)
		}
	}
	slices.SortFunc(busy, func(a, b *load) int { return cmp.Or(cmp.Compare(b.rest, a.rest), a.at.Compare(b.at)) })
	return busy
}

// sharedChurn tells of destinations whose TIME_WAIT sockets hold a good part of
// the ports that all destinations share, the busiest first.
func (x *examination) sharedChurn() []*found {
	var out []*found
	for _, s := range x.spaces {
		if !s.sharesPorts() || !s.hasRange {
			continue
		}
		busy := x.sharedLoads(s)
		if len(busy) == 0 {
			continue
		}
		f := &found{id: "short-lived-connections", severity: Notice, certainty: Possible, ns: s.ns.Inode}
		rest, _ := s.timeWaitSeconds()
		f.values = knowledge.Values{Kind: "shared", Known: host.SystemName(s.os), Dest: endName(busy[0].at), Dests: uint64(len(busy)),
			Usable: uint64(s.rangePorts), Age: time.Duration(rest) * time.Second}
		var socks []*tcp.Socket
		for _, l := range busy {
			socks = append(socks, l.socks...)
			f.values.Count += uint64(l.rest)
			f.values.Other += uint64(l.alive)
			if len(f.dests) < MaxDestinations {
				f.dests = append(f.dests, destination(l.at, len(l.socks)))
			}
		}
		f.blamed = x.blame(socks)
		f.facts = append(f.facts,
			fact{key: "shared-time-wait", value: float64(f.values.Count), source: x.socketSource()},
			fact{key: "established", value: float64(f.values.Other), source: x.socketSource()})
		f.cures = append([]string{"reuse-connections"}, x.sharedCures(s)...)
		out = append(out, f)
	}
	return out
}
