package diagnose

import (
	"net/netip"
	"testing"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func TestHalfOpenConnections(t *testing.T) {
	const db, web = "10.0.0.2:5432", "10.0.0.1:8080"
	resends := func(retries uint8) func(int, *tcp.Socket) {
		return func(_ int, sk *tcp.Socket) {
			sk.SendQ, sk.Timer = 500, tcp.Timer{Kind: tcp.TimerOn, Retries: retries, Expires: time.Second}
			sk.Info = &tcp.Info{LastSend: 20 * time.Second, LastRecv: 400 * time.Second, LastAck: 400 * time.Second}
		}
	}
	runScenes(t, halfOpenConnections, []sceneCase{
		{name: "F31: a pool behind a NAT gateway that forgot it", build: func(s *scene) {
			s.process(7, "java", host.JVM)
			s.stays(nil, s.many(4, tcp.Established, db, 7, resends(8))...)
			s.stays(nil, s.many(6, tcp.Established, db, 7, after(time.Second))...)
		}, want: []judged{{Warning, Proven, 7, "silent age alive"}}},
		{name: "one of them", single: true, build: func(s *scene) {
			s.process(7, "java", host.JVM)
			s.comes(s.many(1, tcp.Established, db, 7, resends(4))...)
		}, want: []judged{{Notice, Likely, 7, "silent age"}}},
		{name: "a fifth of the clients is gone", build: func(s *scene) {
			s.process(8, "node", host.Node)
			s.listens("0.0.0.0:8080", 8, 0, 511)
			s.stays(nil, s.accepted(30, tcp.Established, web, 8, resends(7))...)
			s.stays(nil, s.accepted(60, tcp.Established, web, 8, after(time.Second))...)
		}, want: []judged{{Warning, Likely, 8, "silent age alive"}}},
		{name: "F32: silent for hours from many machines, no keepalive", build: func(s *scene) {
			s.process(8, "srv", "")
			s.listens("0.0.0.0:8080", 8, 0, 511)
			s.stays(nil, s.accepted(150, tcp.Established, web, 8, after(30*time.Hour))...)
		}, want: []judged{{Notice, Possible, 8, "quiet"}}},

		{name: "H13: a few clients of many vanish", build: func(s *scene) {
			s.process(8, "nginx", host.Nginx)
			s.listens("0.0.0.0:8080", 8, 0, 511)
			s.stays(nil, s.accepted(4, tcp.Established, web, 8, resends(9))...)
			s.stays(nil, s.accepted(500, tcp.Established, web, 8, after(time.Second))...)
		}},
		{name: "clients of a full queue on this machine", build: func(s *scene) {
			s.process(7, "client", host.Go)
			s.process(8, "server", host.Go)
			for _, sn := range []*host.Snapshot{s.then, s.now} {
				sn.Namespaces[0].Addrs = []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")}
			}
			s.listens("0.0.0.0:5432", 8, 9, 8)
			s.stays(nil, s.many(26, tcp.Established, db, 7, resends(5))...)
		}},
		{name: "the queue that is full here is another machine's port", build: func(s *scene) {
			s.process(7, "client", host.Go)
			s.process(8, "server", host.Go)
			s.listens("0.0.0.0:5432", 8, 9, 8)
			s.stays(nil, s.many(26, tcp.Established, db, 7, resends(7))...)
		}, want: []judged{{Warning, Proven, 7, "silent age"}}},
		{name: "a lost packet or two", build: func(s *scene) {
			s.process(7, "java", host.JVM)
			s.stays(nil, s.many(50, tcp.Established, db, 7, resends(2))...)
		}},
		{name: "H8, H24: pools of three machines idle all night", build: func(s *scene) {
			s.process(8, "postgres", host.PostgreSQL)
			s.listens("0.0.0.0:5432", 8, 0, 200)
			s.stays(nil, s.accepted(300, tcp.Established, "10.0.0.1:5432", 8, func(i int, sk *tcp.Socket) {
				after(9*time.Hour)(i, sk)
				sk.Remote = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(i % 3)}), uint16(40000+i))
			})...)
		}},
		{name: "H26: push clients with keepalive", build: func(s *scene) {
			s.process(8, "srv", "")
			s.listens("0.0.0.0:8080", 8, 0, 511)
			s.stays(nil, s.accepted(500, tcp.Established, web, 8, func(i int, sk *tcp.Socket) {
				after(30*time.Hour)(i, sk)
				sk.Timer = tcp.Timer{Kind: tcp.TimerKeepalive, Expires: time.Minute}
			})...)
		}},
		{name: "a closed window is slow-peer", build: func(s *scene) {
			s.process(7, "java", host.JVM)
			s.stays(nil, s.many(5, tcp.Established, db, 7, func(_ int, sk *tcp.Socket) {
				sk.SendQ, sk.Timer = 500, tcp.Timer{Kind: tcp.TimerPersist, Retries: 9}
			})...)
		}},
	})
}
