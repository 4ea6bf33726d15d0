package diagnose

import (
	"cmp"
	"math"
	"slices"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// budget is the exact account of the local ports that one source address has
// for one destination.
type budget struct {
	space *space
	group group
	use   portUse

	usable int // range − reserved − held by bind() or a listener
	used   int // ports taken now that connect() could not hand out again
	reuse  int // ports in TIME_WAIT that it could

	rate    float64       // new connections per second that end in TIME_WAIT here
	paced   bool          // the rate is known: the source tells ages, or somebody watched
	plateau int           // where used levels off at this rate
	stay    time.Duration // how long a port is taken after its connection: TIME_WAIT, or until tcp_tw_reuse has it
	growth  float64       // connections per second that come and stay: they never level off
	fullIn  *time.Duration
	failing bool // connects failed for want of a port, or would: see capped
}

// boundOnly reports whether every connection of the group took its port with
// bind(): it presses on the pool of its source address and not on this account.
func (b *budget) boundOnly() bool { return b.group.boundOnly(b.use) }

func (g group) boundOnly(u portUse) bool {
	bound, _ := g.bound()
	return u.free == 0 && bound > 0
}

func (b *budget) share() float64 {
	if b.usable <= 0 {
		return 1
	}
	return float64(b.used) / float64(b.usable)
}

func (b *budget) plateauShare() float64 {
	if b.usable <= 0 {
		return 1
	}
	return float64(b.plateau) / float64(b.usable)
}

// budgets returns the account of every group of outgoing connections whose
// namespace's port range is known, nearest its wall first.
func (x *examination) budgets() []*budget {
	var out []*budget
	defer func() { x.standing = nil }() // only asked for here, and large
	for _, s := range x.spaces {
		if !s.hasRange || s.sharesPorts() {
			continue
		}
		// A crawler or a proxy talks to very many destinations; those that hold
		// less than a thousandth of the range can be nobody's wall.
		least := 1
		if len(s.out) > 10000 {
			least = max(1, s.rangePorts/1000)
		}
		for g := range s.groups() {
			if g.total() < least || g.several() {
				continue
			}
			if u := g.portUse(); u.inRange >= least {
				out = append(out, x.budget(g, u))
			}
		}
	}
	slices.SortFunc(out, func(a, b *budget) int {
		return cmp.Or(
			cmp.Compare(max(b.share(), b.plateauShare()), max(a.share(), a.plateauShare())),
			cmp.Compare(b.used, a.used),
			a.group.key.laddr.Compare(b.group.key.laddr),
			a.group.key.remote.Compare(b.group.key.remote))
	})
	return out
}

func (x *examination) budget(g group, u portUse) *budget {
	s := g.space
	b := &budget{space: s, group: g, use: u, reuse: u.reuse}
	b.usable = s.rangePorts - s.heldCount
	// A port that connect() never hands out (bound, listened on, reserved) is
	// missing in usable already, even when this group's own sockets hold it.
	b.used = u.free - u.reuse
	if s.pasted { // ports change hands while a text is written, and then stand there twice
		b.used = min(b.used, max(b.usable, 0))
	}
	b.rate = x.churn(u, destKey{s.ns.Inode, g.key.remote})
	b.paced = u.ageless == 0 || x.seenEach()
	standing := u.free - u.resting // what does not go away by itself
	b.stay = tcp.TimeWaitLen
	if s.reuses(g.key.laddr, g.key.remote.Addr()) { // also where none has rested for so long yet
		b.stay = min(b.stay, s.reuseDelay())
	}
	b.plateau = standing + int(math.Round(b.rate*b.stay.Seconds()))
	if b.plateau >= b.usable && b.used < b.usable && b.rate > 0 {
		b.fullIn = b.forecast(standing, b.stay)
	}
	if b.growth = x.standingGrowth(s, g, standing, b.usable); b.growth > 0 && b.used < b.usable && b.fullIn == nil {
		// What stays adds to where the churn levels off.
		left := float64(b.usable-max(b.used, b.plateau)) / b.growth
		d := time.Duration(left * float64(time.Second))
		b.fullIn = &d
	}
	return b
}

// churn is how many connections per second of this group go into TIME_WAIT now.
// The ages of the TIME_WAIT sockets tell, even in a single look, whatever opened
// them; a connection that the other side closed first leaves none here and takes
// up no port. A burst is no rate: where the last five seconds and the five
// before differ much, only what both had counts, and where the connects were
// watched, no more than were opened in the window. Where events were lost, or
// addresses given up, what was seen opening is "at least" and bounds nothing.
func (x *examination) churn(u portUse, to destKey) float64 {
	older := u.recent - u.newest
	rate := float64(u.recent) / recentSpan.Seconds()
	if lesser := min(older, u.newest); lesser*4 < max(older, u.newest) {
		rate = float64(2*lesser) / recentSpan.Seconds()
	}
	if x.seen == nil || x.seen.Window <= 0 {
		return rate
	}
	allAgeless := u.ageless > 0 && u.ageless == u.waiting
	if !allAgeless && !x.seenEach() {
		return rate
	}
	var opened uint64
	for _, c := range x.seenAt(to).connects {
		opened += c.Opened - min(c.Failed, c.Opened)
	}
	watched := float64(opened) / x.seen.Window.Seconds()
	if allAgeless {
		return watched
	}
	// A load that has just begun shows in the window before it shows in ten seconds.
	if x.window > 0 {
		rate = max(rate, float64(u.fresh)/x.window.Seconds())
	}
	return min(rate, watched)
}

// forecast finds when the ports run out, from the expiry of each TIME_WAIT
// socket against new ones at the present rate, each of which stays so long.
// Within one stay either it runs out or it never does: nil.
func (b *budget) forecast(standing int, stay time.Duration) *time.Duration {
	var ends []time.Duration
	for _, sk := range b.group.members {
		port := sk.Local.Port()
		if sk.State == tcp.TimeWait && b.space.ephemeral(port) && !b.space.reserved.Has(port) &&
			!b.space.held.Has(port) && !b.space.reusable(sk) {
			left := sk.Timer.Expires
			if stay < tcp.TimeWaitLen { // to be taken again before it expires
				left = max(0, left-(tcp.TimeWaitLen-stay))
			}
			ends = append(ends, left)
		}
	}
	slices.Sort(ends)
	// Between two ends the use only grows: it is full before the next end, or not.
	for i := range len(ends) + 1 {
		until := stay
		if i < len(ends) {
			until = min(ends[i], stay)
		}
		need := float64(b.usable-standing-(len(ends)-i)) / b.rate
		if at := time.Duration(need * float64(time.Second)); at <= until {
			at = max(at, 0)
			return &at
		}
	}
	return nil
}

// exhausted reports whether connect() finds no port.
func (b *budget) exhausted() bool { return b.used >= b.usable }

// capped reports whether there are fewer ports than are asked for: none is left, or
// connects failed for want of one. What opens then is what expires, or what
// tcp_tw_reuse has again: it tells neither how many were wanted nor where they would
// level off. With 200 ports, tcp_tw_reuse 1 and 500 attempts per second 186 to 191
// connections per second came about and all others failed (measured on 6.18).
func (b *budget) capped() bool { return b.exhausted() || b.failing }

// recycles reports whether tcp_tw_reuse has a port again before TIME_WAIT is over.
func (b *budget) recycles() bool { return b.stay < tcp.TimeWaitLen }

func (b *budget) limit() host.Limit {
	used, plateau := uint64(b.used), uint64(b.plateau)
	l := host.Limit{ID: "ephemeral-ports", Unit: "ports", Used: &used, Capacity: uint64(max(b.usable, 0)),
		Scope: host.Scope{NetNS: b.space.ns.Inode, Laddr: b.group.key.laddr,
			Raddr: b.group.key.remote.Addr(), Rport: b.group.key.remote.Port()}}
	switch rate := b.rate + b.growth; {
	case b.exhausted():
	case b.growth > 0, b.failing && b.paced: // never levels off, or nobody knows where
		l.RatePerS = &rate
	case b.paced:
		l.RatePerS, l.SteadyState = &rate, &plateau
	}
	if b.fullIn != nil {
		s := b.fullIn.Seconds()
		l.FullInS = &s
	}
	return l
}
