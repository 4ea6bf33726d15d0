package diagnose

import (
	"iter"
	"net/netip"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// groupKey is what Linux keeps local ports unique for: a source address and a
// destination (net/ipv4/inet_hashtables.c __inet_check_established, v6.18).
type groupKey struct {
	laddr  netip.Addr
	remote netip.AddrPort
}

// group is every outgoing connection, in any state, that shares a groupKey. What
// its members tell is counted when it is asked for: a crawler has a million
// groups, of which next to none matters.
type group struct {
	space   *space
	key     groupKey
	members []*tcp.Socket
}

// groups gives the outgoing connections of a namespace by source address and
// destination.
func (s *space) groups() iter.Seq[group] {
	return func(yield func(group) bool) {
		for _, n := range s.out {
			if !yield(s.groupAt(n)) {
				return
			}
		}
	}
}

// groupAt is a group by its number.
func (s *space) groupAt(n int32) group {
	members := s.goingOut.group(int(n))
	return group{s, groupKey{members[0].Local.Addr(), members[0].Remote}, members}
}

func (g group) total() int { return len(g.members) }

// in counts the members in a state.
func (g group) in(st tcp.State) (n int) {
	for _, sk := range g.members {
		if sk.State == st {
			n++
		}
	}
	return n
}

// bound counts the members whose local port was taken by bind(); unknown those of
// which the source does not tell.
func (g group) bound() (bound, unknown int) {
	for _, sk := range g.members {
		switch sk.Port {
		case tcp.PortBound:
			bound++
		case tcp.PortUnknown:
			unknown++
		}
	}
	return bound, unknown
}

// mostly returns the state that most of the members are in.
func (g group) mostly() tcp.State { return mostly(g.members) }

func mostly(socks []*tcp.Socket) tcp.State {
	var n [tcp.NumStates]int
	best := tcp.Unknown
	for _, sk := range socks {
		n[sk.State]++
	}
	for st := range n {
		if n[st] > n[best] {
			best = tcp.State(st)
		}
	}
	return best
}

// several reports whether one name or mask hides several destinations: local
// ports that stand there twice cannot lead to the same.
func (g group) several() bool {
	if !isName(g.key.remote.Addr()) {
		return false
	}
	var ports host.Ports
	twice := 0
	for _, sk := range g.members {
		port := sk.Local.Port()
		if ports.Has(port) {
			twice++
		}
		ports.Add(port)
	}
	return twice*50 > len(g.members)
}

// portUse is how a group uses the ephemeral ports.
type portUse struct {
	inRange int // members with a local port of the ephemeral range
	free    int // of those, with a port that connect() may hand out: neither reserved nor held
	resting int // of those, in TIME_WAIT
	reuse   int // of those, handed out again by tcp_tw_reuse
	newest  int // TIME_WAIT younger than recentSpan/2
	recent  int // TIME_WAIT younger than recentSpan
	fresh   int // TIME_WAIT younger than the window between the looks
	ageless int // TIME_WAIT whose age is unknown
	waiting int // TIME_WAIT
}

func (g group) portUse() (u portUse) {
	s := g.space
	for _, sk := range g.members {
		if port := sk.Local.Port(); s.ephemeral(port) {
			u.inRange++
			if !s.reserved.Has(port) && !s.held.Has(port) {
				u.free++
				if sk.State == tcp.TimeWait {
					u.resting++
				}
				if s.reusable(sk) {
					u.reuse++
				}
			}
		}
		if sk.State == tcp.TimeWait {
			u.rest(sk, s.window)
		}
	}
	return u
}

// rest counts a TIME_WAIT socket by its age.
func (u *portUse) rest(sk *tcp.Socket, window time.Duration) {
	u.waiting++
	age, known := sk.Age()
	switch {
	case !known:
		u.ageless++
		return
	case age < recentSpan/2:
		u.newest++
		u.recent++
	case age < recentSpan:
		u.recent++
	}
	if age < window {
		u.fresh++
	}
}
