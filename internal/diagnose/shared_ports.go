package diagnose

import (
	"cmp"
	"net/netip"
	"slices"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// sharedPool is the account of the local ports of a system that gives each to
// one connection at a time, whatever its destination (Windows, macOS). IPv4 and
// IPv6 have a range each.
type sharedPool struct {
	space    *space
	family   string // "ipv4" or "ipv6"
	capacity int    // ports of the range that are not excluded
	used     int    // distinct ports of it that anything holds, in any state
	resting  int    // of those, held by TIME_WAIT alone
	bound    int    // of those, bound and neither listening nor connected
	socks    int    // how many hold them
	listed   bool   // sockets were listed: else the use is unknown
}

func (p *sharedPool) share() float64 {
	if p.capacity <= 0 || !p.listed {
		return 0
	}
	return float64(p.used) / float64(p.capacity)
}

// Shares of the dynamic ports. Many TIME_WAIT alone are no alarm (HEALTHY.md H5);
// who reads a table seldom catches the last port being taken, so that a hundredth
// may be free when there is none.
const (
	sharedFull = 0.99
	sharedNear = portsFull
)

// sharedPools makes the accounts of the spaces that share their ports, the fuller
// family first; IPv6 only where it has anything.
func (x *examination) sharedPools() []*sharedPool {
	var out []*sharedPool
	for _, s := range x.spaces {
		if !s.sharesPorts() || !s.hasRange {
			continue
		}
		pools := []*sharedPool{{space: s, family: "ipv4", capacity: s.rangePorts}, {space: s, family: "ipv6", capacity: s.rangePorts}}
		if v := s.ns.Settings.Ints(dynamicPorts + "ipv6.tcp"); len(v) == 2 && v[1] > 0 && v[1] <= 65535 {
			pools[1].capacity = int(v[1])
		}
		for _, p := range pools {
			p.count(x.now.Sockets)
		}
		if pools[1].used == 0 {
			pools = pools[:1]
		}
		slices.SortStableFunc(pools, func(a, b *sharedPool) int { return cmp.Compare(b.share(), a.share()) })
		out = append(out, pools...)
	}
	return out
}

func (p *sharedPool) count(socks []tcp.Socket) {
	var taken, alive, connected host.Ports
	var bound []uint16
	p.listed = slices.ContainsFunc(socks, func(sk tcp.Socket) bool { return sk.NetNS == p.space.ns.Inode })
	for i := range socks {
		sk := &socks[i]
		if !p.takes(sk) {
			continue
		}
		p.socks++
		port := sk.Local.Port()
		if !taken.Has(port) {
			taken.Add(port)
			p.used++
		}
		switch {
		case sk.State == tcp.Bound:
			bound = append(bound, port)
		case sk.State != tcp.TimeWait:
			alive.Add(port)
		}
		if sk.State != tcp.Bound {
			connected.Add(port)
		}
	}
	var counted, lone host.Ports
	for i := range socks {
		sk := &socks[i]
		if port := sk.Local.Port(); sk.State == tcp.TimeWait && !alive.Has(port) && !counted.Has(port) && p.takes(sk) {
			counted.Add(port)
			p.resting++
		}
	}
	for _, port := range bound {
		if !connected.Has(port) && !lone.Has(port) {
			lone.Add(port)
			p.bound++
		}
	}
}

// takes reports whether a socket holds a port of the pool.
func (p *sharedPool) takes(sk *tcp.Socket) bool {
	return sk.NetNS == p.space.ns.Inode && p.space.handsOut(sk.Local.Port()) && sk.State != tcp.Closed && familyOf(sk) == p.family
}

// familyOf tells whose range a socket's port is of. A name or a mask is taken for
// IPv4, of which nearly all are.
func familyOf(sk *tcp.Socket) string {
	for _, a := range []netip.Addr{sk.Local.Addr(), sk.Remote.Addr()} {
		if a.IsValid() && !isName(a) {
			if a.Is6() && !sk.V4Mapped {
				return "ipv6"
			}
			return "ipv4"
		}
	}
	return "ipv4"
}

func (p *sharedPool) limit() host.Limit {
	l := host.Limit{ID: "dynamic-ports", Unit: "ports", Capacity: uint64(max(p.capacity, 0)), Scope: host.Scope{NetNS: p.space.ns.Inode}}
	if p.family == "ipv6" {
		l.Scope.Family = p.family
	}
	if p.listed {
		used := uint64(p.used)
		l.Used = &used
	}
	return l
}

// sharedPortExhaustion: every dynamic port is taken, by connections to all
// destinations together, and no connect() finds one.
func sharedPortExhaustion(x *examination) []*found {
	var out []*found
	for _, p := range x.shared {
		switch share := p.share(); {
		case share >= 1:
			out = append(out, x.sharedRunOut(p, Critical, Proven))
		case share >= sharedFull:
			out = append(out, x.sharedRunOut(p, Critical, Likely))
		case share >= sharedNear:
			out = append(out, x.sharedRunOut(p, Warning, Possible))
		}
	}
	return out
}

func (x *examination) sharedRunOut(p *sharedPool, sev Severity, sure Certainty) *found {
	s := p.space
	f := &found{id: "port-exhaustion", severity: sev, certainty: sure, ns: s.ns.Inode, wide: true}
	f.values = knowledge.Values{Kind: "shared", Known: host.SystemName(s.os), Count: uint64(p.used), Usable: uint64(max(p.capacity, 0)), Share: p.share(),
		Capacity: uint64(int(s.high) - int(s.low) + 1), Low: s.low, High: s.high, Total: uint64(p.socks)}
	f.values.NewLow, f.values.NewHigh = widerShared(s.low, s.high)
	socks := matching(x.now.Sockets, p.takes)
	outgoing := only(socks, s.outgoing)
	f.dests = destinations(outgoing)
	f.blamed = x.blame(only(socks, func(sk *tcp.Socket) bool { return sk.State != tcp.Listen }))
	source := x.socketSource()
	add := func(key string, n int, set func(*knowledge.Values)) {
		if n > 0 {
			v := f.values
			v.Other = uint64(n)
			if set != nil {
				set(&v)
			}
			f.facts = append(f.facts, fact{key: key, value: float64(n), source: source, values: &v})
		}
	}
	add("shared-used", p.used, nil)
	f.facts = append(f.facts, fact{key: "shared-range", value: float64(p.capacity), source: s.rangeBy.String(), values: &f.values})
	rest, exact := s.timeWaitSeconds()
	add("shared-time-wait", p.resting, func(v *knowledge.Values) {
		v.Limit = uint64(rest)
		if !exact && s.os == "windows" {
			v.Value = "unsure"
		}
	})
	add("shared-bound", p.bound, nil)
	if len(f.dests) > 0 && f.dests[0].Sockets*10 >= p.used {
		add("shared-busiest", f.dests[0].Sockets, func(v *knowledge.Values) { v.Dest = destString(f.dests[0]) })
	}
	switch {
	case p.bound*2 > p.used:
		f.cures = []string{"close-on-error"}
	default:
		f.cures = sourceCures(mostly(outgoing))
	}
	f.cures = append(f.cures, x.sharedCures(s)...)
	return f
}

// sharedCures are the settings that would give such a system more ports.
func (x *examination) sharedCures(s *space) []string {
	if s.os == "windows" && beforeVista(&x.now.Machine) {
		if s.high < userPortHigh {
			return []string{"raise-user-port"}
		}
		return nil
	}
	if low, high := widerShared(s.low, s.high); int(high)-int(low) <= int(s.high)-int(s.low) {
		return nil
	}
	if s.os == "windows" {
		return []string{"widen-dynamic-ports"}
	}
	return []string{"widen-port-range-bsd"}
}

// widerShared proposes bounds above where services usually listen.
func widerShared(low, high uint16) (uint16, uint16) { return min(low, 10000), max(high, 65535) }
