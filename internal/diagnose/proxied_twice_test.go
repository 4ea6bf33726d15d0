package diagnose

import (
	"net/netip"
	"testing"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func TestProxiedTwice(t *testing.T) {
	// relays makes n clients of pid 8 on :8080, each passed on to app at 172.17.0.2:80.
	relays := func(s *scene, n int, rt host.Runtime) {
		s.process(8, "proxy", rt)
		s.process(9, "app", "")
		s.listens("0.0.0.0:8080", 8, 0, 511)
		s.listens("172.17.0.2:80", 9, 0, 511)
		s.stays(nil, s.accepted(n, tcp.Established, "10.0.0.1:8080", 8, nil)...)
		inner := s.many(n, tcp.Established, "172.17.0.2:80", 8, nil)
		s.stays(nil, inner...)
		for _, sk := range inner {
			s.stays(nil, s.sock(tcp.Established, "172.17.0.2:80", sk.Local.String(), 9))
		}
	}
	runScenes(t, proxiedTwice, []sceneCase{
		{name: "F33: docker-proxy", build: func(s *scene) { relays(s, 150, host.Docker) },
			want: []judged{{Notice, Likely, 8, "outer inner"}}},
		{name: "ports run low inside", build: func(s *scene) {
			s.now.Namespaces[0].Settings["net.ipv4.ip_local_port_range"] = "33000 33999"
			relays(s, 60, host.HAProxy)
			s.stays(nil, s.many(800, tcp.TimeWait, "172.17.0.2:80", 0, func(i int, sk *tcp.Socket) {
				sk.Local = netip.AddrPortFrom(sk.Local.Addr(), uint16(33000+i))
			})...)
		}, want: []judged{{Notice, Likely, 8, "outer inner ports"}}},

		{name: "H19: a few", build: func(s *scene) { relays(s, 30, host.Docker) }},
		{name: "H23: a load balancer to other machines", build: func(s *scene) {
			s.process(8, "haproxy", host.HAProxy)
			s.listens("0.0.0.0:80", 8, 0, 511)
			s.stays(nil, s.accepted(500, tcp.Established, "10.0.0.1:80", 8, nil)...)
			s.stays(nil, s.many(500, tcp.Established, "10.0.0.9:8080", 8, nil)...)
		}},
		{name: "client and server on one machine", build: func(s *scene) {
			s.process(7, "bench", "")
			s.process(9, "app", "")
			s.listens("10.0.0.1:80", 9, 0, 511)
			inner := s.many(300, tcp.Established, "10.0.0.1:80", 7, nil)
			s.stays(nil, inner...)
			for _, sk := range inner {
				s.stays(nil, s.sock(tcp.Established, "10.0.0.1:80", sk.Local.String(), 9))
			}
		}},
		{name: "H20: loopback pairs of one program", build: func(s *scene) {
			s.process(7, "firefox", "")
			s.listens("127.0.0.1:5000", 7, 0, 10)
			for _, sk := range s.many(200, tcp.Established, "127.0.0.1:5000", 7, nil) {
				sk.Local = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), sk.Local.Port())
				s.stays(nil, sk, s.sock(tcp.Established, "127.0.0.1:5000", sk.Local.String(), 7))
			}
		}},
	})
}
