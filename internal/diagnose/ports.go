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
	group *group

	usable int // range − reserved − held by bind() or a listener
	used   int // ports taken now that connect() could not hand out again
	reuse  int // ports in TIME_WAIT that it could

	rate    float64 // new connections per second that end in TIME_WAIT here
	plateau int     // where used levels off at this rate
	fullIn  *time.Duration
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
	for _, s := range x.spaces {
		if !s.hasRange {
			continue
		}
		// A crawler or a proxy talks to very many destinations; those that hold
		// less than a thousandth of the range can be nobody's wall.
		least := 1
		if len(s.groups) > 10000 {
			least = max(1, s.rangePorts/1000)
		}
		for _, g := range s.groups {
			if g.inRange >= least {
				out = append(out, x.budget(s, g))
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

func (x *examination) budget(s *space, g *group) *budget {
	b := &budget{space: s, group: g, reuse: g.reuse}
	b.usable = s.rangePorts - s.heldCount
	// Ports bound by this group's own sockets are part of its use, and count
	// neither as taken away from it nor as available.
	b.used = g.inRange - g.reuse - g.bound
	if b.used < 0 {
		b.used = 0
	}
	b.rate = x.churn(s, g)
	standing := 0 // what does not go away by itself
	for st, n := range g.byState {
		if tcp.State(st) != tcp.TimeWait {
			standing += n
		}
	}
	standing = min(standing, b.used)
	stay := tcp.TimeWaitLen.Seconds()
	if g.reuse > 0 && g.byState[tcp.TimeWait] > 0 {
		stay = 1 // handed out again after tcp_tw_reuse_delay
	}
	b.plateau = standing + int(math.Round(b.rate*stay))
	if b.plateau >= b.usable && b.used < b.usable && b.rate > 0 {
		b.fullIn = b.forecast(standing)
	}
	return b
}

// churn is how many connections per second of this group go into TIME_WAIT (or
// stay open): from connect events where they were watched, else from the age of
// the TIME_WAIT sockets, which their timers tell even in a single look.
func (x *examination) churn(s *space, g *group) float64 {
	// Events carry no source address: they measure a group only when no other
	// source address goes to the same destination.
	if x.seen != nil && x.seen.Window > 0 && s.sources[g.key.remote] == 1 {
		var opened uint64
		for _, c := range x.seen.Connects {
			if c.NetNS == s.ns.Inode && c.Remote == g.key.remote {
				opened += c.Opened - min(c.Failed, c.Opened)
			}
		}
		if opened > 0 {
			return float64(opened) / x.seen.Window.Seconds()
		}
	}
	return float64(g.recent) / recentSpan.Seconds()
}

// forecast finds the second in which the ports run out, from the exact expiry
// of each TIME_WAIT socket against new ones at the present rate. Within one
// TIME_WAIT length either it runs out or it never does.
func (b *budget) forecast(standing int) *time.Duration {
	var expires [61]int // how many TIME_WAIT sockets end in each second from now
	for _, sk := range b.group.members {
		if sk.State == tcp.TimeWait && b.space.ephemeral(sk.Local.Port()) && !b.space.reusable(sk) {
			expires[min(int(sk.Timer.Expires/time.Second), 60)]++
		}
	}
	left := b.used - standing
	for t := 0; t <= 60; t++ {
		if float64(standing+left)+b.rate*float64(t) >= float64(b.usable) {
			d := time.Duration(t) * time.Second
			return &d
		}
		left -= expires[t]
	}
	return nil
}

func (b *budget) limit() host.Limit {
	used, plateau := uint64(b.used), uint64(b.plateau)
	l := host.Limit{ID: "ephemeral-ports", Unit: "ports", Used: &used, Capacity: uint64(max(b.usable, 0)),
		Scope: host.Scope{NetNS: b.space.ns.Inode, Laddr: b.group.key.laddr,
			Raddr: b.group.key.remote.Addr(), Rport: b.group.key.remote.Port()}}
	rate := b.rate
	l.RatePerS, l.SteadyState = &rate, &plateau
	if b.fullIn != nil {
		s := b.fullIn.Seconds()
		l.FullInS = &s
	}
	return l
}
