package diagnose

import (
	"testing"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func TestFinWait2Held(t *testing.T) {
	const peer = "10.0.0.2:6000"
	runScenes(t, finWait2Held, []sceneCase{
		{name: "F39: held for minutes", build: func(s *scene) {
			s.process(7, "node", host.Node)
			s.stays(nil, s.many(3, tcp.FinWait2, peer, 7, after(10*time.Minute))...)
		}, want: []judged{{Notice, Possible, 7, "count age"}}},
		{name: "grows", build: func(s *scene) {
			s.process(7, "node", host.Node)
			s.stays(nil, s.many(60, tcp.FinWait2, peer, 7, after(time.Minute))...)
			s.comes(s.many(5, tcp.FinWait2, peer, 7, after(0))...)
		}, want: []judged{{Warning, Likely, 7, "count growth age"}}},

		{name: "H12: orphans with a timer", build: func(s *scene) {
			s.stays(nil, s.many(500, tcp.FinWait2, peer, 0, func(_ int, sk *tcp.Socket) {
				sk.Info, sk.Orphan, sk.Timer = nil, true, tcp.Timer{Kind: tcp.TimerTimeWait, Expires: 40 * time.Second}
			})...)
		}},
		{name: "a server that lingers for seconds", build: func(s *scene) {
			s.process(8, "nginx", host.Nginx)
			s.listens("0.0.0.0:80", 8, 0, 511)
			s.stays(nil, s.accepted(80, tcp.FinWait2, "10.0.0.1:80", 8, after(5*time.Second))...)
			s.comes(s.accepted(20, tcp.FinWait2, "10.0.0.1:80", 8, after(0))...)
			s.goes(s.accepted(20, tcp.FinWait2, "10.0.0.1:80", 8, after(30*time.Second))...)
		}},
		{name: "F40: the one in CLOSE_WAIT is to blame", build: func(s *scene) {
			s.process(7, "node", host.Node)
			s.process(8, "java", host.JVM)
			held := s.many(5, tcp.FinWait2, peer, 7, after(10*time.Minute))
			s.stays(nil, held...)
			for _, sk := range held {
				end := s.sock(tcp.CloseWait, peer, sk.Local.String(), 8)
				s.stays(nil, end)
			}
		}},
	})
}
