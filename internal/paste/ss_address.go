package paste

import (
	"bytes"
	"net/netip"

	"sockeye/internal/tcp"
)

// ssEndpoint is endpoint for what ss writes: "[::ffff:192.0.2.1]:80",
// "127.0.0.53%lo:53", "*%eth0:68", "[fe80::1]%eth0:22"; old versions write no
// brackets (":::22"). It allocates nothing for numeric addresses.
func ssEndpoint(text []byte, ports *tcp.Services) (end netip.AddrPort, mapped, ok bool) {
	colon := bytes.LastIndexByte(text, ':')
	if colon < 0 {
		return end, false, false
	}
	port, ok := portPart(text[colon+1:], ports)
	if !ok {
		return end, false, false
	}
	addr, mapped := ssHost(text[:colon])
	return netip.AddrPortFrom(addr, port), mapped, true
}

func ssHost(text []byte) (addr netip.Addr, mapped bool) {
	plain := text
	if at := bytes.IndexByte(plain, '%'); at > 0 {
		plain = plain[:at]
	}
	plain = bytes.TrimSuffix(bytes.TrimPrefix(plain, []byte("[")), []byte("]"))
	if len(plain) == 0 || len(plain) == 1 && plain[0] == '*' {
		return netip.IPv4Unspecified(), false
	}
	if a, ok := ipv4(plain); ok {
		return a, false
	}
	if a, ok := ssIPv6(plain); ok {
		return a.Unmap(), a.Is4In6()
	}
	return hostPart(text)
}

// ssIPv6 reads RFC 4291 section 2.2 without allocating; it takes what
// netip.ParseAddr takes, zones apart.
func ssIPv6(text []byte) (a netip.Addr, ok bool) {
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
			d := hexDigit(text[n])
			if d < 0 {
				break
			}
			value, n = value<<4|d, n+1
		}
		if n == 0 || n > 4 {
			return a, false
		}
		if n < len(text) && text[n] == '.' {
			v4, ok := ipv4(text)
			if !ok || at > 12 || ssLeadingZero(text) {
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

// ssLeadingZero: netip takes "::1.02.3.4" for octal, and refuses it.
func ssLeadingZero(text []byte) bool {
	for i, c := range text {
		if c == '0' && (i == 0 || text[i-1] == '.') && i+1 < len(text) && text[i+1] != '.' {
			return true
		}
	}
	return false
}

// ssEnd tells whether a word can be an address and a port at all.
func ssEnd(word []byte) bool {
	colon := bytes.LastIndexByte(word, ':')
	if colon < 0 || len(word) > 300 {
		return false
	}
	_, ok := portPart(word[colon+1:], nil)
	return ok && colon+1 < len(word)
}

// ssAnyPort: "0.0.0.0:*", "*:*", ":::*"; a port with a name is another.
func ssAnyPort(word []byte) bool { return bytes.HasSuffix(word, []byte(":*")) }

// ssNumeric tells whether a word is an address and a port in numbers.
func ssNumeric(word []byte) bool {
	colon := bytes.LastIndexByte(word, ':')
	if colon < 0 {
		return false
	}
	if p, ok := decimal(word[colon+1:]); (!ok || p > 65535) && !ssAnyPort(word) {
		return false
	}
	addr, _ := ssHost(word[:colon])
	return addr.Zone() == ""
}
