package act

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sockeye/internal/collect"
	"sockeye/internal/ledger"
	"sockeye/internal/tcp"
)

// stage makes sockets with bare system calls, in a network namespace that ends
// with its thread.
type stage struct {
	t     *testing.T
	netns uint64
	fds   []int
	led   *ledger.Ledger
}

// onStage runs play in a network namespace of its own, in which lo is all there is.
// Without root nothing of it is possible.
func onStage(t *testing.T, play func(*stage)) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Log("left out without root: sockets of a private network namespace")
		return
	}
	led := openLedger(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends, and its namespace with it
		s := &stage{t: t, led: led}
		defer s.end()
		s.must(unix.Unshare(unix.CLONE_NEWNET))
		s.must(loopbackUp())
		var st unix.Stat_t
		s.must(unix.Stat("/proc/thread-self/ns/net", &st))
		s.netns = st.Ino
		play(s)
	}()
	<-done
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}

func (s *stage) end() {
	for _, fd := range s.fds {
		_ = unix.Close(fd)
	}
}

// must ends the play, not the test's goroutine, which is another one.
func (s *stage) must(err error) {
	if err != nil {
		s.t.Helper()
		s.t.Error(err)
		runtime.Goexit()
	}
}

func (s *stage) socket(family int) int {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	s.must(err)
	s.fds = append(s.fds, fd)
	return fd
}

func v4(port int) unix.Sockaddr { return &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: port} }
func v6(port int) unix.Sockaddr {
	return &unix.SockaddrInet6{Addr: netip.IPv6Loopback().As16(), Port: port}
}

func (s *stage) listen(family int, sa unix.Sockaddr, backlog int, options ...int) int {
	fd := s.socket(family)
	for _, o := range options {
		s.must(unix.SetsockoptInt(fd, unix.SOL_SOCKET, o, 1))
	}
	s.must(unix.Bind(fd, sa))
	s.must(unix.Listen(fd, backlog))
	return fd
}

func (s *stage) name(fd int) unix.Sockaddr {
	sa, err := unix.Getsockname(fd)
	s.must(err)
	return sa
}

func (s *stage) port(fd int) uint16 {
	switch sa := s.name(fd).(type) {
	case *unix.SockaddrInet4:
		return uint16(sa.Port)
	case *unix.SockaddrInet6:
		return uint16(sa.Port)
	}
	return 0
}

func (s *stage) connect(to unix.Sockaddr) int {
	family := unix.AF_INET
	if _, six := to.(*unix.SockaddrInet6); six {
		family = unix.AF_INET6
	}
	fd := s.socket(family)
	s.must(unix.Connect(fd, to))
	return fd
}

func (s *stage) accept(l int) int {
	fd, _, err := unix.Accept4(l, unix.SOCK_CLOEXEC)
	s.must(err)
	s.fds = append(s.fds, fd)
	return fd
}

// pair is a connection over a listener of its own.
func (s *stage) pair() (client, server int) {
	l := s.listen(unix.AF_INET, v4(0), 1)
	client = s.connect(s.name(l))
	server = s.accept(l)
	s.close(l)
	return client, server
}

func (s *stage) close(fd int) {
	s.fds = slices.DeleteFunc(s.fds, func(f int) bool { return f == fd })
	s.must(unix.Close(fd))
}

// ended waits until the other end's FIN has arrived.
func (s *stage) ended(fd int) { s.poll(fd, unix.POLLRDHUP) }

func (s *stage) poll(fd int, events int16) {
	p := []unix.PollFd{{Fd: int32(fd), Events: events}}
	for {
		n, err := unix.Poll(p, 10_000)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		s.must(err)
		if n == 0 {
			s.must(errors.New("nothing came within 10 s"))
		}
		return
	}
}

// fill writes until the other end's window and this end's buffer are full.
func (s *stage) fill(fd int) {
	s.must(unix.SetNonblock(fd, true))
	block := make([]byte, 64<<10)
	for full := 0; full < 3; {
		_, err := unix.Write(fd, block)
		switch {
		case errors.Is(err, unix.EAGAIN):
			p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}} // what is on its way may still be taken in
			if n, _ := unix.Poll(p, 50); n == 0 {
				full++
			}
		case err != nil:
			s.must(err)
		}
	}
}

// drain reads what there is until nothing more comes, or the end.
func (s *stage) drain(fd int) {
	s.must(unix.SetNonblock(fd, true))
	buf := make([]byte, 1<<20)
	for {
		n, err := unix.Read(fd, buf)
		switch {
		case errors.Is(err, unix.EAGAIN):
			s.poll(fd, unix.POLLIN)
		case err != nil || n == 0:
			return
		}
	}
}

// find returns the one socket that matches, as a look shows it.
func (s *stage) find(match func(*tcp.Socket) bool) tcp.Socket {
	s.t.Helper()
	found := s.all(match)
	if len(found) != 1 {
		s.t.Errorf("%d sockets match, want 1: %+v", len(found), s.all(func(*tcp.Socket) bool { return true }))
		runtime.Goexit()
	}
	return found[0]
}

func (s *stage) all(match func(*tcp.Socket) bool) (found []tcp.Socket) {
	sn, err := collect.Take(context.Background(), collect.Options{NetNS: "self", SocketsOnly: true, NoOwners: true, NoInfo: true})
	s.must(err)
	for i := range sn.Sockets {
		if match(&sn.Sockets[i]) {
			found = append(found, sn.Sockets[i])
		}
	}
	return found
}

// await looks until a state that nothing announces is there.
func (s *stage) await(state tcp.State, port uint16) tcp.Socket {
	for range 10_000 {
		found := s.all(func(x *tcp.Socket) bool { return x.State == state && x.Local.Port() == port })
		if len(found) == 1 {
			return found[0]
		}
		runtime.Gosched()
	}
	return s.find(func(x *tcp.Socket) bool { return x.State == state && x.Local.Port() == port })
}

func (s *stage) destroy(sockets ...tcp.Socket) []Result {
	c := &Closer{Ledger: s.led}
	var targets []Target
	for _, x := range sockets {
		targets = append(targets, Target{Socket: x})
	}
	_, results, err := c.Close(context.Background(), "test", targets)
	s.must(err)
	return results
}

func (s *stage) listed(cookie uint64) bool {
	return len(s.all(func(x *tcp.Socket) bool { return x.Cookie == cookie })) > 0
}

func socketError(fd int) error {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && n != 0 {
		err = unix.Errno(n)
	}
	return err
}

func readError(fd int) error {
	_ = unix.SetNonblock(fd, false)
	buf := make([]byte, 1<<20)
	for {
		if n, err := unix.Read(fd, buf); err != nil || n == 0 {
			return err
		}
	}
}

// What each state comes to on this kernel, and what both programs get to know:
// the words of act.close.STATE say the same.
func TestDestroyEveryState(t *testing.T) {
	tests := []struct {
		name string
		// set makes the socket; after, where not nil, looks at what its programs see.
		set func(s *stage) (which tcp.Socket, after func())
	}{
		{"ESTABLISHED", func(s *stage) (tcp.Socket, func()) {
			c, peer := s.pair()
			return s.await(tcp.Established, s.port(c)), func() {
				s.wantError("its program", readError(c), unix.ECONNABORTED)
				s.wantError("the peer", readError(peer), unix.ECONNRESET)
			}
		}},
		{"CLOSE_WAIT", func(s *stage) (tcp.Socket, func()) {
			c, held := s.pair()
			port := s.port(held)
			s.close(c)
			s.ended(held)
			return s.await(tcp.CloseWait, port), func() {
				if _, err := unix.FcntlInt(uintptr(held), unix.F_GETFD, 0); err != nil {
					s.t.Errorf("the descriptor is closed: %v", err)
				}
			}
		}},
		{"FIN_WAIT_2 of a program", func(s *stage) (tcp.Socket, func()) {
			c, peer := s.pair()
			s.must(unix.Shutdown(c, unix.SHUT_WR))
			s.ended(peer)
			return s.await(tcp.FinWait2, s.port(c)), func() { s.wantError("the peer", socketError(peer), unix.EPIPE) }
		}},
		{"FIN_WAIT_2 of nobody", func(s *stage) (tcp.Socket, func()) {
			c, peer := s.pair()
			port := s.port(c)
			s.close(c)
			s.ended(peer)
			return s.await(tcp.FinWait2, port), func() { s.wantError("the peer", socketError(peer), nil) }
		}},
		{"TIME_WAIT", func(s *stage) (tcp.Socket, func()) {
			c, peer := s.pair()
			port := s.port(c)
			s.close(c)
			s.ended(peer)
			s.close(peer)
			return s.await(tcp.TimeWait, port), nil
		}},
		{"FIN_WAIT_1", func(s *stage) (tcp.Socket, func()) {
			c, peer := s.pair()
			port := s.port(c)
			s.fill(c)
			s.close(c)
			return s.await(tcp.FinWait1, port), func() { s.wantError("the peer", readError(peer), unix.ECONNRESET) }
		}},
		{"LAST_ACK", func(s *stage) (tcp.Socket, func()) {
			c, held := s.pair()
			port := s.port(held)
			s.fill(held)
			s.must(unix.Shutdown(c, unix.SHUT_WR))
			s.ended(held)
			s.close(held)
			return s.await(tcp.LastAck, port), func() { s.wantError("the peer", socketError(c), nil) }
		}},
		{"CLOSING", func(s *stage) (tcp.Socket, func()) {
			c, held := s.pair()
			s.fill(c)
			s.fill(held)
			s.must(unix.Shutdown(c, unix.SHUT_WR))
			s.must(unix.Shutdown(held, unix.SHUT_WR))
			s.drain(held) // c's FIN arrives; that of held waits for c to read
			return s.await(tcp.Closing, s.port(held)), func() { s.wantError("the peer", socketError(c), nil) }
		}},
		{"SYN_SENT", func(s *stage) (tcp.Socket, func()) {
			full := s.listen(unix.AF_INET, v4(0), 0) // takes one, and drops the SYN of the next
			s.connect(s.name(full))
			c := s.socket(unix.AF_INET)
			s.must(unix.SetNonblock(c, true))
			if err := unix.Connect(c, s.name(full)); !errors.Is(err, unix.EINPROGRESS) {
				s.must(errors.Join(errors.New("connect to a full queue"), err))
			}
			return s.await(tcp.SynSent, s.port(c)), func() { s.wantError("connect()", socketError(c), unix.ECONNABORTED) }
		}},
		{"SYN_RECV", func(s *stage) (tcp.Socket, func()) {
			l := s.listen(unix.AF_INET, v4(0), 7)
			s.must(unix.SetsockoptInt(l, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 60)) // the handshake waits for data
			c := s.connect(s.name(l))
			return s.await(tcp.SynReceived, s.port(l)), func() {
				s.wantError("the client", socketError(c), nil)
				_, err := unix.Write(c, []byte("x"))
				s.must(err)
				s.wantError("the client, when it goes on", readError(c), unix.ECONNRESET)
			}
		}},
		{"LISTEN", func(s *stage) (tcp.Socket, func()) {
			l := s.listen(unix.AF_INET, v4(0), 7)
			to := s.name(l)
			waiting := s.connect(to)
			return s.await(tcp.Listen, s.port(l)), func() {
				s.wantError("who waits for accept()", readError(waiting), unix.ECONNRESET)
				_, _, err := unix.Accept4(l, 0)
				s.wantError("accept()", err, unix.EINVAL)
				s.wantError("the next client", unix.Connect(s.socket(unix.AF_INET), to), unix.ECONNREFUSED)
			}
		}},
		{"IPv6", func(s *stage) (tcp.Socket, func()) {
			l := s.listen(unix.AF_INET6, v6(0), 7)
			c := s.connect(s.name(l))
			s.accept(l)
			return s.await(tcp.Established, s.port(c)), nil
		}},
		{"IPv6 that speaks IPv4", func(s *stage) (tcp.Socket, func()) {
			l := s.listen(unix.AF_INET6, &unix.SockaddrInet6{}, 7)
			c := s.connect(v4(int(s.port(l))))
			s.accept(l)
			port := s.port(c)
			return s.find(func(x *tcp.Socket) bool { return x.V4Mapped && x.Remote.Port() == port }), nil
		}},
		{"a listener for both", func(s *stage) (tcp.Socket, func()) {
			l := s.listen(unix.AF_INET6, &unix.SockaddrInet6{}, 7)
			return s.await(tcp.Listen, s.port(l)), nil
		}},
		{"bound to an interface", func(s *stage) (tcp.Socket, func()) {
			l := s.socket(unix.AF_INET)
			s.must(unix.BindToDevice(l, "lo"))
			s.must(unix.Bind(l, v4(0)))
			s.must(unix.Listen(l, 7))
			return s.await(tcp.Listen, s.port(l)), nil
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				which, after := tt.set(s)
				if got := s.destroy(which)[0]; got.Outcome != Destroyed || got.Err != nil {
					t.Errorf("%+v, want %s", got, Destroyed)
				}
				if s.listed(which.Cookie) {
					t.Error("it is still there")
				}
				if after != nil {
					after()
				}
				if got := s.destroy(which)[0]; got.Outcome != Gone || got.Err != nil {
					t.Errorf("again: %+v, want %s", got, Gone)
				}
			})
		})
	}
}

func (s *stage) wantError(who string, got, want error) {
	s.t.Helper()
	if !errors.Is(got, want) { // also of two that are nil
		s.t.Errorf("%s gets %v, want %v", who, got, want)
	}
}

// Between the look and the deed the connection went, and another one came between
// the same ends: it must live.
func TestSameEndsAnotherSocket(t *testing.T) {
	onStage(t, func(s *stage) {
		l := s.listen(unix.AF_INET, v4(0), 7)
		dial := func(port int) (client, server int) {
			client = s.socket(unix.AF_INET)
			s.must(unix.SetsockoptInt(client, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
			s.must(unix.Bind(client, v4(port)))
			s.must(unix.Connect(client, s.name(l)))
			return client, s.accept(l)
		}
		c, server := dial(0)
		port := s.port(c)
		shown := s.await(tcp.Established, port)
		s.must(unix.SetsockoptLinger(c, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
		s.close(c)
		s.close(server)
		c, server = dial(int(port))
		now := s.await(tcp.Established, port)
		if now.Local != shown.Local || now.Remote != shown.Remote || now.Cookie == shown.Cookie {
			t.Errorf("the ends were not taken over: %+v, then %+v", shown, now)
		}
		if got := s.destroy(shown)[0]; got.Outcome != Gone {
			t.Errorf("%+v, want %s", got, Gone)
		}
		_, err := unix.Write(c, []byte("alive"))
		s.must(err)
		if n, err := unix.Read(server, make([]byte, 9)); n != 5 || err != nil {
			t.Errorf("the new connection: %d, %v", n, err)
		}
	})
}

// Of several listeners on one port the one that was meant goes, and no other.
func TestSharedListener(t *testing.T) {
	onStage(t, func(s *stage) {
		const many = 8
		first := s.listen(unix.AF_INET, v4(0), 7, unix.SO_REUSEPORT)
		for range many - 1 {
			s.listen(unix.AF_INET, s.name(first), 7, unix.SO_REUSEPORT)
		}
		listeners := s.all(func(x *tcp.Socket) bool { return x.State == tcp.Listen })
		if len(listeners) != many {
			t.Errorf("%d listeners, want %d", len(listeners), many)
			return
		}
		for i, l := range listeners {
			if got := s.destroy(l)[0]; got.Outcome != Destroyed {
				t.Errorf("listener %d: %+v", i, got)
			}
			if left := s.all(func(x *tcp.Socket) bool { return x.State == tcp.Listen }); len(left) != many-1-i {
				t.Errorf("%d listeners are left, want %d", len(left), many-1-i)
			}
		}
	})
}

// Go servers listen with MPTCP by default. The kernel keeps its listeners from
// this, but not their connections.
func TestMPTCP(t *testing.T) {
	onStage(t, func(s *stage) {
		l, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
		s.must(err)
		s.fds = append(s.fds, l)
		s.must(unix.Bind(l, v4(0)))
		s.must(unix.Listen(l, 7))
		c := s.connect(s.name(l))
		s.accept(l)
		listener, port := s.await(tcp.Listen, s.port(l)), s.port(c)
		served := s.find(func(x *tcp.Socket) bool { return x.Remote.Port() == port })
		got := s.destroy(listener, served)
		if got[0].Outcome != Refused || !errors.Is(got[0].Err, ErrCannot) || got[1].Outcome != Destroyed {
			t.Errorf("%+v", got)
		}
		s.connect(s.name(l))
	})
}

func TestNeverWithoutIdentity(t *testing.T) {
	onStage(t, func(s *stage) {
		c, _ := s.pair()
		shown := s.await(tcp.Established, s.port(c))
		shown.Cookie = 0
		if got := s.destroy(shown)[0]; got.Outcome != Refused || !errors.Is(got.Err, ErrCannot) {
			t.Errorf("%+v", got)
		}
		if _, err := unix.Write(c, []byte("alive")); err != nil {
			t.Error(err)
		}
	})
}

func TestWithoutPermission(t *testing.T) {
	onStage(t, func(s *stage) {
		c, _ := s.pair()
		shown := s.await(tcp.Established, s.port(c))
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var caps [2]unix.CapUserData
		s.must(unix.Capget(&header, &caps[0]))
		caps[0].Effective &^= 1 << unix.CAP_NET_ADMIN // of this thread, which ends
		s.must(unix.Capset(&header, &caps[0]))
		if got := s.destroy(shown)[0]; got.Outcome != Refused || !errors.Is(got.Err, ErrNotPermitted) {
			t.Errorf("%+v", got)
		}
		if _, err := unix.Write(c, []byte("alive")); err != nil {
			t.Error(err)
		}
	})
}

// The namespace of a target may have ended, or be another than the caller's.
func TestNamespaces(t *testing.T) {
	onStage(t, func(s *stage) {
		c, _ := s.pair()
		shown := s.await(tcp.Established, s.port(c))
		gone := shown
		gone.NetNS = 1
		got := s.destroy(gone, shown)
		if got[0].Outcome != Refused || !errors.Is(got[0].Err, collect.ErrUnknownNetNS) || got[1].Outcome != Destroyed {
			t.Errorf("%+v", got)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte{20, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255}, true)
	f.Add([]byte(strings.Repeat("\x5c\x00\x00\x00\x14\x00\x02\x00\x01\x00\x00\x00", 20)), false)
	f.Fuzz(func(t *testing.T, b []byte, each bool) {
		n := 0
		count := func(uint64) { n++ }
		if !each {
			count = nil
		}
		if _, _ = answer(b, 1, count); n > len(b)/messageSize {
			t.Errorf("%d sockets in %d bytes", n, len(b))
		}
	})
}
