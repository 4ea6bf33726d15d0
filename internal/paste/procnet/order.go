package procnet

import (
	"net/netip"

	"sockeye/internal/tcp"
)

// byteOrder weighs the two ways to read the addresses of /proc/net/tcp. A sign
// counts once, however many rows show it: a machine's own address stands in all
// of them.
type byteOrder struct {
	asRead, turnedRound orderSigns
	seen                map[netip.Addr]struct{} // addresses that were weighed, as read little-endian
}

type orderSigns struct {
	signs   uint8 // bit i: orderBits[i] holds
	private int   // addresses that no machine of the internet has
}

const (
	orderRows = 4096 // rows that are looked at
	orderMost = 512  // different addresses

	// Nearly every machine is little-endian: so many bits of evidence it takes to
	// think otherwise of one.
	orderUsual = 12
	// Most addresses of many a machine are private; those of the wrong reading are
	// so by chance.
	orderMostly = 8
)

// orderBits are the signs of the right reading, by how improbable they are in the
// wrong one, in bits; the last is one of the wrong reading.
var orderBits = [...]struct {
	bits int
	is   func(netip.Addr) bool
}{
	{32, func(a netip.Addr) bool {
		return a == netip.IPv6Loopback() || a == netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}},
	{16, func(a netip.Addr) bool { return within(a, 192, 168) || within(a, 169, 254) }},
	{12, func(a netip.Addr) bool { return a.Is4() && a.IsPrivate() && a.As4()[0] == 172 }},
	{7, func(a netip.Addr) bool { return a.Is4() && (a.As4()[0] == 10 || a.As4()[0] == 127) }},
	{10, func(a netip.Addr) bool { return a.Is6() && a.IsLinkLocalUnicast() }},
	{3, func(a netip.Addr) bool { return a.Is6() && a.As16()[0]&0xe0 == 0x20 }}, // 2000::/3
	{-16, nobodys},
}

func within(a netip.Addr, first, second byte) bool {
	return a.Is4() && a.As4()[0] == first && a.As4()[1] == second
}

// nobodys: no connection has an address in these networks (0/8 and multicast;
// what IANA has not given out of IPv6).
func nobodys(a netip.Addr) bool {
	if a.Is4() {
		return a.As4()[0] == 0 || a.As4()[0] >= 224
	}
	ip := a.As16()
	if ip[0] == 0 { // ::1, embedded IPv4, and 64:ff9b::/96
		return [8]byte(ip[:8]) != [8]byte{} && [4]byte(ip[:4]) != [4]byte{0, 0x64, 0xff, 0x9b}
	}
	return ip[0] != 0x01 && ip[0]&0xe0 != 0x20 && ip[0] < 0xfc // 100::/64, 2000::/3, fc00::/7, fe80::/10, multicast
}

// weigh looks at both ends of a socket, both ways.
func (o *byteOrder) weigh(s *tcp.Socket) {
	for _, end := range [...]netip.AddrPort{s.Local, s.Remote} {
		a := end.Addr()
		if a.IsUnspecified() || len(o.seen) >= orderMost {
			continue
		}
		if _, again := o.seen[a]; again {
			continue
		}
		if o.seen == nil {
			o.seen = map[netip.Addr]struct{}{}
		}
		o.seen[a] = struct{}{}
		other, _ := turned(end, s.V4Mapped)
		o.asRead.add(a)
		o.turnedRound.add(other.Addr())
	}
}

func (e *orderSigns) add(a netip.Addr) {
	for i := range orderBits {
		if orderBits[i].is(a) {
			e.signs |= 1 << i
		}
	}
	if a.IsPrivate() || a.IsLoopback() {
		e.private++
	}
}

func (e *orderSigns) weight(of int) (bits int) {
	for i := range orderBits {
		if e.signs>>i&1 == 1 {
			bits += orderBits[i].bits
		}
	}
	if of > 1 && e.private*2 > of {
		bits += orderMostly
	}
	return bits
}

// big: a big-endian machine wrote the rows.
func (o *byteOrder) big() bool {
	return o.turnedRound.weight(len(o.seen)) > o.asRead.weight(len(o.seen))+orderUsual
}

// turned reads an address in the other byte order.
func turned(end netip.AddrPort, mapped bool) (netip.AddrPort, bool) {
	a := end.Addr()
	if a.Is4() && !mapped {
		ip := a.As4()
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{ip[3], ip[2], ip[1], ip[0]}), end.Port()), false
	}
	ip := a.As16()
	for i := 0; i < 16; i += 4 {
		ip[i], ip[i+1], ip[i+2], ip[i+3] = ip[i+3], ip[i+2], ip[i+1], ip[i]
	}
	a = netip.AddrFrom16(ip)
	return netip.AddrPortFrom(a.Unmap(), end.Port()), a.Is4In6()
}
