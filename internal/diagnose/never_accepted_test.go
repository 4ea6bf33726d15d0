package diagnose

import (
	"testing"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// unowned is a saved table that shows nobody's pid: a listener with that Recv-Q,
// connections to it that were closed by the client, and others.
func unowned(s *scene, queued uint32, left, open int) {
	const web = "10.0.0.1:8080"
	s.now.Source = host.Source{Kind: host.Paste, SocketsBy: "text", OwnersBy: "text"}
	s.now.Machine.OS = "linux"
	l := s.sock(tcp.Listen, "0.0.0.0:8080", "", 0)
	l.Inode, l.RecvQ = 0, queued
	s.comes(l)
	bare := func(_ int, sk *tcp.Socket) { sk.Info, sk.Inode = nil, 0 }
	s.comes(s.accepted(left, tcp.CloseWait, web, 0, bare)...)
	s.comes(s.accepted(open, tcp.Established, web, 0, bare)...)
}

// What waits to be accepted is not what a program forgot to close.
func TestQueuedIsNotUnclosed(t *testing.T) {
	for queued, want := range map[uint32]int{150: 0, 60: 1} {
		s := newScene()
		unowned(s, queued, 150, 0)
		if got := closeWaitLeak(examine(nil, s.now, nil)); len(got) != want {
			t.Errorf("%d of 150 are queued: %d findings, want %d", queued, len(got), want)
		}
	}
}

func TestNeverAccepted(t *testing.T) {
	const web = "10.0.0.1:8080"
	waits := func(i int, sk *tcp.Socket) { after(3*time.Second)(i, sk); sk.RecvQ = 11 }
	runScenes(t, neverAccepted, []sceneCase{
		{name: "F13: queue full, clients gone", build: func(s *scene) {
			s.process(8, "java", host.JVM)
			s.listens("0.0.0.0:8080", 8, 51, 50)
			s.stays(nil, s.accepted(51, tcp.CloseWait, web, 0, waits)...)
		}, want: []judged{{Critical, Proven, 8, "left queue stayed age"}}},
		{name: "clients gone, queue not full", build: func(s *scene) {
			s.process(8, "java", host.JVM)
			s.listens("0.0.0.0:8080", 8, 3, 50)
			s.stays(nil, s.accepted(3, tcp.CloseWait, web, 0, waits)...)
		}, want: []judged{{Warning, Likely, 8, "left queue stayed age"}}},
		{name: "half the queue waits for a second", build: func(s *scene) {
			s.process(8, "java", host.JVM)
			s.listens("0.0.0.0:8080", 8, 30, 50)
			s.stays(nil, s.accepted(30, tcp.Established, web, 0, waits)...)
		}, want: []judged{{Warning, Likely, 8, "queue stayed age"}}},
		{name: "one glance", single: true, build: func(s *scene) {
			s.process(8, "java", host.JVM)
			s.listens("0.0.0.0:8080", 8, 2, 50)
			s.comes(s.accepted(2, tcp.CloseWait, web, 0, waits)...)
		}, want: []judged{{Notice, Possible, 8, "left queue age"}}},
		{name: "a paste without inodes: the listener's owner is seen, theirs is not", single: true, build: func(s *scene) {
			s.now.Source = host.Source{Kind: host.Paste, SocketsBy: "text", OwnersBy: "text"}
			s.process(8, "java", host.JVM)
			l := s.sock(tcp.Listen, "0.0.0.0:8080", "", 8)
			l.Inode, l.RecvQ, l.SendQ = 0, 76, 50
			s.comes(l)
			s.comes(s.accepted(76, tcp.CloseWait, web, 0, func(_ int, sk *tcp.Socket) { sk.Info = nil })...)
		}, want: []judged{{Warning, Likely, 8, "left queue"}}},
		{name: "a paste without any owner: the queue holds as many as there are", single: true, build: func(s *scene) {
			unowned(s, 5, 3, 2)
		}, want: []judged{{Notice, Possible, 0, "left queue"}}},
		{name: "a paste without any owner: more than the queue holds", single: true, build: func(s *scene) {
			unowned(s, 4, 3, 2)
		}},
		{name: "a paste without any owner, of a system that shows no queue there", single: true, build: func(s *scene) {
			unowned(s, 5, 3, 2)
			s.now.Machine.OS = "darwin"
		}},
		{name: "full, and those who left are young", single: true, build: func(s *scene) {
			s.process(8, "java", host.JVM)
			s.listens("0.0.0.0:8080", 8, 51, 50)
			s.comes(s.accepted(51, tcp.CloseWait, web, 0, after(100*time.Millisecond))...)
		}, want: []judged{{Warning, Likely, 8, "left queue age"}}},

		{name: "one glance at clients that live for milliseconds", single: true, build: func(s *scene) {
			s.process(8, "java", host.JVM)
			s.listens("0.0.0.0:8080", 8, 2, 50)
			s.comes(s.accepted(2, tcp.CloseWait, web, 0, after(3*time.Millisecond))...)
		}},
		{name: "others each time", build: func(s *scene) {
			s.process(8, "java", host.JVM)
			s.listens("0.0.0.0:8080", 8, 2, 50)
			s.goes(s.accepted(2, tcp.CloseWait, web, 0, after(3*time.Millisecond))...)
			s.comes(s.accepted(2, tcp.CloseWait, web, 0, after(3*time.Millisecond))...)
		}},
		{name: "H15: some wait for an instant", build: func(s *scene) {
			s.process(8, "nginx", host.Nginx)
			s.listens("0.0.0.0:8080", 8, 5, 4096)
			s.comes(s.accepted(5, tcp.Established, web, 0, nil)...)
			s.goes(s.accepted(7, tcp.Established, web, 0, nil)...)
		}},
		{name: "owned CLOSE_WAIT is close-wait-leak", build: func(s *scene) {
			s.process(8, "java", host.JVM)
			s.listens("0.0.0.0:8080", 8, 0, 50)
			s.stays(nil, s.accepted(51, tcp.CloseWait, web, 8, waits)...)
		}},
		{name: "a paste without any owner tells nothing", single: true, build: func(s *scene) {
			s.now.Source = host.Source{Kind: host.Paste, SocketsBy: "text", OwnersBy: "none"}
			l := s.sock(tcp.Listen, "0.0.0.0:8080", "", 0)
			s.comes(l)
			s.comes(s.accepted(5, tcp.CloseWait, web, 0, nil)...)
		}},
	})
}
