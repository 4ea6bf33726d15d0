//go:build amd64 || arm64

package trace

import (
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockeye/internal/host"
)

func cookieOf(t *testing.T, fd int) uint64 {
	t.Helper()
	c, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_COOKIE)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pair is a connection to a listener of this process, and both its ends.
type pair struct {
	client, server             int
	clientCookie, serverCookie uint64
}

func connected(t *testing.T, l int, at netip.AddrPort) pair {
	t.Helper()
	var p pair
	var err error
	p.client, err = unix.Socket(family(at.Addr()), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	expect(t, nil, err)
	expect(t, nil, unix.Connect(p.client, sockaddr(at)))
	p.server, _, err = unix.Accept4(l, unix.SOCK_CLOEXEC)
	expect(t, nil, err)
	p.clientCookie, p.serverCookie = cookieOf(t, p.client), cookieOf(t, p.server)
	return p
}

func livesOf(t *testing.T, m Memory) map[uint64]*host.Life {
	t.Helper()
	lives, err := m.Lives()
	if err != nil {
		t.Fatal(err)
	}
	return lives
}

func TestWhoOpenedAndWhoClosed(t *testing.T) {
	linger := func(fd int) error {
		return unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	type end struct {
		closer host.Closer
		ending host.Ending
	}
	none := end{}
	for _, tc := range []struct {
		name           string
		do             func(t *testing.T, p pair)
		client, server *end         // nil: not remembered any more
		ends           [2]host.Ends // outgoing, incoming
	}{
		{"held", func(*testing.T, pair) {}, &none, &none, [2]host.Ends{}},
		{"closed by the client, held by the server", func(t *testing.T, p pair) { unix.Close(p.client) },
			&end{host.CloserLocal, host.EndingFin}, &end{host.CloserPeer, host.EndingFin}, [2]host.Ends{{Local: 1}}},
		{"closed by the server, held by the client", func(t *testing.T, p pair) { unix.Close(p.server) },
			&end{host.CloserPeer, host.EndingFin}, &end{host.CloserLocal, host.EndingFin}, [2]host.Ends{{}, {Local: 1}}},
		{"closed by both, the client first", func(t *testing.T, p pair) { unix.Close(p.client); unix.Close(p.server) },
			&end{host.CloserLocal, host.EndingFin}, nil, [2]host.Ends{{Local: 1}, {Peer: 1}}},
		{"half closed by the client", func(t *testing.T, p pair) { expect(t, nil, unix.Shutdown(p.client, unix.SHUT_WR)) },
			&end{host.CloserLocal, host.EndingFin}, &end{host.CloserPeer, host.EndingFin}, [2]host.Ends{}},
		// The socket is gone with a reset: no mini-socket, whatever state it was in.
		{"half closed by the client, then given up with data unread", func(t *testing.T, p pair) {
			expect(t, nil, unix.Shutdown(p.client, unix.SHUT_WR))
			_, err := unix.Write(p.server, []byte("x"))
			expect(t, nil, err)
			waitFor(t, p.client, unix.POLLIN)
			unix.Close(p.client)
		}, nil, nil, [2]host.Ends{{Local: 1}, {Peer: 1}}},
		{"half closed by the client, then reset with SO_LINGER 0", func(t *testing.T, p pair) {
			expect(t, nil, unix.Shutdown(p.client, unix.SHUT_WR))
			expect(t, nil, linger(p.client))
			unix.Close(p.client)
		}, nil, nil, [2]host.Ends{{Local: 1}, {Peer: 1}}},
		{"reset by the client with SO_LINGER 0", func(t *testing.T, p pair) { expect(t, nil, linger(p.client)); unix.Close(p.client) },
			nil, nil, [2]host.Ends{{LocalLinger: 1}, {PeerReset: 1}}},
		{"reset by the client that had not read everything", func(t *testing.T, p pair) {
			_, err := unix.Write(p.server, []byte("x"))
			expect(t, nil, err)
			waitFor(t, p.client, unix.POLLIN)
			unix.Close(p.client)
		}, nil, nil, [2]host.Ends{{LocalReset: 1}, {PeerReset: 1}}},
		{"reset by the server with SO_LINGER 0", func(t *testing.T, p pair) { expect(t, nil, linger(p.server)); unix.Close(p.server) },
			nil, nil, [2]host.Ends{{PeerReset: 1}, {LocalLinger: 1}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ns := enterNetNS(t)
			l, at := listen(t, "127.0.0.1:0", 16)
			tracer := attached(t, Options{})
			before := time.Now()
			p := connected(t, l, at)
			defer unix.Close(p.client)
			defer unix.Close(p.server)
			tc.do(t, p)
			lives := livesOf(t, tracer)
			for _, side := range []struct {
				name   string
				cookie uint64
				want   *end
			}{{"client", p.clientCookie, tc.client}, {"server", p.serverCookie, tc.server}} {
				life := lives[side.cookie]
				if side.want == nil {
					if life != nil {
						t.Errorf("%s: still remembered: %+v", side.name, life)
					}
					continue
				}
				if life == nil {
					t.Errorf("%s: not remembered", side.name)
					continue
				}
				if got := (end{life.Closer, life.Ending}); got != *side.want {
					t.Errorf("%s: closed %v, want %v", side.name, got, *side.want)
				}
				if life.Incoming != (side.name == "server") {
					t.Errorf("%s: incoming %v", side.name, life.Incoming)
				}
				if o := life.Opener; o == nil || o.PID != int32(os.Getpid()) || o.TID != int32(unix.Gettid()) || o.Accepted != life.Incoming || o.Name == "" {
					t.Errorf("%s: opener %+v", side.name, o)
				}
				if life.OpenedAt.Before(before.Add(-time.Millisecond)) || life.OpenedAt.After(time.Now()) {
					t.Errorf("%s: opened at %v", side.name, life.OpenedAt)
				}
				if (life.Closer == "") != life.ClosedAt.IsZero() || life.ClosedAt.After(time.Now()) {
					t.Errorf("%s: closed at %v", side.name, life.ClosedAt)
				}
			}
			activity := ended(t, tracer)
			for i, flows := range [][]host.Flow{activity.Outgoing, activity.Incoming} {
				n := 0
				for _, f := range flows {
					if f.NetNS == ns {
						n++
						if f.Opened != 1 || f.Ends != tc.ends[i] {
							t.Errorf("flow %d: opened %d, ends %+v, want %+v", i, f.Opened, f.Ends, tc.ends[i])
						}
					}
				}
				if n != 1 {
					t.Errorf("%d flows %d, want one", n, i)
				}
			}
		})
	}
}

// A connection that stood before anybody watched has no opener; who closes it is seen.
func TestOpenedBefore(t *testing.T) {
	enterNetNS(t)
	l, at := listen(t, "127.0.0.1:0", 16)
	p := connected(t, l, at)
	defer unix.Close(p.server)
	tracer := attached(t, Options{})
	unix.Close(p.client)
	lives := livesOf(t, tracer)
	for name, c := range map[string]struct {
		cookie uint64
		want   host.Closer
	}{"client": {p.clientCookie, host.CloserLocal}, "server": {p.serverCookie, host.CloserPeer}} {
		life := lives[c.cookie]
		if life == nil || life.Opener != nil || !life.OpenedAt.IsZero() || life.Closer != c.want || life.Ending != host.EndingFin {
			t.Errorf("%s: %+v", name, life)
		}
	}
}

// Until it is accepted a connection has no opener, whoever's time the packet took.
func TestNotAccepted(t *testing.T) {
	ns := enterNetNS(t)
	l, at := listen(t, "127.0.0.1:0", 16)
	tracer := attached(t, Options{})
	client := newTCP(t, unix.AF_INET)
	expect(t, nil, unix.Connect(client, sockaddr(at)))
	incoming := func() (n int, accepted bool) {
		for _, life := range livesOf(t, tracer) {
			if life.Incoming && life.OpenedAt.After(tracer.Since()) && (life.Opener == nil || life.Opener.PID == int32(os.Getpid())) {
				n++
				accepted = life.Opener != nil
			}
		}
		return n, accepted
	}
	if n, accepted := incoming(); n == 0 || accepted {
		t.Errorf("before accept: %d incoming, accepted %v", n, accepted)
	}
	fd, _, err := unix.Accept4(l, 0)
	expect(t, nil, err)
	defer unix.Close(fd)
	if life := livesOf(t, tracer)[cookieOf(t, fd)]; life == nil || life.Opener == nil || !life.Opener.Accepted {
		t.Errorf("after accept: %+v", life)
	}
	// A second one is never accepted: the listener is closed with it.
	second := newTCP(t, unix.AF_INET)
	expect(t, nil, unix.Connect(second, sockaddr(at)))
	expect(t, nil, unix.Shutdown(l, unix.SHUT_RDWR))
	activity := ended(t, tracer)
	var unaccepted uint64
	for _, f := range activity.Incoming {
		if f.NetNS == ns && f.PID == 0 {
			unaccepted += f.Opened
		}
	}
	if unaccepted != 1 {
		t.Errorf("%d connections that nobody accepted, want 1: %+v", unaccepted, activity.Incoming)
	}
}

func TestBytesAndTimesOfAFlow(t *testing.T) {
	ns := enterNetNS(t)
	l, at := listen(t, "127.0.0.1:0", 16)
	tracer := attached(t, Options{})
	const n = 5
	for range n {
		p := connected(t, l, at)
		_, err := unix.Write(p.client, make([]byte, 1000))
		expect(t, nil, err)
		_, err = unix.Read(p.server, make([]byte, 2000))
		expect(t, nil, err)
		unix.Close(p.client)
		unix.Close(p.server)
	}
	activity := ended(t, tracer)
	for _, f := range append(activity.Outgoing, activity.Incoming...) {
		if f.NetNS != ns {
			continue
		}
		sent, received := f.Sent, f.Received
		if f.Port != 0 {
			sent, received = received, sent
		}
		if sent != n*1000 || received != 0 {
			t.Errorf("sent %d, received %d of %+v", f.Sent, f.Received, f)
		}
		if f.Lifetime.Count() != n || f.Lifetime.Quantile(0.5) <= 0 {
			t.Errorf("lifetimes: %v", f.Lifetime)
		}
		if outgoing := f.Port == 0; outgoing && f.Latency.Count() != n {
			t.Errorf("latencies: %v", f.Latency)
		}
	}
}

//go:noinline
func openHere(t *testing.T, l int, at netip.AddrPort) pair { return connected(t, l, at) }

// namesOf lists the functions of this very process at a stack's addresses.
func namesOf(s *host.Stack) (names []string) {
	if s == nil {
		return nil
	}
	for _, f := range s.Frames {
		if fn := runtime.FuncForPC(uintptr(f.Addr) - 1); fn != nil {
			names = append(names, fn.Name())
		}
	}
	return names
}

func TestStacksLeadToTheCaller(t *testing.T) {
	ns := enterNetNS(t)
	l, at := listen(t, "127.0.0.1:0", 16)
	_, closed := bind(t, "127.0.0.1:30000")
	tracer := attached(t, Options{})
	p := openHere(t, l, at)
	defer unix.Close(p.client)
	defer unix.Close(p.server)
	expect(t, unix.ECONNREFUSED, unix.Connect(newTCP(t, unix.AF_INET), sockaddr(closed)))
	_, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM, 12345)
	expect(t, unix.EINVAL, err)
	expect(t, unix.EADDRINUSE, unix.Bind(newTCP(t, unix.AF_INET), sockaddr(at)))

	lives := livesOf(t, tracer)
	for name, cookie := range map[string]uint64{"client": p.clientCookie, "server": p.serverCookie} {
		if life := lives[cookie]; life == nil || life.Opener == nil {
			t.Errorf("%s: %+v", name, life)
		} else if names := namesOf(life.Opener.Stack); !strings.Contains(fmt.Sprint(names), "trace.openHere") {
			t.Errorf("%s: opened at %q, want openHere among them", name, names)
		}
	}
	activity := ended(t, tracer)
	seen := 0
	for _, f := range activity.Failures {
		if f.NetNS != ns {
			continue
		}
		seen++
		if len(f.Stacks) != 1 || f.Stacks[0].Count != f.Count || !strings.Contains(fmt.Sprint(namesOf(f.Stacks[0].Stack)), "trace.TestStacksLeadToTheCaller") {
			t.Errorf("%s errno %d: %+v", f.Call, f.Errno, f.Stacks)
		}
	}
	if seen != 2 { // socket() with an unknown protocol is not TCP
		t.Errorf("%d kinds of failure, want 2: %+v", seen, activity.Failures)
	}
	if s := activity.Sampled; s.Taken == 0 || s.Of < s.Taken || s.Every == 0 {
		t.Errorf("sampled %+v", s)
	}
}

// More connections than there is room for: what is not remembered is counted.
// TIME_WAIT gives way to the new, the oldest first, and that is counted.
// Destinations that find no room are counted together, none is lost.
// Flows that open nothing any more give their rows to others, and what is left of
// their connections is not counted there.
// What accept() returns may have been reset already: it is counted once, by
// whoever came first.
func TestAcceptAfterReset(t *testing.T) {
	ns := enterNetNS(t)
	l, at := listen(t, "127.0.0.1:0", 64)
	tracer := attached(t, Options{NoStacks: true})
	const n = 20
	for range n {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		expect(t, nil, err)
		expect(t, nil, unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
		expect(t, nil, unix.Connect(fd, sockaddr(at)))
		unix.Close(fd)
	}
	for range n {
		fd, _, err := unix.Accept4(l, unix.SOCK_CLOEXEC)
		expect(t, nil, err)
		unix.Close(fd)
	}
	var opened, reset uint64
	for _, f := range ended(t, tracer).Incoming {
		if f.NetNS == ns {
			opened, reset = opened+f.Opened, reset+f.Ends.PeerReset
		}
	}
	if opened != n || reset != n {
		t.Errorf("%d opened, %d reset, want %d of both", opened, reset, n)
	}
}
