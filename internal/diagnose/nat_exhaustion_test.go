package diagnose

import "testing"

func TestNATExhaustion(t *testing.T) {
	const api = "203.0.113.7:443"
	hang := func(local, remote string, n, living int) *pair {
		s := newPair().process(812, "python3", "python", 100)
		w := waiting(remote, 812, 2)
		w.local = local + ":1"
		s.keep(rows(n, 40000, w)...)
		return s.keep(rows(living, 50000, established(local+":1", remote, 812))...)
	}
	testRule(t, natExhaustion, []ruleCase{
		{name: "new ones hang, old ones live", looks: hang("10.0.0.1", api, 8, 30),
			want: []verdict{{Notice, Possible, 812, api}}, facts: []string{"waiting", "living", "private"}},
		{name: "carrier's translation", looks: hang("100.64.3.1", api, 8, 30), want: []verdict{{Notice, Possible, 812, api}}},
		{name: "a public source address needs no NAT", looks: hang("198.51.100.4", api, 8, 30)},
		{name: "a private destination needs none", looks: hang("10.0.0.1", "10.9.9.9:443", 8, 30)},
		{name: "nobody lives there: it is down", looks: hang("10.0.0.1", api, 40, 0)},
		{name: "a lost SYN or two", looks: hang("10.0.0.1", api, 2, 300)},
		{name: "the ports here are the nearer suspect", looks: hang("10.0.0.1", api, 8, 30).setting("net.ipv4.ip_local_port_range", "40000 50029").setting("net.ipv4.ip_local_reserved_ports", "40040-49999")},
		{name: "conntrack here is full", looks: func() *pair {
			s := hang("10.0.0.1", api, 8, 30).setting("net.netfilter.nf_conntrack_max", "1000")
			s.now.Namespaces[0].ConntrackCount.Value, s.now.Namespaces[0].ConntrackCount.Known = 1000, true
			return s
		}()},
	})
}
