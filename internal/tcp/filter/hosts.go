package filter

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"

	"sockeye/internal/tcp"
)

// host selects by one end of the connection.
type host struct {
	remote bool
	op     op // eq or ne
	hostPattern
}

// hostPattern is an address or a network, and a port. Each may be open.
type hostPattern struct {
	family  uint8        // 4 or 6: written as inet: or inet6:; 0 any
	network netip.Prefix // invalid: any address
	name    string       // "localhost", which is 127.0.0.1 and ::1; else ""
	zone    string       // of a link-local address: interface name or index
	port    uint16
	hasPort bool
}

var (
	localhost4 = netip.MustParseAddr("127.0.0.1")
	localhost6 = netip.IPv6Loopback()
)

func (p *parser) host(remote bool, o op, v token) (Expr, *SyntaxError) {
	h, err := p.pattern(v)
	if err != nil {
		return nil, err
	}
	return host{remote, o, h}, nil
}

// pattern reads [inet:|inet6:]ADDRESS[/BITS][:PORT], the address of IPv6 in
// brackets or not.
func (p *parser) pattern(v token) (h hostPattern, serr *SyntaxError) {
	text := v.text
	if rest, ok := strings.CutPrefix(text, "inet:"); ok && rest != "" {
		h.family, text = 4, rest
	} else if rest, ok := strings.CutPrefix(text, "inet6:"); ok && rest != "" {
		h.family, text = 6, rest
	}
	bad := func() *SyntaxError {
		hint := say{"write 10.0.0.1, 10.0.0.0/8:443, [2001:db8::1]:443, * or :443",
			"请写 10.0.0.1、10.0.0.0/8:443、[2001:db8::1]:443、* 或 :443"}
		if looksLikeName(text) {
			hint = say{"names are not resolved: give the address", "不解析主机名：请给出地址"}
		}
		return p.fail(v, say{"%q is no address", "%q 不是地址"}, hint, v.text)
	}
	address, port := text, ""
	switch colons := strings.Count(text, ":"); {
	case strings.HasPrefix(text, "["):
		inside, rest, ok := strings.Cut(text[1:], "]")
		bits := ""
		if strings.HasPrefix(rest, "/") {
			bits, rest, _ = cutBefore(rest, ':')
		}
		if !ok || rest != "" && rest[0] != ':' || !strings.Contains(inside, ":") {
			return h, bad()
		}
		address, port = inside+bits, strings.TrimPrefix(rest, ":")
	case colons == 1:
		address, port, _ = strings.Cut(text, ":")
	case colons > 1:
		last := strings.LastIndexByte(text, ':')
		before, after := text[:last], text[last+1:]
		_, isPort := p.portNumber(after)
		isPort = isPort || after == "*"
		whole, split := (&hostPattern{}).setAddress(text), isPort && (&hostPattern{}).setAddress(before)
		if whole && split {
			return h, p.fail(v, say{"%q may be an address, or an address and a port", "%q 既可能是地址，也可能是地址加端口"},
				say{"write [" + text + "] or [" + before + "]:" + after, "请写 [" + text + "] 或 [" + before + "]:" + after}, v.text)
		}
		if split {
			address, port = before, after
		}
	}
	if !h.setAddress(address) || h.network.IsValid() && h.family != 0 && h.network.Addr().Is4() != (h.family == 4) {
		return h, bad()
	}
	if port != "" && port != "*" {
		n, ok := p.portNumber(port)
		if !ok {
			return h, p.badPort(v, port)
		}
		h.port, h.hasPort = n, true
	}
	return h, nil
}

// cutBefore cuts s in front of the first sep.
func cutBefore(s string, sep byte) (before, after string, found bool) {
	if i := strings.IndexByte(s, sep); i >= 0 {
		return s[:i], s[i:], true
	}
	return s, "", false
}

func looksLikeName(text string) bool {
	text, _, _ = strings.Cut(text, ":")
	return text != "" && strings.ContainsAny(text, "ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ") && !strings.ContainsAny(text, "/%[]*")
}

// setAddress reads an address or network; "" and "*" are any.
func (h *hostPattern) setAddress(text string) bool {
	if text == "" || text == "*" {
		return true
	}
	if strings.EqualFold(text, "localhost") {
		h.name = "localhost"
		return true
	}
	address, bits, isNetwork := strings.Cut(text, "/")
	address, zone, hasZone := strings.Cut(address, "%")
	if isNetwork && !strings.Contains(address, ":") {
		// 10/8 and 192.168/16, as routing tools write them
		for strings.Count(address, ".") < 3 {
			address += ".0"
		}
	}
	a, err := netip.ParseAddr(address)
	if err != nil || hasZone && (zone == "" || !a.Is6() || isNetwork || strings.ContainsAny(zone, "[]:%")) {
		return false
	}
	n := a.BitLen()
	if isNetwork {
		if n, err = strconv.Atoi(bits); err != nil || n < 0 || n > a.BitLen() || bits[0] == '+' {
			return false
		}
	}
	if a.Is4In6() && n >= 96 {
		a, n = a.Unmap(), n-96
	}
	h.network, h.zone = netip.PrefixFrom(a, n).Masked(), zone
	return true
}

// Match: a socket without a remote end has the unspecified address of its
// family and port 0 there, as ss shows it.
func (e host) Match(s *Subject) bool { return e.selects(s) == (e.op == eq) }

func (e host) selects(s *Subject) bool {
	end := endOf(s.Socket, e.remote)
	if e.hasPort && end.Port() != e.port {
		return false
	}
	a := end.Addr()
	if e.family != 0 && (!a.IsValid() || a.Is4() != (e.family == 4)) {
		return false
	}
	if e.name != "" {
		return a == localhost4 || a == localhost6
	}
	if !e.network.IsValid() {
		return true
	}
	if a.Zone() != "" {
		if e.zone != "" && !zoneIs(s, a.Zone(), e.zone) {
			return false
		}
		a = a.WithZone("")
	} else if e.zone != "" {
		return false
	}
	return e.network.Contains(a)
}

// zoneIs compares a socket's zone, an interface's index, with what was written.
func zoneIs(s *Subject, zone, want string) bool {
	if zone == want {
		return true
	}
	index, err := strconv.ParseUint(zone, 10, 32)
	return err == nil && s.Names != nil && s.Names.Interface(s.Socket.NetNS, uint32(index)) == want
}

func endOf(s *tcp.Socket, remote bool) netip.AddrPort {
	if !remote {
		return s.Local
	}
	if s.Remote.Addr().IsValid() {
		return s.Remote
	}
	switch local := s.Local.Addr(); {
	case local.Is4():
		return netip.AddrPortFrom(netip.IPv4Unspecified(), s.Remote.Port())
	case local.Is6():
		return netip.AddrPortFrom(netip.IPv6Unspecified(), s.Remote.Port())
	}
	return s.Remote
}

func (e host) String() string { return string(e.appendTo(nil, loose)) }

func (e host) appendTo(dst []byte, _ strength) []byte {
	word := "src"
	if e.remote {
		word = "dst"
	}
	if e.op == ne {
		dst = appendTerm(dst, word, ne)
	} else {
		dst = append(append(dst, word...), ' ')
	}
	return appendName(dst, string(e.appendText(nil)))
}

func (h *hostPattern) appendText(dst []byte) []byte {
	switch h.family {
	case 4:
		dst = append(dst, "inet:"...)
	case 6:
		dst = append(dst, "inet6:"...)
	}
	switch {
	case h.name != "":
		dst = append(dst, h.name...)
	case !h.network.IsValid():
		if !h.hasPort || h.family != 0 {
			dst = append(dst, '*')
		}
	default:
		a := h.network.Addr()
		if a.Is6() {
			dst = append(dst, '[')
		}
		dst = a.AppendTo(dst)
		if h.zone != "" {
			dst = append(append(dst, '%'), h.zone...)
		}
		if !h.network.IsSingleIP() {
			dst = strconv.AppendInt(append(dst, '/'), int64(h.network.Bits()), 10)
		}
		if a.Is6() {
			dst = append(dst, ']')
		}
	}
	if h.hasPort {
		dst = strconv.AppendUint(append(dst, ':'), uint64(h.port), 10)
	}
	return dst
}

// port compares a port number.
type port struct {
	remote bool
	op     op
	port   uint16
}

func (p *parser) port(remote bool, o op, v token) (Expr, *SyntaxError) {
	text := v.text
	if i := strings.LastIndexByte(text, ':'); i >= 0 {
		switch text[:i] {
		case "", "*", "inet:", "inet6:":
		default:
			return nil, p.badPort(v, text)
		}
		text = text[i+1:]
	}
	n, ok := p.portNumber(text)
	if !ok {
		return nil, p.badPort(v, text)
	}
	return port{remote, o, n}, nil
}

func (p *parser) badPort(v token, text string) *SyntaxError {
	hint := say{"a port is 0 to 65535 or the name of a service such as :https", "端口为 0 到 65535，或服务名，例如 :https"}
	return p.fail(v, say{"%q is no port", "%q 不是端口"}, hint, text)
}

func (p *parser) portNumber(text string) (uint16, bool) {
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return uint16(n), n <= 65535
	}
	if text == "" {
		return 0, false
	}
	if p.Service != nil {
		if n, ok := p.Service(text); ok {
			return n, true
		}
	}
	return (*tcp.Services)(nil).Port(text)
}

func (e port) Match(s *Subject) bool {
	end := s.Socket.Local
	if e.remote {
		end = s.Socket.Remote
	}
	return e.op.holds(cmp.Compare(end.Port(), e.port))
}

func (e port) String() string { return string(e.appendTo(nil, loose)) }
func (e port) appendTo(dst []byte, _ strength) []byte {
	word := "sport"
	if e.remote {
		word = "dport"
	}
	return strconv.AppendUint(append(appendTerm(dst, word, e.op), ':'), uint64(e.port), 10)
}
