package ss

import (
	"bytes"
	"net/netip"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// endpoint is endpoint for what ss writes: "[::ffff:192.0.2.1]:80",
// "127.0.0.53%lo:53", "*%eth0:68", "[fe80::1]%eth0:22"; old versions write no
// brackets (":::22"). It allocates nothing for numeric addresses.
func endpoint(text []byte, ports *tcp.Services) (end netip.AddrPort, mapped, ok bool) {
	colon := bytes.LastIndexByte(text, ':')
	if colon < 0 {
		return end, false, false
	}
	port, ok := form.PortPart(text[colon+1:], ports)
	if !ok {
		return end, false, false
	}
	addr, mapped := hostOf(text[:colon])
	return netip.AddrPortFrom(addr, port), mapped, true
}

func hostOf(text []byte) (addr netip.Addr, mapped bool) {
	plain := text
	if at := bytes.IndexByte(plain, '%'); at > 0 {
		plain = plain[:at]
	}
	plain = bytes.TrimSuffix(bytes.TrimPrefix(plain, []byte("[")), []byte("]"))
	if len(plain) == 0 || len(plain) == 1 && plain[0] == '*' {
		return netip.IPv4Unspecified(), false
	}
	if a, ok := form.IPv4(plain); ok {
		return a, false
	}
	if a, ok := form.IPv6(plain); ok {
		return a.Unmap(), a.Is4In6()
	}
	return form.HostPart(text)
}

// looksEnd tells whether a word can be an address and a port at all.
func looksEnd(word []byte) bool {
	colon := bytes.LastIndexByte(word, ':')
	if colon < 0 || len(word) > 300 {
		return false
	}
	_, ok := form.PortPart(word[colon+1:], nil)
	return ok && colon+1 < len(word)
}

// anyPort: "0.0.0.0:*", "*:*", ":::*"; a port with a name is another.
func anyPort(word []byte) bool { return bytes.HasSuffix(word, []byte(":*")) }

// numeric tells whether a word is an address and a port in numbers.
func numeric(word []byte) bool {
	colon := bytes.LastIndexByte(word, ':')
	if colon < 0 {
		return false
	}
	if p, ok := form.Decimal(word[colon+1:]); (!ok || p > 65535) && !anyPort(word) {
		return false
	}
	addr, _ := hostOf(word[:colon])
	return addr.Zone() == ""
}
