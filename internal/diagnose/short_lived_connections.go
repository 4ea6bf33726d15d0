package diagnose

import "sockeye/internal/tcp"

// A destination's TIME_WAIT sockets are churn worth a word when they occupy a
// tenth of the ports that it could have, or will at the present rate: 2,500 of
// 28,232 was called normal by those who run such machines (HEALTHY.md H4).
// churnLeast keeps small private ranges from talking about a handful.
const (
	churnShare = 0.1
	churnLeast = 50
)

// shortLivedConnections: a program opens a connection for each piece of work and
// closes it first, so that each leaves a TIME_WAIT for 60 seconds. Levelling off
// far from the wall it is a notice; it is the usual cause of port-exhaustion.
func shortLivedConnections(x *examination) []*found {
	var out []*found
	for _, b := range x.accounts {
		g := b.group
		tw, usable := g.byState[tcp.TimeWait], b.usable
		if b.boundOnly() {
			usable = x.poolCapacity(b)
		}
		if tw < churnLeast || float64(max(tw, b.plateau)) < churnShare*float64(usable) || tw*2 < g.total {
			continue
		}
		f := &found{id: "short-lived-connections", severity: Notice, certainty: Possible, ns: b.space.ns.Inode}
		if b.rate > 0 || b.used >= b.usable {
			f.certainty = Likely // seen in the act: new ones within the last seconds, or as many as there is room for
		}
		f.values = x.portValues(b)
		f.values.Count, f.values.Usable = uint64(tw), uint64(max(usable, 0))
		f.values.Other = uint64(g.byState[tcp.Established])
		f.blamed = x.blame(g.members)
		f.dests = []Destination{{g.key.remote.Addr().String(), g.key.remote.Port(), g.total}}
		f.facts = append(f.facts,
			fact{key: "time-wait", value: float64(tw), source: x.socketSource()},
			fact{key: "established", value: float64(g.byState[tcp.Established]), source: x.socketSource()})
		if b.rate > 0 {
			f.facts = append(f.facts, fact{key: "rate", value: b.rate, source: x.rateSource()})
		}
		f.cures = append(f.cures, "reuse-connections")
		if b.share() >= portsNear || b.fullIn != nil {
			f.cures = append(f.cures, x.kernelPortCures(b)...)
		}
		out = append(out, f)
	}
	return out
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
