package diagnose

import (
	"testing"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func TestConnectionLeak(t *testing.T) {
	const db = "10.0.0.2:9000"
	spread := func(over time.Duration, n int) func(int, *tcp.Socket) {
		return func(i int, sk *tcp.Socket) { after(over*time.Duration(i)/time.Duration(n))(i, sk) }
	}
	busy := func(sk *tcp.Socket) { sk.Info.BytesAcked += 50; sk.Info.BytesReceived += 900 }
	runScenes(t, connectionLeak, []sceneCase{
		{name: "new ones although the old lie idle", build: func(s *scene) {
			p := s.process(7, "python3", host.Python, "python3", "job.py")
			fds, limit := uint64(80), uint64(1024)
			p.FDs, p.FDLimit = &fds, &limit
			s.stays(nil, s.many(60, tcp.Established, db, 7, spread(90*time.Second, 60))...)
			s.comes(s.many(5, tcp.Established, db, 7, after(0))...)
		}, want: []judged{{Warning, Likely, 7, "open growth idle until-full age"}}},
		{name: "for a minute and more, but all of them a minute ago", build: func(s *scene) {
			s.process(7, "python3", host.Python)
			s.stays(nil, s.many(60, tcp.Established, db, 7, after(90*time.Second))...)
			s.comes(s.many(5, tcp.Established, db, 7, after(0))...)
		}, want: []judged{{Notice, Possible, 7, "open growth idle age"}}},
		{name: "beside a busy pool", build: func(s *scene) {
			s.process(7, "python3", host.Python)
			s.stays(busy, s.many(60, tcp.Established, db, 7, after(time.Millisecond))...)
			s.stays(nil, s.many(140, tcp.Established, db, 7, spread(14*time.Second, 140))...)
			s.comes(s.many(10, tcp.Established, db, 7, after(0))...)
		}, want: []judged{{Warning, Possible, 7, "open growth idle until-no-port age"}}},
		{name: "a pool that warms up", build: func(s *scene) {
			s.process(7, "python3", host.Python)
			s.stays(nil, s.many(72, tcp.Established, db, 7, spread(11*time.Second, 72))...)
			s.comes(s.many(7, tcp.Established, db, 7, after(0))...)
		}, want: []judged{{Notice, Possible, 7, "open growth idle age"}}},
		{name: "just begun", build: func(s *scene) {
			s.process(7, "client", host.Go)
			s.stays(nil, s.many(52, tcp.Established, db, 7, after(time.Second))...)
			s.comes(s.many(10, tcp.Established, db, 7, after(0))...)
		}, want: []judged{{Warning, Possible, 7, "open growth idle until-no-port"}}},
		{name: "one glance: one every few seconds, all kept", single: true, build: func(s *scene) {
			s.process(7, "node", host.Node)
			s.comes(s.many(400, tcp.Established, db, 7, spread(5*time.Hour, 400))...)
		}, want: []judged{{Notice, Possible, 7, "open age"}}},

		{name: "H8: an idle pool that stands", build: func(s *scene) {
			s.process(7, "java", host.JVM)
			s.stays(nil, s.many(200, tcp.Established, db, 7, after(10*time.Minute))...)
		}},
		{name: "a pool that fills under load", build: func(s *scene) {
			s.process(7, "java", host.JVM)
			s.stays(busy, s.many(80, tcp.Established, db, 7, after(time.Millisecond))...)
			s.comes(s.many(10, tcp.Established, db, 7, after(0))...)
		}},
		{name: "one upstream connection for each client that comes", build: func(s *scene) {
			s.process(7, "nginx", host.Nginx)
			s.listens("0.0.0.0:8080", 7, 0, 511)
			s.stays(nil, s.many(118, tcp.Established, db, 7, spread(14*time.Second, 118))...)
			s.comes(s.many(10, tcp.Established, db, 7, after(0))...)
			s.stays(nil, s.accepted(118, tcp.Established, "10.0.0.1:8080", 7, spread(14*time.Second, 118))...)
			s.comes(s.accepted(10, tcp.Established, "10.0.0.1:8080", 7, after(0))...)
		}},
		{name: "users who think for some seconds", build: func(s *scene) {
			s.process(7, "load", host.Go)
			s.stays(busy, s.many(60, tcp.Established, db, 7, after(time.Millisecond))...)
			s.stays(nil, s.many(140, tcp.Established, db, 7, spread(3*time.Second, 140))...)
			s.comes(s.many(10, tcp.Established, db, 7, after(0))...)
		}},
		{name: "another process starts its own pool", build: func(s *scene) {
			s.process(7, "java", host.JVM)
			s.process(8, "java", host.JVM)
			s.stays(nil, s.many(100, tcp.Established, db, 7, after(10*time.Minute))...)
			s.comes(s.many(10, tcp.Established, db, 8, after(0))...)
		}},
		{name: "churn: as many closed as opened", build: func(s *scene) {
			s.process(7, "php-fpm", host.PHP)
			s.stays(nil, s.many(80, tcp.Established, db, 7, after(time.Second))...)
			s.comes(s.many(40, tcp.Established, db, 7, after(0))...)
			s.goes(s.many(40, tcp.Established, db, 7, after(time.Second))...)
		}},
		{name: "H26, H9: a push server gains clients", build: func(s *scene) {
			s.process(8, "srv", "")
			s.listens("0.0.0.0:8080", 8, 0, 511)
			s.stays(nil, s.accepted(900, tcp.Established, "10.0.0.1:8080", 8, after(time.Hour))...)
			s.comes(s.accepted(30, tcp.Established, "10.0.0.1:8080", 8, after(0))...)
		}},
		{name: "one glance at a pool used in turn", single: true, build: func(s *scene) {
			s.process(7, "java", host.JVM)
			s.comes(s.many(300, tcp.Established, db, 7, spread(5*time.Minute, 300))...)
		}},
	})
}
