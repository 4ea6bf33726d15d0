//go:build amd64 || arm64

package trace

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"sockeye/internal/host"
)

// during returns what was seen of this process in namespace ns while f ran.
// Names, pid and namespace are checked here and cleared.
func during(t *testing.T, ns uint64, f func()) ([]host.Flow, []host.Failure) {
	t.Helper()
	tracer := attached(t, Options{NoStacks: true})
	f()
	activity := ended(t, tracer)
	if activity.By != "tracepoint" || activity.Window <= 0 {
		t.Errorf("By %q, Window %v", activity.By, activity.Window)
	}
	if activity.Lost != 0 { // of the whole machine: no fault of the test's
		t.Logf("%d events lost", activity.Lost)
	}
	return ours(t, activity, ns)
}

// attached begins to watch until the test ends.
func attached(t *testing.T, o Options) *Tracer {
	t.Helper()
	tracer, err := Attach(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tracer.Close(); err != nil {
			t.Error(err)
		}
	})
	return tracer
}

// ended ends the watching and returns what was counted.
func ended(t *testing.T, tracer *Tracer) *host.Activity {
	t.Helper()
	if err := tracer.Detach(); err != nil {
		t.Fatal(err)
	}
	activity, err := tracer.Activity()
	if err != nil {
		t.Fatal(err)
	}
	return activity
}

// ours returns the connects and failures of this process: only what is counted
// of them, and without what other tests look at.
func ours(t *testing.T, activity *host.Activity, ns uint64) (connects []host.Flow, failures []host.Failure) {
	t.Helper()
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimSuffix(string(comm), "\n")
	for _, c := range activity.Outgoing {
		if c.NetNS == ns {
			if c.PID != int32(os.Getpid()) || c.Name != name {
				t.Errorf("connects of pid %d %q, want %d %q", c.PID, c.Name, os.Getpid(), name)
			}
			connects = append(connects, host.Flow{Remote: c.Remote, Opened: c.Opened, Failed: c.Failed})
		}
	}
	for _, f := range activity.Failures {
		if f.NetNS == ns {
			if f.PID != int32(os.Getpid()) || f.Name != name {
				t.Errorf("failures of pid %d %q, want %d %q", f.PID, f.Name, os.Getpid(), name)
			}
			f.PID, f.Name, f.NetNS, f.Cgroup = 0, "", 0, ""
			failures = append(failures, f)
		}
	}
	return connects, failures
}

func check(t *testing.T, ns uint64, f func(), wantConnects []host.Flow, wantFailures []host.Failure) {
	t.Helper()
	connects, failures := during(t, ns, f)
	compare := cmpopts.EquateComparable(netip.AddrPort{})
	if diff := cmp.Diff(wantConnects, connects, compare); diff != "" {
		t.Errorf("connects (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantFailures, failures, compare); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
}

func failure(call string, errno unix.Errno, addr netip.AddrPort, n uint64) host.Failure {
	return host.Failure{Call: call, Errno: uint32(errno), Addr: addr, Count: n}
}

func TestConnectsAreCounted(t *testing.T) {
	for _, tc := range []struct{ name, listen, connect, want string }{
		{"IPv4", "127.0.0.1:0", "127.0.0.1", "127.0.0.1"},
		{"IPv6", "[::1]:0", "::1", "::1"},
		{"IPv4 through an IPv6 socket", "127.0.0.1:0", "::ffff:127.0.0.1", "127.0.0.1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ns := enterNetNS(t)
			l, at := listen(t, tc.listen, 16)
			to := netip.AddrPortFrom(netip.MustParseAddr(tc.connect), at.Port())
			want := netip.AddrPortFrom(netip.MustParseAddr(tc.want), at.Port())
			const n = 300
			check(t, ns, func() {
				for range n {
					fd, err := unix.Socket(family(to.Addr()), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
					expect(t, nil, err)
					expect(t, nil, unix.Connect(fd, sockaddr(to)))
					accepted, _, err := unix.Accept4(l, unix.SOCK_CLOEXEC)
					expect(t, nil, err)
					unix.Close(fd)
					unix.Close(accepted)
				}
			}, []host.Flow{{Remote: want, Opened: n}}, nil)
		})
	}
}

func TestRefusedIsCountedOnce(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(addr, func(t *testing.T) {
			ns := enterNetNS(t)
			_, at := bind(t, addr) // bound, never listening
			const n = 20
			check(t, ns, func() {
				for range n {
					expect(t, unix.ECONNREFUSED, unix.Connect(newTCP(t, family(at.Addr())), sockaddr(at)))
				}
			}, []host.Flow{{Remote: at, Opened: n, Failed: n}},
				[]host.Failure{failure("connect", unix.ECONNREFUSED, at, n)})
		})
	}
}

func TestPortsRunOut(t *testing.T) {
	ns := enterNetNS(t)
	setSysctl(t, "net.ipv4.ip_local_port_range", "40000 40009")
	_, at := listen(t, "127.0.0.1:30000", 100)
	check(t, ns, func() {
		for range 10 {
			expect(t, nil, unix.Connect(newTCP(t, unix.AF_INET), sockaddr(at)))
		}
		for range 7 {
			expect(t, unix.EADDRNOTAVAIL, unix.Connect(newTCP(t, unix.AF_INET), sockaddr(at)))
		}
	}, []host.Flow{{Remote: at, Opened: 10}},
		[]host.Failure{failure("connect", unix.EADDRNOTAVAIL, at, 7)})
}

// A socket with a port of its own fails as late as one without, but its port is
// not 0 then.
func TestBoundPortIsTaken(t *testing.T) {
	ns := enterNetNS(t)
	_, at := listen(t, "127.0.0.1:30000", 100)
	local := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: 40000}
	var fds [2]int
	for i := range fds {
		fds[i] = newTCP(t, unix.AF_INET)
		expect(t, nil, unix.SetsockoptInt(fds[i], unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
		expect(t, nil, unix.Bind(fds[i], local))
	}
	check(t, ns, func() {
		expect(t, nil, unix.Connect(fds[0], sockaddr(at)))
		expect(t, unix.EADDRNOTAVAIL, unix.Connect(fds[1], sockaddr(at)))
	}, []host.Flow{{Remote: at, Opened: 1}},
		[]host.Failure{failure("connect", unix.EADDRNOTAVAIL, at, 1)})
}

func TestNoRoute(t *testing.T) {
	ns := enterNetNS(t)
	v4, v6 := netip.MustParseAddrPort("192.0.2.1:80"), netip.MustParseAddrPort("[2001:db8::1]:80")
	check(t, ns, func() {
		expect(t, unix.ENETUNREACH, unix.Connect(newTCP(t, unix.AF_INET), sockaddr(v4)))
		expect(t, unix.ENETUNREACH, unix.Connect(newTCP(t, unix.AF_INET6), sockaddr(v6)))
		// Not TCP: programs probe routes like this and mean no harm.
		expect(t, unix.ENETUNREACH, unix.Connect(newSocket(t, unix.AF_INET, unix.SOCK_DGRAM, 0), sockaddr(v4)))
	}, nil, []host.Failure{
		failure("connect", unix.ENETUNREACH, v4, 1),
		failure("connect", unix.ENETUNREACH, v6, 1),
	})
}

// The same errno as TestNoRoute's, but after a SYN left: told by the state
// change, and not again by the call that waited for it.
func TestUnreachableByICMP(t *testing.T) {
	for _, tc := range []struct {
		name string
		code byte
		want unix.Errno
	}{
		{"network", 0, unix.ENETUNREACH},
		{"host", 1, unix.EHOSTUNREACH},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ns := enterNetNS(t)
			at := deafListener(t)
			stop := answerUnreachable(t, at.Port(), tc.code)
			defer stop()
			check(t, ns, func() {
				expect(t, tc.want, unix.Connect(newTCP(t, unix.AF_INET), sockaddr(at)))
			}, []host.Flow{{Remote: at, Opened: 1, Failed: 1}},
				[]host.Failure{failure("connect", tc.want, at, 1)})
		})
	}
}

func TestTimeout(t *testing.T) {
	ns := enterNetNS(t)
	at := deafListener(t)
	fd := newTCP(t, unix.AF_INET)
	expect(t, nil, unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 100))
	check(t, ns, func() {
		expect(t, unix.ETIMEDOUT, unix.Connect(fd, sockaddr(at)))
	}, []host.Flow{{Remote: at, Opened: 1, Failed: 1}},
		[]host.Failure{failure("connect", unix.ETIMEDOUT, at, 1)})
}

func TestNonBlocking(t *testing.T) {
	open := func(t *testing.T) int {
		return newSocket(t, unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	}
	t.Run("established", func(t *testing.T) {
		ns := enterNetNS(t)
		_, at := listen(t, "127.0.0.1:0", 16)
		check(t, ns, func() {
			fd := open(t)
			expect(t, unix.EINPROGRESS, unix.Connect(fd, sockaddr(at)))
			waitFor(t, fd, unix.POLLOUT)
			expect(t, nil, unix.Connect(fd, sockaddr(at)))
			expect(t, unix.EISCONN, unix.Connect(fd, sockaddr(at)))
		}, []host.Flow{{Remote: at, Opened: 1}}, nil)
	})
	t.Run("refused, asked by getsockopt", func(t *testing.T) {
		ns := enterNetNS(t)
		_, at := bind(t, "127.0.0.1:0")
		check(t, ns, func() {
			fd := open(t)
			expect(t, unix.EINPROGRESS, unix.Connect(fd, sockaddr(at)))
			waitFor(t, fd, unix.POLLOUT)
			errno, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
			expect(t, nil, err)
			expect(t, unix.ECONNREFUSED, unix.Errno(errno))
			// The state of the failed attempt is still there, no new one begins.
			expect(t, unix.ECONNABORTED, unix.Connect(fd, sockaddr(at)))
		}, []host.Flow{{Remote: at, Opened: 1, Failed: 1}},
			[]host.Failure{failure("connect", unix.ECONNREFUSED, at, 1)})
	})
	t.Run("refused, asked by connect, and again", func(t *testing.T) {
		ns := enterNetNS(t)
		_, at := bind(t, "127.0.0.1:0")
		check(t, ns, func() {
			fd := open(t)
			for range 3 {
				expect(t, unix.EINPROGRESS, unix.Connect(fd, sockaddr(at)))
				waitFor(t, fd, unix.POLLOUT)
				expect(t, unix.ECONNREFUSED, unix.Connect(fd, sockaddr(at)))
			}
		}, []host.Flow{{Remote: at, Opened: 3, Failed: 3}},
			[]host.Failure{failure("connect", unix.ECONNREFUSED, at, 3)})
	})
	t.Run("given up", func(t *testing.T) {
		ns := enterNetNS(t)
		at := deafListener(t)
		check(t, ns, func() {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
			expect(t, nil, err)
			expect(t, unix.EINPROGRESS, unix.Connect(fd, sockaddr(at)))
			expect(t, unix.EALREADY, unix.Connect(fd, sockaddr(at)))
			unix.Close(fd)
		}, []host.Flow{{Remote: at, Opened: 1, Failed: 1}}, nil)
	})
}

func TestSelfConnect(t *testing.T) {
	ns := enterNetNS(t)
	fd, at := bind(t, "127.0.0.1:0")
	check(t, ns, func() {
		expect(t, nil, unix.Connect(fd, sockaddr(at)))
	}, []host.Flow{{Remote: at, Opened: 1}}, nil)
}

func TestBindAndListenFail(t *testing.T) {
	ns := enterNetNS(t)
	_, taken := listen(t, "127.0.0.1:30000", 1)
	_, taken6 := listen(t, "[::1]:30001", 1)
	foreign := netip.MustParseAddrPort("192.0.2.1:80")
	deaf := newTCP(t, unix.AF_INET)
	expect(t, nil, unix.SetsockoptInt(deaf, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
	silent := newTCP(t, unix.AF_INET)
	expect(t, nil, unix.SetsockoptInt(silent, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
	free := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: 30002}
	expect(t, nil, unix.Bind(deaf, free))
	expect(t, nil, unix.Bind(silent, free))
	expect(t, nil, unix.Listen(deaf, 1))
	udp := newSocket(t, unix.AF_INET, unix.SOCK_DGRAM, 0)
	expect(t, nil, unix.Bind(udp, sockaddr(taken)))

	check(t, ns, func() {
		for range 3 {
			expect(t, unix.EADDRINUSE, unix.Bind(newTCP(t, unix.AF_INET), sockaddr(taken)))
		}
		expect(t, unix.EADDRINUSE, unix.Bind(newTCP(t, unix.AF_INET6), sockaddr(taken6)))
		expect(t, unix.EADDRNOTAVAIL, unix.Bind(newTCP(t, unix.AF_INET), sockaddr(foreign)))
		expect(t, unix.EADDRINUSE, unix.Listen(silent, 1))
		// What is not TCP does not count.
		expect(t, unix.EADDRINUSE, unix.Bind(newSocket(t, unix.AF_INET, unix.SOCK_DGRAM, 0), sockaddr(taken)))
		expect(t, unix.EADDRINUSE, unix.Bind(newSocket(t, unix.AF_UNIX, unix.SOCK_STREAM, 0), &unix.SockaddrUnix{Name: os.TempDir()}))
		expect(t, unix.EBADF, unix.Bind(1<<20, sockaddr(taken)))
		expect(t, unix.EOPNOTSUPP, unix.Listen(udp, 1))
	}, nil, []host.Failure{
		failure("bind", unix.EADDRINUSE, taken, 3),
		failure("bind", unix.EADDRINUSE, taken6, 1),
		failure("bind", unix.EADDRNOTAVAIL, foreign, 1),
		failure("listen", unix.EADDRINUSE, netip.MustParseAddrPort("127.0.0.1:30002"), 1),
	})
}

// With bind(…:0) the port is the kernel's choice: the address asked for is kept.
func TestBindPortsRunOut(t *testing.T) {
	ns := enterNetNS(t)
	setSysctl(t, "net.ipv4.ip_local_port_range", "40000 40001")
	bind(t, "[::]:0")
	bind(t, "[::]:0")
	any6 := netip.MustParseAddrPort("[::]:0")
	check(t, ns, func() {
		expect(t, unix.EADDRINUSE, unix.Bind(newTCP(t, unix.AF_INET6), sockaddr(any6)))
	}, nil, []host.Failure{failure("bind", unix.EADDRINUSE, any6, 1)})
}

func TestDescriptorsRunOut(t *testing.T) {
	ns := enterNetNS(t)
	l, at := listen(t, "127.0.0.1:0", 16)
	expect(t, nil, unix.Connect(newTCP(t, unix.AF_INET), sockaddr(at)))
	waitFor(t, l, unix.POLLIN)
	local := newSocket(t, unix.AF_UNIX, unix.SOCK_STREAM, 0)
	expect(t, nil, unix.Bind(local, &unix.SockaddrUnix{Name: t.TempDir() + "/s"}))
	expect(t, nil, unix.Listen(local, 1))

	check(t, ns, func() {
		var before unix.Rlimit
		expect(t, nil, unix.Getrlimit(unix.RLIMIT_NOFILE, &before))
		expect(t, nil, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: before.Max}))
		defer func() { expect(t, nil, unix.Setrlimit(unix.RLIMIT_NOFILE, &before)) }()

		for range 4 {
			_, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			expect(t, unix.EMFILE, err)
		}
		_, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, unix.IPPROTO_TCP)
		expect(t, unix.EMFILE, err)
		for range 3 {
			_, _, err := unix.Accept4(l, 0)
			expect(t, unix.EMFILE, err)
		}
		_, _, err = unix.Accept(l)
		expect(t, unix.EMFILE, err)
		// What is not TCP does not count.
		_, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		expect(t, unix.EMFILE, err)
		_, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		expect(t, unix.EMFILE, err)
		_, _, err = unix.Accept4(local, 0)
		expect(t, unix.EMFILE, err)
	}, nil, []host.Failure{
		failure("accept", unix.EMFILE, netip.AddrPort{}, 4),
		failure("socket", unix.EMFILE, netip.AddrPort{}, 5),
	})
}

func TestNothingToAcceptIsNoFailure(t *testing.T) {
	ns := enterNetNS(t)
	l, _ := listen(t, "127.0.0.1:0", 1)
	expect(t, nil, unix.SetNonblock(l, true))
	check(t, ns, func() {
		_, _, err := unix.Accept4(l, 0)
		expect(t, unix.EAGAIN, err)
	}, nil, nil)
}

// An MPTCP socket connects through a TCP socket inside it: one failure, not two.
func TestMPTCP(t *testing.T) {
	ns := enterNetNS(t)
	probe, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
	if err != nil {
		t.Skip("kernel without MPTCP:", err)
	}
	unix.Close(probe)
	open := func() int { return newSocket(t, unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP) }
	_, closed := bind(t, "127.0.0.1:30000")
	_, at := listen(t, "127.0.0.1:30001", 16)
	check(t, ns, func() {
		expect(t, unix.ECONNREFUSED, unix.Connect(open(), sockaddr(closed)))
		expect(t, nil, unix.Connect(open(), sockaddr(at)))
		expect(t, unix.EADDRINUSE, unix.Bind(open(), sockaddr(at)))
	}, []host.Flow{
		{Remote: closed, Opened: 1, Failed: 1},
		{Remote: at, Opened: 1},
	}, []host.Failure{
		failure("bind", unix.EADDRINUSE, at, 1),
		failure("connect", unix.ECONNREFUSED, closed, 1),
	})
}
