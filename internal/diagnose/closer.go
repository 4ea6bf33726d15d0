package diagnose

import (
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// closed counts which side ended connections first, as far as that was seen.
type closed struct{ local, peer, all uint64 }

// seen counts those of which the closer is known.
func (c closed) seen() uint64 { return c.local + c.peer }

// contradicts reports whether what was seen speaks against closing from here:
// who closes first keeps TIME_WAIT (RFC 9293, 3.6), so that TIME_WAIT of
// connections that their peers closed first is a picture that does not fit.
func (c closed) contradicts() bool { return c.peer >= c.local && c.peer > 0 }

// crossed is the share of connections that both sides may close at the same
// moment: up to it they all count as closed from here.
const crossed = 0.05

// mixed reports whether too many were closed first by their peers to say of all
// that they were closed first from here.
func (c closed) mixed() bool { return float64(c.peer) > crossed*float64(c.seen()) }

// share is the part that was closed first from here; 1 where nothing was seen.
func (c closed) share() float64 {
	if c.seen() == 0 {
		return 1
	}
	return float64(c.local) / float64(c.seen())
}

// timeWaitsClosed says of TIME_WAIT sockets which side closed first.
func (x *examination) timeWaitsClosed(socks []*tcp.Socket) (c closed) {
	for _, sk := range socks {
		if sk.State != tcp.TimeWait {
			continue
		}
		c.all++
		switch l := x.life(sk); {
		case l == nil:
		case l.Closer == host.CloserLocal:
			c.local++
		case l.Closer == host.CloserPeer:
			c.peer++
		}
	}
	return c
}

// closedFacts adds who closed first, where that was seen: of each TIME_WAIT, or
// else of the connections to the finding's destinations that ended while
// somebody watched. What does not fit is not claimed.
func (x *examination) closedFacts(f *found, socks []*tcp.Socket) {
	c := x.timeWaitsClosed(socks)
	if c.seen() > 0 {
		if !c.contradicts() {
			f.facts = append(f.facts, fact{key: "closed-here", value: float64(c.local), source: x.memorySource(),
				values: &knowledge.Values{Count: c.local, Total: c.seen(), Other: c.all}})
		}
		return
	}
	if x.seen == nil {
		return
	}
	var t traffic
	for _, sk := range destinationsOf(socks) {
		t.add(x.trafficTo(sk))
	}
	if n := ended(t.ends); c.all > 0 && n > 0 && t.ends.Local*2 > n {
		f.facts = append(f.facts, fact{key: "closed-seen", value: float64(t.ends.Local), source: x.seen.By,
			values: &knowledge.Values{Count: t.ends.Local, Total: n, Window: x.seen.Window}})
	}
}

// destinationsOf lists the different destinations of sockets.
func destinationsOf(socks []*tcp.Socket) (out []destKey) {
	ends := newCensus(wayThere)
	for _, sk := range socks {
		if n := ends.number(sk); n == len(out) {
			out = append(out, destKey{sk.NetNS, sk.Remote})
		}
	}
	return out
}

// traffic is what was seen of connections to a destination.
type traffic struct {
	opened, failed uint64
	ends           host.Ends
	lifetime       host.Histogram
}

func (x *examination) trafficTo(k destKey) (t traffic) {
	for _, c := range x.seenAt(k).connects {
		t.flow(&c)
	}
	return t
}

func (t *traffic) flow(c *host.Flow) {
	t.add(traffic{opened: c.Opened, failed: min(c.Failed, c.Opened), ends: c.Ends, lifetime: c.Lifetime})
}

func (t *traffic) add(o traffic) {
	t.opened += o.opened
	t.failed += o.failed
	t.ends.Local += o.ends.Local
	t.ends.Peer += o.ends.Peer
	t.ends.LocalReset += o.ends.LocalReset
	t.ends.LocalLinger += o.ends.LocalLinger
	t.ends.PeerReset += o.ends.PeerReset
	t.ends.TimedOut += o.ends.TimedOut
	for i, n := range o.lifetime {
		t.lifetime[i] += n
	}
}

// ended counts the connections whose end was seen from its beginning.
func ended(e host.Ends) uint64 {
	return e.Local + e.Peer + e.LocalReset + e.LocalLinger + e.PeerReset + e.TimedOut
}
