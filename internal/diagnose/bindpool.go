package diagnose

import (
	"net/netip"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// bindPool is the account of the local ports of one source address for programs
// that bind() before they connect(): the kernel does not know the destination
// yet, so each port serves one socket, whatever its destination.
type bindPool struct {
	space    *space
	laddr    netip.Addr
	used     int // distinct ports of the range taken on this address
	capacity int // range − reserved − ports of listeners
	bound    []*tcp.Socket
	exact    bool // the source tells bound ports; else they were inferred
}

func (p *bindPool) share() float64 {
	if p.capacity <= 0 {
		return 1
	}
	return float64(p.used) / float64(p.capacity)
}

// bindPools finds the source addresses from which programs bind and connect.
func (x *examination) bindPools() []*bindPool {
	var out []*bindPool
	for _, s := range x.spaces {
		if !s.hasRange {
			continue
		}
		byAddr := map[netip.Addr][]*group{}
		for k, g := range s.groups {
			byAddr[k.laddr] = append(byAddr[k.laddr], g)
		}
		for laddr, groups := range byAddr {
			if p := s.bindPool(laddr, groups); p != nil {
				out = append(out, p)
			}
		}
	}
	return out
}

func (s *space) bindPool(laddr netip.Addr, groups []*group) *bindPool {
	p := &bindPool{space: s, laddr: laddr, exact: true, capacity: s.rangePorts}
	var bound, unknown int
	for _, g := range groups {
		bound += g.bound
		unknown += g.unknown
	}
	switch {
	case bound > 0:
	case unknown > 0 && s.looksBound(groups):
		p.exact = false
	default:
		return nil
	}
	ports := &host.Ports{}
	for _, g := range groups {
		for _, sk := range g.members {
			port := sk.Local.Port()
			if !s.ephemeral(port) {
				continue
			}
			if sk.Port == tcp.PortBound || (!p.exact && sk.Port == tcp.PortUnknown) {
				p.bound = append(p.bound, sk)
			}
			if !ports.Has(port) {
				ports.Add(port)
				p.used++
			}
		}
	}
	for port := range s.listening {
		if s.ephemeral(port) && !s.reserved.Has(port) {
			p.capacity--
		}
	}
	return p
}

// looksBound infers bind-before-connect where the source cannot tell. connect()
// takes ports of the same parity as the range's low end first and shares them
// between destinations, bind(…,0) takes the other parity first and never shares
// (net/ipv4/inet_connection_sock.c inet_csk_find_open_port, v6.18).
func (s *space) looksBound(groups []*group) bool {
	ports := &host.Ports{}
	n, other := 0, 0
	for _, g := range groups {
		for _, sk := range g.members {
			port := sk.Local.Port()
			if !s.ephemeral(port) {
				continue
			}
			if ports.Has(port) {
				return false
			}
			ports.Add(port)
			n++
			if port%2 != s.low%2 {
				other++
			}
		}
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
	return len(groups) > 1
}

func (p *bindPool) limit() host.Limit {
	used := uint64(p.used)
	return host.Limit{ID: "bind-ports", Unit: "ports", Used: &used, Capacity: uint64(max(p.capacity, 0)),
		Scope: host.Scope{NetNS: p.space.ns.Inode, Laddr: p.laddr}}
}
