package diagnose

import (
	"testing"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func TestStuckClosing(t *testing.T) {
	const web = "10.0.0.1:80"
	stuck := func(_ int, sk *tcp.Socket) {
		sk.SendQ, sk.Orphan, sk.Timer = 5000, true, tcp.Timer{Kind: tcp.TimerOn, Retries: 5, Expires: time.Second}
	}
	runScenes(t, stuckClosing, []sceneCase{
		{name: "F18: a tenth, not growing", build: func(s *scene) {
			s.process(8, "nginx", host.Nginx)
			s.listens("0.0.0.0:80", 8, 0, 511)
			s.stays(nil, s.accepted(30, tcp.FinWait1, web, 0, stuck)...)
			s.stays(nil, s.accepted(250, tcp.Established, web, 8, nil)...)
		}, want: []judged{{Notice, Likely, 8, "count unsent"}}},
		{name: "grows", build: func(s *scene) {
			s.process(8, "nginx", host.Nginx)
			s.listens("0.0.0.0:80", 8, 0, 511)
			s.stays(nil, s.accepted(120, tcp.LastAck, web, 0, stuck)...)
			s.comes(s.accepted(9, tcp.FinWait1, web, 0, stuck)...)
		}, want: []judged{{Warning, Likely, 8, "count unsent growth"}}},
		{name: "opened from here, one glance", single: true, build: func(s *scene) {
			s.process(7, "java", host.JVM)
			s.comes(s.many(25, tcp.FinWait1, "10.0.0.2:80", 0, stuck)...)
			s.comes(s.many(2, tcp.Established, "10.0.0.2:80", 7, nil)...)
		}, want: []judged{{Notice, Possible, 7, "count unsent"}}},

		{name: "H13: clients of the internet vanish", build: func(s *scene) {
			s.process(8, "nginx", host.Nginx)
			s.listens("0.0.0.0:80", 8, 0, 511)
			s.stays(nil, s.accepted(40, tcp.LastAck, web, 0, stuck)...)
			s.stays(nil, s.accepted(5000, tcp.Established, web, 8, nil)...)
		}},
		{name: "closing at this moment", build: func(s *scene) {
			s.comes(s.many(300, tcp.LastAck, "10.0.0.2:80", 0, func(_ int, sk *tcp.Socket) {
				sk.Timer = tcp.Timer{Kind: tcp.TimerOn}
			})...)
		}},
	})
}
