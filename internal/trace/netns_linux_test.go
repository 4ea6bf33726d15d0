package trace

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// enterNetNS moves the test into a network namespace of its own, with nothing
// but a loopback interface, and returns its inode. The test's thread is never
// unlocked: it ends with the test, and the namespace with it.
func enterNetNS(t testing.TB) uint64 {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal("unshare:", err)
	}
	up, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	up.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(newSocket(t, unix.AF_INET, unix.SOCK_DGRAM, 0), unix.SIOCSIFFLAGS, up); err != nil {
		t.Fatal("lo up:", err)
	}
	var st unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

// newSocket opens a socket that is closed with the test.
func newSocket(t testing.TB, family, kind, protocol int) int {
	t.Helper()
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		t.Fatal("socket:", err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func newTCP(t testing.TB, family int) int { return newSocket(t, family, unix.SOCK_STREAM, 0) }

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
}

func family(a netip.Addr) int {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// bound returns the socket's own address.
func bound(t testing.TB, fd int) netip.AddrPort {
	t.Helper()
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	t.Fatalf("unexpected address %T", sa)
	return netip.AddrPort{}
}

// bind binds a new socket to addr, any free port when addr's is 0.
func bind(t testing.TB, addr string) (fd int, at netip.AddrPort) {
	t.Helper()
	a := netip.MustParseAddrPort(addr)
	fd = newTCP(t, family(a.Addr()))
	if err := unix.Bind(fd, sockaddr(a)); err != nil {
		t.Fatal("bind:", err)
	}
	return fd, bound(t, fd)
}

func listen(t testing.TB, addr string, backlog int) (fd int, at netip.AddrPort) {
	t.Helper()
	fd, at = bind(t, addr)
	if err := unix.Listen(fd, backlog); err != nil {
		t.Fatal("listen:", err)
	}
	return fd, at
}

// deafListener returns an address whose SYNs are dropped: its accept queue is full.
func deafListener(t testing.TB) netip.AddrPort {
	t.Helper()
	_, at := listen(t, "127.0.0.1:0", 0)
	expect(t, nil, unix.Connect(newTCP(t, unix.AF_INET), sockaddr(at)))
	return at
}

// waitFor waits until fd is ready; bounded.
func waitFor(t testing.TB, fd int, events int16) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, int(time.Until(deadline).Milliseconds()))
		if errors.Is(err, unix.EINTR) && time.Now().Before(deadline) {
			continue
		}
		if err != nil || n == 0 {
			t.Fatalf("poll: %d ready, %v", n, err)
		}
		return
	}
}

func expect(t testing.TB, want, got error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("got error %v, want %v", got, want)
	}
}

func setSysctl(t testing.TB, name, value string) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/"+strings.ReplaceAll(name, ".", "/"), []byte(value), 0o644); err != nil {
		t.Fatal(err)
	}
}

// answerUnreachable answers the next SYNs to port with ICMP "destination
// unreachable" of that code (RFC 792), until the function it returns is called.
func answerUnreachable(t testing.TB, port uint16, code byte) (stop func()) {
	t.Helper()
	in := newSocket(t, unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_TCP)
	out := newSocket(t, unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)
	stopR, stopW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		packet := make([]byte, 256)
		for {
			ready := []unix.PollFd{{Fd: int32(in), Events: unix.POLLIN}, {Fd: int32(stopR.Fd()), Events: unix.POLLIN}}
			if _, err := unix.Poll(ready, -1); err != nil && !errors.Is(err, unix.EINTR) {
				t.Error("poll:", err)
				return
			}
			if ready[1].Revents != 0 {
				return
			}
			if ready[0].Revents == 0 {
				continue
			}
			n, err := unix.Read(in, packet)
			if err != nil {
				t.Error("read:", err)
				return
			}
			header := int(packet[0]&0xf) * 4
			if n < header+20 || binary.BigEndian.Uint16(packet[header+2:]) != port {
				continue
			}
			reply := append([]byte{3, code, 0, 0, 0, 0, 0, 0}, packet[:header+8]...)
			binary.BigEndian.PutUint16(reply[2:], checksum(reply))
			if err := unix.Sendto(out, reply, 0, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
				t.Error("sendto:", err)
				return
			}
		}
	}()
	return func() {
		stopW.Close()
		<-done
		stopR.Close()
	}
}

// checksum is the Internet checksum (RFC 1071) of an even number of bytes.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
