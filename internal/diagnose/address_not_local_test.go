package diagnose

import (
	"net/netip"
	"testing"

	"sockeye/internal/host"
)

func addrOf(s string) netip.Addr { return netip.MustParseAddrPort(s).Addr() }

func TestAddressNotLocal(t *testing.T) {
	fails := func(call, addr string) *pair {
		return newPair().process(812, "java", "jvm", 1).fails(812, "java", call, errADDRNOTAVAIL, addr, 3)
	}
	elsewhere := fails("bind", "10.9.9.9:80")
	elsewhere.now.Namespaces = append(elsewhere.now.Namespaces, &host.NetNS{Inode: 4026532281, Name: "blue", Addrs: []netip.Addr{netip.MustParseAddr("10.9.9.9")}})
	full := fails("connect", "[2001:db8::2]:443").setting("net.ipv4.ip_local_port_range", "40000 40009")
	full.now.Namespaces[0].Addrs = append(full.now.Namespaces[0].Addrs, netip.MustParseAddr("2001:db8::1"))
	unread := fails("bind", "10.9.9.9:80")
	unread.now.Namespaces[0].Addrs = nil
	testRule(t, addressNotLocal, []ruleCase{
		{name: "bind to another machine's address", looks: fails("bind", "10.9.9.9:80"),
			want: []verdict{{Warning, Proven, 812, ""}}, facts: []string{"failed", "addresses"}},
		{name: "the address is in a container", looks: elsewhere, want: []verdict{{Warning, Proven, 812, ""}}, facts: []string{"failed", "addresses", "elsewhere"}},
		{name: "addresses were not read", looks: unread, want: []verdict{{Warning, Proven, 812, ""}}, facts: []string{"failed"}},
		{name: "the address came since", looks: fails("bind", "10.0.0.1:80"), want: []verdict{{Notice, Possible, 812, ""}}},
		{name: "connect over IPv6 without any", looks: fails("connect", "[2001:db8::2]:443"),
			want: []verdict{{Notice, Proven, 812, "[2001:db8::2]:443"}}, facts: []string{"failed", "no-ipv6"}},
		{name: "and then over IPv4", looks: fails("connect", "[2001:db8::2]:443").connects(812, "java", "192.0.2.2:443", 1, 0)},
		{name: "and then to an address that found no room", looks: fails("connect", "[2001:db8::2]:443").connects(812, "java", "[::]:0", 1, 0)},
		{name: "and then in vain", looks: fails("connect", "[2001:db8::2]:443").connects(812, "java", "[::]:0", 1, 1), want: []verdict{{Notice, Proven, 812, "[2001:db8::2]:443"}}},
		{name: "every Go program asks for [::1]", looks: fails("bind", "[::1]:0")},
		{name: "no ports left over IPv6", looks: full},
		{name: "no ports left over IPv4", looks: fails("connect", "192.0.2.2:443")},
		{name: "nobody watched", looks: newPair()},
	})
}

func TestBlockedByPolicy(t *testing.T) {
	fails := func(call string, errno uint32, addr string) *pair {
		return newPair().process(812, "node", "node", 1).fails(812, "node", call, errno, addr, 2)
	}
	testRule(t, blockedByPolicy, []ruleCase{
		{name: "connect forbidden", looks: fails("connect", errPERM, "192.0.2.2:443"), want: []verdict{{Warning, Proven, 812, "192.0.2.2:443"}}, facts: []string{"failed"}},
		{name: "prohibit route", looks: fails("connect", errACCES, "192.0.2.2:443"), want: []verdict{{Warning, Proven, 812, "192.0.2.2:443"}}},
		{name: "a low port", looks: fails("bind", errACCES, "0.0.0.0:80"), want: []verdict{{Warning, Proven, 812, ""}}, facts: []string{"failed", "low-port"}},
		{name: "a high port", looks: fails("bind", errACCES, "0.0.0.0:8080"), want: []verdict{{Warning, Proven, 812, ""}}, facts: []string{"failed"}},
		{name: "low ports are free here", looks: fails("bind", errACCES, "0.0.0.0:80").setting("net.ipv4.ip_unprivileged_port_start", "0"),
			want: []verdict{{Warning, Proven, 812, ""}}, facts: []string{"failed"}},
		{name: "other errors", looks: fails("connect", errCONNREFUSED, "192.0.2.2:443")},
	})
}
