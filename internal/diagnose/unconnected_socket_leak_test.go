package diagnose

import (
	"testing"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func TestUnconnectedSocketLeak(t *testing.T) {
	pile := func(s *scene, n int, st tcp.State, local string) []tcp.Socket {
		out := make([]tcp.Socket, n)
		for i := range out {
			out[i] = s.sock(st, local, "", 7)
		}
		return out
	}
	runScenes(t, unconnectedSocketLeak, []sceneCase{
		{name: "F38: grows", build: func(s *scene) {
			s.process(7, "python3", host.Python)
			s.stays(nil, pile(s, 30, tcp.Closed, "0.0.0.0:0")...)
			s.comes(pile(s, 4, tcp.Closed, "0.0.0.0:0")...)
		}, want: []judged{{Warning, Likely, 7, "closed growth"}}},
		{name: "many, one glance", single: true, build: func(s *scene) {
			s.process(7, "node", host.Node)
			s.comes(pile(s, 80, tcp.Closed, "0.0.0.0:0")...)
		}, want: []judged{{Notice, Possible, 7, "closed"}}},
		{name: "F03: bound ports", build: func(s *scene) {
			s.process(7, "app", "")
			s.stays(nil, pile(s, 3000, tcp.Bound, "10.0.0.1:40000")...)
		}, want: []judged{{Warning, Likely, 7, "bound"}}},
		{name: "F24 of the descriptors only", build: func(s *scene) {
			p := s.process(7, "java", host.JVM)
			p.Sockets = 4049
			s.stays(nil, s.many(6, tcp.Established, "10.0.0.2:80", 7, nil)...)
		}, want: []judged{{Notice, Possible, 7, "hidden"}}},

		{name: "a few in store", build: func(s *scene) {
			s.process(7, "app", "")
			s.stays(nil, pile(s, 8, tcp.Closed, "0.0.0.0:0")...)
		}},
		{name: "many are made and used at once", build: func(s *scene) {
			s.process(7, "crawler", host.Go)
			s.comes(pile(s, 30, tcp.Closed, "0.0.0.0:0")...)
			s.goes(pile(s, 30, tcp.Closed, "0.0.0.0:0")...)
		}},
		{name: "all descriptors are in the table", build: func(s *scene) {
			p := s.process(7, "nginx", host.Nginx)
			p.Sockets = 200
			s.stays(nil, s.many(200, tcp.Established, "10.0.0.2:80", 7, nil)...)
		}},
	})
}
