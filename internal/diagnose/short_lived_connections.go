package diagnose

import (
	"maps"
	"net/netip"
	"time"

	"sockeye/internal/tcp"
)

// A destination's TIME_WAIT sockets are churn worth a word when they occupy a
// tenth of the ports that it could have, or will at the present rate: 2,500 of
// 28,232 was called normal by those who run such machines (HEALTHY.md H4).
// churnLeast keeps small private ranges from talking about a handful.
const (
	churnShare = 0.1
	churnLeast = 50
)

// What was seen of a destination proves churn when so many connections there
// ended, at least half of as many as were opened, and half of these lived no
// longer than shortLife, most of them closed from here.
const (
	churnEnded = 20
	shortLife  = 5 * time.Second
)

// shortLivedConnections: a program opens a connection for each piece of work and
// closes it first, so that each leaves a TIME_WAIT for 60 seconds. Levelling off
// far from the wall it is a notice; it is the usual cause of port-exhaustion.
// Destinations that press on no wall are told together. Where no TIME_WAIT is
// left here it is told if it fills what all connections share.
func shortLivedConnections(x *examination) []*found {
	var out []*found
	calm := map[*space][]*budget{}
	for _, b := range x.accounts {
		switch {
		case !x.churns(b):
		case b.share() >= portsNear || b.fullIn != nil:
			out = append(out, x.churnOf([]*budget{b}))
		default:
			calm[b.space] = append(calm[b.space], b)
		}
	}
	for _, s := range x.spaces {
		if len(calm[s]) > 0 {
			out = append(out, x.churnOf(calm[s]))
		}
	}
	return append(append(out, x.sharedChurn()...), x.churnElsewhere()...)
}

// shortLived reports whether what was seen to a destination is churn, whichever
// side closes first.
func (t *traffic) shortLived() bool {
	n := ended(t.ends)
	return n >= churnEnded && n*2 >= t.opened-t.failed && t.lifetime.Count() > 0 && t.lifetime.Quantile(0.5) <= shortLife
}

// churns reports whether a destination's TIME_WAIT sockets are worth a word.
func (x *examination) churns(b *budget) bool {
	tw := b.use.waiting
	return tw >= churnLeast && tw*2 >= b.group.total() &&
		float64(max(tw, b.plateau)) >= churnShare*float64(x.portsFor(b))
}

// churnOf tells of one destination, or of several of a namespace, the busiest first.
func (x *examination) churnOf(list []*budget) *found {
	b := list[0]
	f := &found{id: "short-lived-connections", severity: Notice, certainty: Proven, ns: b.space.ns.Inode}
	f.values = x.portValues(b)
	f.values.Usable = uint64(max(x.portsFor(b), 0))
	f.values.Dests = uint64(len(list))
	total := 0
	for _, b := range list {
		total += b.group.total()
	}
	members := make([]*tcp.Socket, 0, total)
	tw, living := 0, 0
	for _, b := range list {
		// Of several that are told together the least sure one counts.
		if c := x.churnCertainty(b); c == Possible || f.certainty == Proven {
			f.certainty = c
		}
		tw += b.use.waiting
		living += b.group.in(tcp.Established)
		members = append(members, b.group.members...)
	}
	f.values.Count, f.values.Other = uint64(tw), uint64(living)
	f.blamed = x.blame(members)
	f.dests = destinationsOfBudgets(list)
	x.codeByFlows(f)
	c := x.timeWaitsClosed(members)
	switch {
	case c.contradicts():
		f.values.Kind = "unclear"
	case c.mixed():
		f.values.Kind = "mixed"
	}
	v := f.values
	v.Share = c.share() // of the connections, not of the ports
	f.facts = append(f.facts,
		fact{key: "time-wait", value: float64(tw), source: x.socketSource(), values: &v},
		fact{key: "established", value: float64(living), source: x.socketSource()})
	x.closedFacts(f, members)
	if b.reuse > 0 {
		v := f.values
		v.Other = uint64(b.reuse)
		f.facts = append(f.facts, fact{key: "reusable", value: float64(b.reuse), source: x.socketSource(), values: &v})
	}
	if f.values.Rate > 0 {
		f.facts = append(f.facts, fact{key: "rate", value: b.rate, source: x.rateSource()})
	}
	f.cures = append(f.cures, "reuse-connections")
	if bound, _ := b.group.bound(); bound*2 >= b.group.total() {
		f.cures = append(f.cures, "no-port-at-bind")
	}
	if b.share() >= portsNear || b.fullIn != nil {
		f.cures = append(f.cures, x.kernelPortCures(b)...)
	}
	return f
}

// destinationsOfBudgets lists where the connections of accounts go, most first.
func destinationsOfBudgets(list []*budget) []Destination {
	n := map[netip.AddrPort]int{}
	for _, b := range list {
		n[b.group.key.remote] += b.group.total()
	}
	return mostFrequent(maps.All(n))
}

// churnCertainty is how sure it is that a destination's TIME_WAIT sockets come
// from short-lived connections.
func (x *examination) churnCertainty(b *budget) Certainty {
	t := x.trafficTo(destKey{b.space.ns.Inode, b.group.key.remote})
	switch {
	case t.shortLived() && t.ends.Local*2 > ended(t.ends):
		return Proven
	case b.rate > 0 || b.exhausted() && b.space.rangeBy != rangeSeen:
		return Likely // seen in the act: new ones within the last seconds, or as many as there is room for
	}
	return Possible
}

// portsFor is how many ports a destination's connections have to themselves; for
// those that bind first it is what bind() may hand out on their address.
func (x *examination) portsFor(b *budget) int {
	if b.boundOnly() {
		return x.poolCapacity(b)
	}
	return b.usable
}

// poolCapacity is how many ports bind() may hand out on a group's source address.
func (x *examination) poolCapacity(b *budget) int {
	for _, p := range x.pools {
		if p.space == b.space && p.laddr == b.group.key.laddr {
			return p.capacity
		}
	}
	return b.space.rangePorts
}
