package form

import (
	"bytes"
	"net/netip"

	"sockeye/internal/tcp"
)

// Endpoint reads an address and a port as most programs join them: the last colon
// divides. "*" and an empty address are every address; a port of "*", "0" and ""
// is none. IPv4 in IPv6 is unmapped (mapped tells); brackets and an interface
// ("%eth0") are taken off. What is no address is a name or a mask (see address).
// ok is false where no colon is.
func Endpoint(text []byte, ports *tcp.Services) (end netip.AddrPort, mapped, ok bool) {
	colon := bytes.LastIndexByte(text, ':')
	if colon < 0 {
		return end, false, false
	}
	addr, mapped := HostPart(text[:colon])
	port, ok := PortPart(text[colon+1:], ports)
	return netip.AddrPortFrom(addr, port), mapped, ok
}

// Dotted reads an address and a port as BSD joins them: the last dot divides
// ("192.168.1.2.443", "::1.8080", "*.*", "fe80::1%lo0.22").
func Dotted(text []byte, ports *tcp.Services) (end netip.AddrPort, mapped, ok bool) {
	dot := bytes.LastIndexByte(text, '.')
	if dot < 0 {
		return end, false, false
	}
	addr, mapped := HostPart(text[:dot])
	port, ok := PortPart(text[dot+1:], ports)
	return netip.AddrPortFrom(addr, port), mapped, ok
}

// HostPart reads an address; every address is the unspecified IPv4 one.
func HostPart(text []byte) (addr netip.Addr, mapped bool) {
	text = bytes.TrimSuffix(bytes.TrimPrefix(text, []byte("[")), []byte("]"))
	if len(text) == 0 || (len(text) == 1 && text[0] == '*') {
		return netip.IPv4Unspecified(), false
	}
	if a, ok := IPv4(text); ok {
		return a, false
	}
	if bytes.IndexByte(text, ':') >= 0 {
		plain := text
		if at := bytes.IndexByte(text, '%'); at > 0 {
			plain = text[:at]
		}
		plain = bytes.TrimSuffix(plain, []byte("]"))
		if a, ok := IPv6(plain); ok {
			return a.Unmap(), a.Is4In6()
		}
	} else if at := bytes.IndexByte(text, '%'); at > 0 {
		if a, ok := IPv4(text[:at]); ok {
			return a, false
		}
	}
	if len(text) > 8 {
		if a, ok := loopbackName(text); ok {
			return a, false
		}
	}
	return address(text), false
}

// loopbackName: names that mean this machine wherever they are written. Some
// systems give 127.0.0.1 and ::1 the same name; the older one is meant then.
func loopbackName(text []byte) (a netip.Addr, ok bool) {
	switch string(text) {
	case "localhost", "localhost4", "localhost.localdomain", "localhost.locald", "localhost.localdom":
		return netip.AddrFrom4([4]byte{127, 0, 0, 1}), true
	case "localhost6", "ip6-localhost", "ip6-loopback", "localhost6.localdomain6":
		return netip.IPv6Loopback(), true
	}
	return a, false
}

// IPv4 reads dotted decimal without allocating: tables have millions.
func IPv4(text []byte) (a netip.Addr, ok bool) {
	var ip [4]byte
	part, value, digits := 0, 0, 0
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9' && digits < 3:
			value = value*10 + int(c-'0')
			digits++
		case c == '.' && digits > 0 && part < 3 && value <= 255:
			ip[part] = byte(value)
			part, value, digits = part+1, 0, 0
		default:
			return a, false
		}
	}
	if part != 3 || digits == 0 || value > 255 {
		return a, false
	}
	ip[3] = byte(value)
	return netip.AddrFrom4(ip), true
}

// PortPart reads a port number or a service's name; a name that nobody knows is
// port 0, and true: the rest of the row is worth having.
func PortPart(text []byte, ports *tcp.Services) (port uint16, ok bool) {
	if len(text) == 0 || (len(text) == 1 && text[0] == '*') {
		return 0, true
	}
	value, digits := 0, true
	for i, c := range text {
		if c < '0' || c > '9' {
			digits = i > 0 && len(bytes.Trim(text[i:], "`'\",;)]|")) == 0 // a quotation ends behind it
			break
		}
		if value = value*10 + int(c-'0'); value > 65535 {
			return 0, false
		}
	}
	if digits {
		return uint16(value), true
	}
	if len(text) > 40 || bytes.ContainsAny(text, " \t/\\") {
		return 0, false
	}
	if p, found := ports.Port(string(text)); found {
		return p, true
	}
	return 0, true
}

// address returns an address for what is written where one should be but is none:
// a host's name, or a masked address ("XX.XX.3.4"). The same text gives the same
// address, in the discard prefix 100::/64 (RFC 6666) with the text as its zone.
func address(text []byte) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 1}).WithZone(string(text))
}

// Peerless takes the remote end from a socket that has none, so that it looks
// as the live look makes it.
func Peerless(s *tcp.Socket) {
	if !s.State.Connected() && (s.Remote.Port() == 0 || s.State == tcp.Listen || s.State == tcp.Bound) {
		s.Remote = netip.AddrPort{}
	}
}

// IPv6 reads RFC 4291 section 2.2 without allocating; it takes what
// netip.ParseAddr takes, zones apart.
func IPv6(text []byte) (a netip.Addr, ok bool) {
	var ip [16]byte
	at, gap := 0, -1
	if bytes.HasPrefix(text, []byte("::")) {
		gap, text = 0, text[2:]
	}
	for len(text) > 0 {
		if at == 16 {
			return a, false
		}
		value, n := 0, 0
		for n < len(text) && n < 5 {
			d := HexDigit(text[n])
			if d < 0 {
				break
			}
			value, n = value<<4|d, n+1
		}
		if n == 0 || n > 4 {
			return a, false
		}
		if n < len(text) && text[n] == '.' {
			v4, ok := IPv4(text)
			if !ok || at > 12 || leadingZero(text) {
				return a, false
			}
			b := v4.As4()
			at += copy(ip[at:], b[:])
			break
		}
		ip[at], ip[at+1] = byte(value>>8), byte(value)
		at += 2
		if text = text[n:]; len(text) == 0 {
			break
		}
		if text[0] != ':' || len(text) == 1 {
			return a, false
		}
		if text = text[1:]; text[0] == ':' {
			if gap >= 0 {
				return a, false
			}
			gap, text = at, text[1:]
		}
	}
	switch {
	case gap < 0 && at != 16, gap >= 0 && at == 16:
		return a, false
	case gap >= 0:
		moved := copy(ip[16-(at-gap):], ip[gap:at])
		clear(ip[gap : 16-moved])
	}
	return netip.AddrFrom16(ip), true
}

// leadingZero: netip takes "::1.02.3.4" for octal, and refuses it.
func leadingZero(text []byte) bool {
	for i, c := range text {
		if c == '0' && (i == 0 || text[i-1] == '.') && i+1 < len(text) && text[i+1] != '.' {
			return true
		}
	}
	return false
}
