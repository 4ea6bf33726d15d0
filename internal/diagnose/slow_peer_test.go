package diagnose

import (
	"testing"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func TestSlowPeer(t *testing.T) {
	const sink, web = "10.0.0.2:9000", "10.0.0.1:80"
	shut := func(_ int, sk *tcp.Socket) {
		sk.SendQ, sk.Timer = 3782144, tcp.Timer{Kind: tcp.TimerPersist, Retries: 3, Expires: time.Second}
		sk.Info = &tcp.Info{BytesAcked: 128513, LastSend: 2 * time.Second}
	}
	runScenes(t, slowPeer, []sceneCase{
		{name: "one destination", build: func(s *scene) {
			s.process(7, "python3", host.Python)
			s.stays(nil, s.many(1, tcp.Established, sink, 7, shut)...)
		}, want: []judged{{Notice, Likely, 7, "window unsent"}}},
		{name: "three to one destination", build: func(s *scene) {
			s.process(7, "node", host.Node)
			s.stays(nil, s.many(3, tcp.Established, sink, 7, shut)...)
		}, want: []judged{{Warning, Likely, 7, "window unsent"}}},
		{name: "a third of the clients", build: func(s *scene) {
			s.process(8, "nginx", host.Nginx)
			s.listens("0.0.0.0:80", 8, 0, 511)
			s.stays(nil, s.accepted(30, tcp.Established, web, 8, shut)...)
			s.stays(nil, s.accepted(60, tcp.Established, web, 8, nil)...)
		}, want: []judged{{Warning, Likely, 8, "window unsent"}}},
		{name: "one glance", single: true, build: func(s *scene) {
			s.process(7, "node", host.Node)
			s.comes(s.many(3, tcp.Established, sink, 7, shut)...)
		}, want: []judged{{Notice, Possible, 7, "window unsent"}}},

		{name: "some clients pause", build: func(s *scene) {
			s.process(8, "nginx", host.Nginx)
			s.listens("0.0.0.0:80", 8, 0, 511)
			s.stays(nil, s.accepted(8, tcp.Established, web, 8, shut)...)
			s.stays(nil, s.accepted(400, tcp.Established, web, 8, nil)...)
		}},
		{name: "a window that opens now and then", build: func(s *scene) {
			s.process(7, "node", host.Node)
			s.stays(func(sk *tcp.Socket) { sk.Info.BytesAcked += 65536 }, s.many(5, tcp.Established, sink, 7, shut)...)
		}},
		{name: "the peer is here and does not read: slow-reader", build: func(s *scene) {
			s.process(7, "node", host.Node)
			s.process(8, "java", host.JVM)
			socks := s.many(5, tcp.Established, sink, 7, shut)
			s.stays(nil, socks...)
			for _, sk := range socks {
				end := s.sock(tcp.Established, sink, sk.Local.String(), 8)
				end.RecvQ = 128512
				s.stays(nil, end)
			}
		}},
		{name: "resending is half-open", build: func(s *scene) {
			s.process(7, "node", host.Node)
			s.stays(nil, s.many(5, tcp.Established, sink, 7, func(_ int, sk *tcp.Socket) {
				sk.SendQ, sk.Timer = 900, tcp.Timer{Kind: tcp.TimerOn, Retries: 6}
			})...)
		}},
	})
}
