package act

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/windows"

	"sockeye/internal/tcp"
)

// connection is one of this process with itself, and how Windows lists the end that
// connected.
func connection(t *testing.T) (conn, peer net.Conn, s *tcp.Socket) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if conn, err = net.Dial("tcp4", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if peer, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	d, err := openDestroyer(0)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := d.(ipHelper).rows()
	if err != nil {
		t.Fatal(err)
	}
	s = &tcp.Socket{Local: netip.MustParseAddrPort(conn.LocalAddr().String()), Remote: netip.MustParseAddrPort(conn.RemoteAddr().String()),
		State: tcp.Established}
	for _, r := range rows {
		if r.local == s.Local && r.remote == s.Remote {
			s.PID, s.Cookie = int32(r.pid), r.created
			return conn, peer, s
		}
	}
	t.Fatalf("%v is not among %d connections", s.Local, len(rows))
	return nil, nil, nil
}

// What SetTcpEntry says is not believed: the outcome is what the table and the
// connection itself show. (Wine says yes and does nothing.)
func TestDestroyTellsTheTruth(t *testing.T) {
	conn, peer, s := connection(t)
	d, err := openDestroyer(0)
	if err != nil {
		t.Fatal(err)
	}
	got := destroyOne(d, s)
	_, err = conn.Write([]byte("x"))
	if err == nil {
		_, err = peer.Read(make([]byte, 1))
	}
	switch {
	case got.Outcome == StillThere && err == nil, got.Outcome == Destroyed && err != nil:
	case got.Outcome == Refused && errors.Is(got.Err, ErrNotPermitted) && err == nil:
	default:
		t.Errorf("%+v, and of the connection: %v", got, err)
	}
}

// Another connection between the same ends is not the one that was shown.
func TestDestroyOnlyThatOne(t *testing.T) {
	_, _, s := connection(t)
	d, err := openDestroyer(0)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*tcp.Socket){
		"made at another time": func(s *tcp.Socket) { s.Cookie++ }, "of another process": func(s *tcp.Socket) { s.PID++ },
		"another port": func(s *tcp.Socket) { s.Remote = netip.AddrPortFrom(s.Remote.Addr(), s.Remote.Port()^1) },
	} {
		other := *s
		change(&other)
		if err := d.destroy(&other); !errors.Is(err, errNoSocket) {
			t.Errorf("%s: %v", name, err)
		}
		if got := destroyOne(d, &other); got.Outcome != Gone || got.Err != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if alive, err := d.alive(s); !alive || err != nil {
		t.Errorf("%v, %v", alive, err)
	}
}

func TestDestroyRefuses(t *testing.T) {
	d, err := openDestroyer(0)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]tcp.Socket{
		"IPv6":        socketOf(tcp.Established, "[2001:db8::1]:80", "[2001:db8::2]:5000", 32),
		"mapped":      {Local: netip.MustParseAddrPort("192.0.2.1:80"), Remote: netip.MustParseAddrPort("192.0.2.2:5000"), V4Mapped: true},
		"a listener":  socketOf(tcp.Listen, "192.0.2.1:80", "0.0.0.0:0", 32),
		"no far end":  {Local: netip.MustParseAddrPort("192.0.2.1:80"), State: tcp.Established},
		"not even so": {},
	} {
		if got := destroyOne(refuses{d}, &s); got.Outcome != Refused || !errors.Is(got.Err, ErrCannot) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// refuses is a destroyer that must not come to look.
type refuses struct{ destroyer }

func (refuses) alive(*tcp.Socket) (bool, error) { return false, windows.ERROR_INVALID_FUNCTION }
