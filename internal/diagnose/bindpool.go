package diagnose

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// bindPool is the account of the local ports of one source address for programs
// that bind() before they connect(): the kernel does not know the destination
// yet, so each port serves one socket, whatever its destination. The wildcard
// address has an account of its own: it needs a port that is free on them all.
type bindPool struct {
	space    *space
	laddr    netip.Addr
	used     int // distinct ports of the pool taken on this address
	capacity int // range − reserved − ports of listeners on this address
	bound    []*tcp.Socket
	idle     int  // of those, bound and neither listening nor connected
	exact    bool // the source tells bound ports; else they were inferred
}

func (p *bindPool) share() float64 {
	if p.capacity <= 0 {
		return 1
	}
	return float64(p.used) / float64(p.capacity)
}

// bindPools finds the source addresses that programs bind to, from connections,
// from sockets that are bound and nothing else, and from bind() calls that were
// seen to fail, the fullest of each namespace first.
func (x *examination) bindPools() []*bindPool {
	idle := map[uint64][]*tcp.Socket{}
	for i := range x.now.Sockets {
		if sk := &x.now.Sockets[i]; sk.State == tcp.Bound {
			idle[sk.NetNS] = append(idle[sk.NetNS], sk)
		}
	}
	var out []*bindPool
	for _, s := range x.spaces {
		if !s.hasRange || s.sharesPorts() {
			continue
		}
		out = append(out, s.bindPools(idle[s.ns.Inode], x.bindsRefused(s))...)
	}
	return out
}

// bindsRefused are the bind() calls for any port that failed for want of one.
func (x *examination) bindsRefused(s *space) []host.Failure {
	list, _ := x.failures(s.ns.Inode, "bind", errADDRINUSE, noAddr)
	return slices.DeleteFunc(slices.Clone(list), func(f host.Failure) bool {
		return f.Addr.Port() != 0 || !f.Addr.Addr().IsValid()
	})
}

func (s *space) bindPools(idle []*tcp.Socket, refused []host.Failure) []*bindPool {
	byAddr := map[netip.Addr][]int32{}
	for _, n := range s.out {
		laddr := s.groupAt(n).key.laddr
		byAddr[laddr] = append(byAddr[laddr], n)
	}
	wanted := map[netip.Addr]int{} // with how many sockets that may be bound
	for laddr, groups := range byAddr {
		if how, most := s.binds(groups); how != bindsNone {
			wanted[laddr] = most
		}
	}
	idleAt := map[netip.Addr][]*tcp.Socket{}
	for _, sk := range idle {
		if s.ephemeral(sk.Local.Port()) {
			idleAt[sk.Local.Addr()] = append(idleAt[sk.Local.Addr()], sk)
			wanted[sk.Local.Addr()]++
		}
	}
	// Of very many addresses those that hold less than a hundredth of the range can
	// be nobody's wall.
	least := 0
	if len(wanted) > 100 {
		least = s.rangePorts / 100
	}
	for _, f := range refused {
		wanted[f.Addr.Addr().Unmap()] += least
	}
	var out []*bindPool
	for laddr, n := range wanted {
		if n >= least {
			out = append(out, s.bindPool(laddr, byAddr, idleAt))
		}
	}
	slices.SortFunc(out, func(a, b *bindPool) int {
		return cmp.Or(cmp.Compare(b.share(), a.share()), cmp.Compare(b.used, a.used), b.laddr.Compare(a.laddr))
	})
	// Where one address takes all the ports, the wildcard's account says nothing more.
	return slices.DeleteFunc(out, func(p *bindPool) bool {
		return p.laddr.IsUnspecified() && slices.ContainsFunc(out, func(o *bindPool) bool {
			return !o.laddr.IsUnspecified() && o.used == p.used
		})
	})
}

// overlaps reports whether a port taken on one address is taken for the other.
func overlaps(a, b netip.Addr) bool {
	switch {
	case a == b:
		return true
	case a.IsUnspecified():
		return a.Is6() || b.Is4()
	case b.IsUnspecified():
		return b.Is6() || a.Is4()
	}
	return false
}

// overlapping gives what is kept of each address that overlaps with one. Only the
// wildcard does so with very many.
func overlapping[T any](of map[netip.Addr]T, laddr netip.Addr) iter.Seq[T] {
	return func(yield func(T) bool) {
		if laddr.IsUnspecified() {
			for addr, v := range of {
				if overlaps(addr, laddr) && !yield(v) {
					return
				}
			}
			return
		}
		for _, addr := range [...]netip.Addr{laddr, netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
			if v, ok := of[addr]; ok && overlaps(addr, laddr) && !yield(v) {
				return
			}
		}
	}
}

func (s *space) bindPool(laddr netip.Addr, byAddr map[netip.Addr][]int32, idle map[netip.Addr][]*tcp.Socket) *bindPool {
	p := &bindPool{space: s, laddr: laddr, exact: true, capacity: s.rangePorts}
	taken, closed := &host.Ports{}, &host.Ports{}
	for port, ls := range s.listening {
		if s.handsOut(port) && slices.ContainsFunc(ls, func(l *tcp.Socket) bool { return overlaps(l.Local.Addr(), laddr) }) {
			closed.Add(port)
			p.capacity--
		}
	}
	take := func(sk *tcp.Socket) {
		if port := sk.Local.Port(); s.handsOut(port) && !closed.Has(port) && !taken.Has(port) {
			taken.Add(port)
			p.used++
		}
	}
	for groups := range overlapping(byAddr, laddr) {
		how, most := s.binds(groups)
		if how == bindsLooks {
			p.exact = false
		}
		if how != bindsNone { // a list that grows to a million leaves several times its size behind
			p.bound = slices.Grow(p.bound, most)
		}
		for _, n := range groups {
			for _, sk := range s.goingOut.group(int(n)) {
				if !s.ephemeral(sk.Local.Port()) {
					continue
				}
				if sk.Port == tcp.PortBound || (how == bindsLooks && sk.Port == tcp.PortUnknown) {
					p.bound = append(p.bound, sk)
				}
				take(sk)
			}
		}
	}
	for socks := range overlapping(idle, laddr) {
		for _, sk := range socks {
			p.bound = append(p.bound, sk)
			p.idle++
			take(sk)
		}
	}
	return p
}

// handsOut reports whether bind(…,0) may choose the port: one of the range that
// is not reserved.
func (s *space) handsOut(port uint16) bool { return s.ephemeral(port) && !s.reserved.Has(port) }

// Whether the connections of one source address were bound first.
const (
	bindsNone  = iota
	bindsTold  // some: the source says so
	bindsLooks // all: they look like it
)

// binds asks it of groups, by their numbers; most is how many may be bound.
func (s *space) binds(groups []int32) (how, most int) {
	var bound, unknown int
	for _, n := range groups {
		b, u := s.groupAt(n).bound()
		bound += b
		unknown += u
	}
	switch {
	case bound > 0:
		return bindsTold, bound
	case unknown > 0 && s.looksBound(groups):
		return bindsLooks, unknown
	}
	return bindsNone, 0
}

// looksBound infers bind-before-connect where the source cannot tell. connect()
// takes ports of the same parity as the range's low end first and shares them
// between destinations, bind(…,0) takes the other parity first and never shares
// (net/ipv4/inet_connection_sock.c inet_csk_find_open_port, v6.18).
func (s *space) looksBound(groups []int32) bool {
	ports := &host.Ports{}
	n, other, most := 0, 0, 0
	for _, g := range groups {
		inRange := 0
		for _, sk := range s.goingOut.group(int(g)) {
			port := sk.Local.Port()
			if !s.ephemeral(port) {
				continue
			}
			inRange++
			if ports.Has(port) {
				return false
			}
			ports.Add(port)
			n++
			if port%2 != s.low%2 {
				other++
			}
		}
		most = max(most, inRange)
	}
	// Half the range is each parity's; only while that half is not used up does
	// parity tell anything. Past it, a port never shared between several
	// destinations tells.
	if n < 32 {
		return false
	}
	if n <= s.rangePorts/2 {
		return other*10 >= n*9
	}
	return len(groups) > 1 && n-most >= 32
}

func (p *bindPool) limit() host.Limit {
	used := uint64(p.used)
	return host.Limit{ID: "bind-ports", Unit: "ports", Used: &used, Capacity: uint64(max(p.capacity, 0)),
		Scope: host.Scope{NetNS: p.space.ns.Inode, Laddr: p.laddr}}
}
