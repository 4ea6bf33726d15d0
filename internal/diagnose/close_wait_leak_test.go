package diagnose

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

func TestCloseWaitLeak(t *testing.T) {
	const db, web = "10.0.0.2:3306", "10.0.0.1:8080"
	runScenes(t, closeWaitLeak, []sceneCase{
		{name: "grows", build: func(s *scene) {
			s.process(7, "java", host.JVM, "java", "-jar", "shop.jar")
			s.stays(nil, s.many(100, tcp.CloseWait, db, 7, after(5*time.Second))...)
			s.comes(s.many(10, tcp.CloseWait, db, 7, after(100*time.Millisecond))...)
		}, want: []judged{{Warning, Likely, 7, "count growth age"}}},
		{name: "server with stuck threads", build: func(s *scene) {
			s.process(8, "java", host.JVM, "java", "-jar", "shop.jar")
			s.listens("0.0.0.0:8080", 8, 0, 100)
			unread := func(i int, sk *tcp.Socket) { after(20*time.Second)(i, sk); sk.RecvQ = 212 }
			s.stays(nil, s.accepted(40, tcp.CloseWait, web, 8, unread)...)
			s.comes(s.accepted(5, tcp.CloseWait, web, 8, unread)...)
		}, want: []judged{{Warning, Likely, 8, "count growth age unread"}}},
		{name: "hours old and many", build: func(s *scene) {
			s.process(7, "node", host.Node)
			s.stays(nil, s.many(150, tcp.CloseWait, db, 7, after(3*time.Hour))...)
			s.stays(nil, s.many(50, tcp.Established, db, 7, nil)...)
		}, want: []judged{{Warning, Likely, 7, "count stayed age"}}},
		{name: "fills the descriptors", build: func(s *scene) {
			p := s.process(7, "python3", host.Python)
			fds, limit := uint64(90), uint64(100)
			p.FDs, p.FDLimit = &fds, &limit
			s.stays(nil, s.many(60, tcp.CloseWait, db, 7, after(2*time.Minute))...)
		}, want: []judged{{Warning, Likely, 7, "count stayed age"}}},
		{name: "workers of one server are one culprit's doing", build: func(s *scene) {
			for pid := int32(20); pid < 30; pid++ {
				s.process(pid, "gunicorn", host.Python, "gunicorn", "app:app")
				s.stays(nil, s.many(3, tcp.CloseWait, db, pid, after(2*time.Minute))...)
			}
		}, want: []judged{{Notice, Possible, 20, "count stayed age"}}},
		{name: "one glance at a paste with many", single: true, build: func(s *scene) {
			s.now.Source = host.Source{Kind: host.Paste, SocketsBy: "text", OwnersBy: "none"}
			s.comes(s.many(120, tcp.CloseWait, db, 0, func(_ int, sk *tcp.Socket) { sk.Info = nil })...)
			s.comes(s.many(30, tcp.Established, db, 0, nil)...)
		}, want: []judged{{Notice, Possible, 0, "count"}}},
		{name: "two that were left this instant are no growth", build: func(s *scene) {
			s.process(7, "java", host.JVM)
			s.stays(nil, s.many(30, tcp.CloseWait, db, 7, after(20*time.Second))...)
			s.comes(s.many(2, tcp.CloseWait, db, 7, after(50*time.Millisecond))...)
		}, want: []judged{{Notice, Possible, 7, "count stayed age"}}},
		{name: "two that have stayed a while are", build: func(s *scene) {
			s.process(7, "java", host.JVM)
			s.stays(nil, s.many(30, tcp.CloseWait, db, 7, after(20*time.Second))...)
			s.comes(s.many(2, tcp.CloseWait, db, 7, after(300*time.Millisecond))...)
		}, want: []judged{{Warning, Likely, 7, "count growth age"}}},
		{name: "a server's leak whose peers reset as fast as new ones come", build: func(s *scene) {
			s.process(8, "python3", host.Python, "python3", "srv.py")
			s.listens("0.0.0.0:8080", 8, 0, 100)
			s.stays(nil, s.accepted(40, tcp.CloseWait, web, 8, after(20*time.Second))...)
			s.stays(wasReset, s.accepted(8, tcp.CloseWait, web, 8, after(60*time.Second))...)
			s.stays(wasReset, resetBefore(s.accepted(50, tcp.CloseWait, web, 8, after(60*time.Second)))...)
			s.comes(s.accepted(8, tcp.CloseWait, web, 8, after(500*time.Millisecond))...)
		}, want: []judged{{Warning, Likely, 8, "count reset growth age"}}},
		{name: "the same where reset sockets show in no table", build: func(s *scene) {
			files := func(n uint64) *host.Process {
				return &host.Process{PID: 8, Name: "srv", NetNS: sceneNS, FDs: &n}
			}
			s.then.Processes[8], s.now.Processes[8] = files(200), files(208)
			s.listens("0.0.0.0:8080", 8, 0, 100)
			s.stays(nil, s.accepted(40, tcp.CloseWait, web, 8, after(20*time.Second))...)
			s.goes(s.accepted(8, tcp.CloseWait, web, 8, after(60*time.Second))...)
			s.comes(s.accepted(8, tcp.CloseWait, web, 8, after(500*time.Millisecond))...)
		}, want: []judged{{Warning, Likely, 8, "count files age"}}},
		{name: "descriptors that established connections account for", build: func(s *scene) {
			files := func(n uint64) *host.Process {
				return &host.Process{PID: 8, Name: "srv", NetNS: sceneNS, FDs: &n}
			}
			s.then.Processes[8], s.now.Processes[8] = files(200), files(208)
			s.listens("0.0.0.0:8080", 8, 0, 100)
			s.stays(nil, s.accepted(40, tcp.CloseWait, web, 8, after(20*time.Second))...)
			s.goes(s.accepted(8, tcp.CloseWait, web, 8, after(60*time.Second))...)
			s.comes(s.accepted(8, tcp.CloseWait, web, 8, after(500*time.Millisecond))...)
			s.comes(s.accepted(8, tcp.Established, web, 8, nil)...)
		}, want: []judged{{Notice, Possible, 8, "count stayed age"}}},
		{name: "both ends here", build: func(s *scene) {
			s.process(7, "app", "")
			s.process(9, "srv", "")
			s.stays(nil, s.many(6, tcp.CloseWait, db, 7, after(2*time.Minute))...)
			for _, sk := range s.now.Sockets {
				mirror := s.sock(tcp.FinWait2, db, "10.0.0.1:1", 9)
				mirror.Remote = netip.AddrPortFrom(sk.Local.Addr(), sk.Local.Port())
				s.comes(mirror)
			}
		}, want: []judged{{Notice, Possible, 7, "count stayed age mirror"}}},

		{name: "H10: idle pool, closed by the peer a moment ago", build: func(s *scene) {
			s.process(7, "java", host.JVM)
			s.stays(nil, s.many(4, tcp.CloseWait, "203.0.113.9:443", 7, after(2*time.Second))...)
		}},
		{name: "H10: a few that stay are a notice and never more", build: func(s *scene) {
			s.process(7, "java", host.JVM)
			s.stays(nil, s.many(4, tcp.CloseWait, "203.0.113.9:443", 7, after(20*time.Second))...)
		}, want: []judged{{Notice, Possible, 7, "count stayed age"}}},
		{name: "H10: a handful for hours is a notice at most", build: func(s *scene) {
			s.process(7, "java", host.JVM)
			s.stays(nil, s.many(4, tcp.CloseWait, "203.0.113.9:443", 7, after(2*time.Hour))...)
		}, want: []judged{{Notice, Possible, 7, "count stayed age"}}},
		{name: "the peer has just closed hundreds at once", build: func(s *scene) {
			s.process(7, "java", host.JVM)
			s.comes(s.many(90, tcp.CloseWait, db, 7, after(100*time.Millisecond))...)
		}},
		{name: "come and go", build: func(s *scene) {
			s.process(7, "nginx", host.Nginx)
			s.stays(nil, s.many(30, tcp.CloseWait, db, 7, after(time.Second))...)
			s.comes(s.many(20, tcp.CloseWait, db, 7, after(time.Second/2))...)
			s.goes(s.many(20, tcp.CloseWait, db, 7, after(time.Second))...)
		}},
		{name: "half-closed and still answering", build: func(s *scene) {
			s.process(7, "srv", "")
			s.stays(nil, s.many(30, tcp.CloseWait, db, 7, func(_ int, sk *tcp.Socket) {
				sk.Info = &tcp.Info{LastSend: 10 * time.Millisecond, LastAck: 2 * time.Hour}
			})...)
		}},
		{name: "not accepted yet is never-accepted", build: func(s *scene) {
			s.process(8, "java", host.JVM)
			s.listens("0.0.0.0:8080", 8, 60, 50)
			s.stays(nil, s.accepted(60, tcp.CloseWait, web, 0, after(time.Hour))...)
		}},
	})
}

// Interpreters run many programs: two scripts are two culprits.
func TestProgramsApart(t *testing.T) {
	s := newScene()
	for pid := int32(1); pid <= 4; pid++ {
		s.process(pid, "python3", host.Python, "python3", fmt.Sprintf("job%d.py", pid%2))
	}
	x := examine(nil, s.now, nil)
	got := [4]int32{x.program(1), x.program(2), x.program(3), x.program(4)}
	if want := [4]int32{1, 2, 1, 2}; got != want {
		t.Errorf("programs %v, want %v", got, want)
	}
	if x.program(99) != 99 {
		t.Error("an unknown process is its own program")
	}
}

// wasReset makes of a socket in CLOSE_WAIT what a reset by the peer leaves.
func wasReset(sk *tcp.Socket) {
	sk.State, sk.Info = tcp.Closed, nil
	sk.Local = netip.AddrPortFrom(sk.Local.Addr(), 0)
}

func resetBefore(socks []tcp.Socket) []tcp.Socket {
	for i := range socks {
		wasReset(&socks[i])
	}
	return socks
}

// What the peer has reset is the close-wait-leak's as long as the program holds
// CLOSE_WAIT, and nobody says that it was never connected.
func TestResetPeersAreToldOnce(t *testing.T) {
	const web = "10.0.0.1:8080"
	s := newScene()
	s.process(8, "srv", host.Go)
	s.listens("0.0.0.0:8080", 8, 0, 100)
	s.stays(nil, s.accepted(20, tcp.CloseWait, web, 8, after(20*time.Second))...)
	s.stays(nil, resetBefore(s.accepted(80, tcp.CloseWait, web, 8, after(0)))...)
	x := examine(s.then, s.now, nil)
	got := closeWaitLeak(x)
	if len(got) != 1 || got[0].values.Count != 100 || got[0].values.Total != 20 || got[0].values.Lport != 8080 {
		t.Fatalf("close-wait-leak: %+v", got)
	}
	for lang, want := range map[string][2]string{"en": {"srv leaves 20 connections", "80 more were reset since"}, "zh": {"有 20 条连接", "80 条后来被重置"}} {
		book, err := knowledge.Open(lang)
		if err != nil {
			t.Fatal(err)
		}
		w, err := x.inWords(got[0], book)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(w.Title, want[0]) || len(w.Evidence) < 2 || !strings.Contains(w.Evidence[1].Fact, want[1]) {
			t.Errorf("%q, %+v", w.Title, w.Evidence)
		}
	}
	if len(got[0].dests) != 0 {
		t.Errorf("a server's own address is among the destinations: %v", got[0].dests)
	}
	if !slices.Contains(got[0].cures, "close-accepted") || slices.Contains(got[0].cures, "close-connections") {
		t.Errorf("cures of a server: %v", got[0].cures)
	}
	if more := unconnectedSocketLeak(x); len(more) != 0 {
		t.Errorf("told once more as %d unconnected-socket-leak", len(more))
	}
	// The CLOSE_WAIT of a client and the refused connects of another program.
	s = newScene()
	s.process(7, "cli", host.Go)
	s.process(9, "other", host.Go)
	s.stays(nil, s.many(20, tcp.CloseWait, "10.0.0.2:3306", 7, after(20*time.Second))...)
	s.stays(nil, resetBefore(s.many(60, tcp.CloseWait, "10.0.0.2:3306", 7, after(0)))...)
	s.stays(nil, resetBefore(s.many(60, tcp.CloseWait, "10.0.0.2:3306", 9, after(0)))...)
	x = examine(s.then, s.now, nil)
	got, more := closeWaitLeak(x), unconnectedSocketLeak(x)
	if len(got) != 1 || got[0].values.Count != 80 || !slices.Contains(got[0].cures, "close-connections") {
		t.Errorf("close-wait-leak of a client: %+v", got)
	}
	if len(more) != 1 || more[0].blamed[0].pid != 9 || more[0].values.Kind != "reset" || factKeys(more[0]) != "reset" {
		t.Fatalf("unconnected-socket-leak: %+v", more)
	}
	tellFound(t, x, more[0], "en")
	tellFound(t, x, more[0], "zh")
}
