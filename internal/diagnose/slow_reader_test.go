package diagnose

import (
	"testing"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func TestSlowReader(t *testing.T) {
	const feed, web = "10.0.0.2:9000", "10.0.0.1:8080"
	unread := func(bytes uint32) func(int, *tcp.Socket) {
		return func(_ int, sk *tcp.Socket) {
			sk.RecvQ = bytes
			sk.Info = &tcp.Info{BytesReceived: uint64(bytes) + 500, LastRecv: 8 * time.Second, LastAck: 8 * time.Second}
		}
	}
	more := func(sk *tcp.Socket) { sk.RecvQ += 100; sk.Info.BytesReceived += 100 }
	reads := func(sk *tcp.Socket) { sk.Info.BytesReceived += 9000 } // as much came as was read
	runScenes(t, slowReader, []sceneCase{
		{name: "one connection", build: func(s *scene) {
			s.process(7, "python3", host.Python)
			s.stays(more, s.many(1, tcp.Established, feed, 7, unread(128512))...)
			s.stays(nil, s.many(30, tcp.Established, feed, 7, nil)...)
		}, want: []judged{{Notice, Likely, 7, "unread not-read age"}}},
		{name: "many", build: func(s *scene) {
			s.process(7, "python3", host.Python)
			s.stays(nil, s.many(12, tcp.Established, feed, 7, unread(128512))...)
			s.stays(nil, s.many(300, tcp.Established, feed, 7, nil)...)
		}, want: []judged{{Warning, Likely, 7, "unread not-read age"}}},
		{name: "requests that nobody reads", build: func(s *scene) {
			s.process(8, "java", host.JVM)
			s.listens("0.0.0.0:8080", 8, 0, 100)
			s.stays(nil, s.accepted(40, tcp.Established, web, 8, unread(212))...)
			s.stays(nil, s.accepted(10, tcp.Established, web, 8, nil)...)
		}, want: []judged{{Warning, Likely, 8, "unread not-read age"}}},
		{name: "a paste", single: true, build: func(s *scene) {
			s.now.Source = host.Source{Kind: host.Paste, SocketsBy: "text", OwnersBy: "none"}
			s.comes(s.many(5, tcp.Established, feed, 0, func(_ int, sk *tcp.Socket) { sk.RecvQ, sk.Info = 90000, nil })...)
		}, want: []judged{{Notice, Possible, 0, "unread"}}},
		{name: "one glance: it lies there", single: true, build: func(s *scene) {
			s.process(7, "python3", host.Python)
			s.comes(s.many(8, tcp.Established, feed, 7, unread(128512))...)
		}, want: []judged{{Notice, Possible, 7, "unread age"}}},

		{name: "one glance: it flows", single: true, build: func(s *scene) {
			s.process(7, "python3", host.Python)
			s.comes(s.many(8, tcp.Established, feed, 7, func(i int, sk *tcp.Socket) {
				unread(128512)(i, sk)
				sk.Info.LastRecv = 20 * time.Millisecond
			})...)
		}},
		{name: "full but read all the time", build: func(s *scene) {
			s.process(7, "python3", host.Python)
			s.stays(reads, s.many(12, tcp.Established, feed, 7, unread(128512))...)
		}},
		{name: "filled between the looks", build: func(s *scene) {
			s.process(7, "python3", host.Python)
			s.stays(func(sk *tcp.Socket) { sk.RecvQ = 90000; sk.Info.BytesReceived += 90000 }, s.many(12, tcp.Established, feed, 7, nil)...)
		}},
		{name: "a client's unread session tickets", build: func(s *scene) {
			s.process(7, "php-fpm", host.PHP)
			s.stays(nil, s.many(60, tcp.Established, "203.0.113.9:443", 7, unread(510))...)
		}},
		{name: "not accepted is never-accepted", build: func(s *scene) {
			s.process(8, "java", host.JVM)
			s.listens("0.0.0.0:8080", 8, 40, 100)
			s.stays(nil, s.accepted(40, tcp.Established, web, 0, unread(212))...)
		}},
	})
}
