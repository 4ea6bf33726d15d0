package diagnose

import (
	"testing"

	"sockeye/internal/tcp"
)

func TestChange(t *testing.T) {
	closeWait := func(sk *tcp.Socket) bool { return sk.State == tcp.CloseWait }
	for _, cookies := range []bool{true, false} {
		s := newScene()
		est := s.many(3, tcp.Established, "10.0.0.2:80", 7, nil)
		s.stays(nil, s.many(5, tcp.CloseWait, "10.0.0.2:80", 7, nil)...)
		s.stays(func(sk *tcp.Socket) { sk.State = tcp.CloseWait }, est...)
		s.comes(s.many(2, tcp.CloseWait, "10.0.0.2:80", 7, nil)...)
		s.goes(s.many(4, tcp.CloseWait, "10.0.0.2:80", 7, nil)...)
		if !cookies {
			s.now.Source.SocketsBy = "procfs" // other than the first look's: addresses must do
		}
		x := examine(s.then, s.now, nil)
		stayed, came, gone := x.change(closeWait)
		if len(stayed) != 5 || len(came) != 5 || gone != 4 {
			t.Errorf("cookies %v: stayed %d, came %d, gone %d; want 5, 5, 4", cookies, len(stayed), len(came), gone)
		}
		stayed, came, gone = x.changeIn(tcp.CloseWait, func(*tcp.Socket) bool { return true })
		if len(stayed) != 5 || len(came) != 5 || gone != 4 {
			t.Errorf("changeIn, cookies %v: stayed %d, came %d, gone %d; want 5, 5, 4", cookies, len(stayed), len(came), gone)
		}
		was := x.earlier(x.state(tcp.CloseWait))
		if was[0] == nil || was[0].State != tcp.CloseWait || was[5] == nil || was[5].State != tcp.Established || was[8] != nil {
			t.Errorf("cookies %v: earlier sockets %v", cookies, was)
		}
	}
}

// The four-tuple comes back with another cookie: it is another connection.
func TestChangeSameTupleAnew(t *testing.T) {
	s := newScene()
	old := s.sock(tcp.Established, "10.0.0.1:40000", "10.0.0.2:80", 7)
	anew := old
	anew.Cookie++
	s.goes(old)
	s.comes(anew)
	stayed, came, gone := examine(s.then, s.now, nil).change(func(*tcp.Socket) bool { return true })
	if len(stayed) != 0 || len(came) != 1 || gone != 1 {
		t.Errorf("stayed %d, came %d, gone %d; want 0, 1, 1", len(stayed), len(came), gone)
	}
}

func TestChangeSingleLook(t *testing.T) {
	s := newScene()
	s.comes(s.many(2, tcp.Established, "10.0.0.2:80", 7, nil)...)
	stayed, came, gone := examine(nil, s.now, nil).change(func(*tcp.Socket) bool { return true })
	if stayed != nil || came != nil || gone != 0 {
		t.Errorf("a single look knows of change: %v %v %d", stayed, came, gone)
	}
}

// Listeners of SO_REUSEPORT share their addresses; without cookies the files
// tell them apart, and without those their number.
func TestChangeAlikeSockets(t *testing.T) {
	s := newScene()
	s.then.Source.SocketsBy, s.now.Source.SocketsBy = "text", "text"
	for range 3 {
		l := s.sock(tcp.Listen, "0.0.0.0:80", "", 0)
		l.Cookie = 0
		s.stays(nil, l)
	}
	extra := s.sock(tcp.Listen, "0.0.0.0:80", "", 0)
	extra.Cookie = 0
	s.comes(extra)
	stayed, came, gone := examine(s.then, s.now, nil).change(func(*tcp.Socket) bool { return true })
	if len(stayed) != 3 || len(came) != 1 || gone != 0 {
		t.Errorf("stayed %d, came %d, gone %d; want 3, 1, 0", len(stayed), len(came), gone)
	}
}
