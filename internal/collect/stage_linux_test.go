package collect

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sockeye/internal/tcp"
)

// The stage is this test binary run again in a network namespace of its own,
// with nothing in it but the loopback interface and one socket in each state
// that can be made there.

const roleVar = "SOCKEYE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleVar); role {
	case "":
		os.Exit(m.Run())
	case "stage":
		if err := stage(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "hold": // a second owner: keeps what it inherited until its input ends
		fmt.Println("ready")
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "flicker":
		flicker()
	case "mute":
		if err := mute(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "look":
		lookAndTell(os.Args[1])
	}
}

// made is one socket of the stage as the maker of it sees it.
type made struct {
	What   string
	Local  netip.AddrPort
	Remote netip.AddrPort
	State  tcp.State
	Inode  uint64
	Owned  bool // by the stage process
	Shared bool // and by its child
	Orphan bool
	Mapped bool
	Port   tcp.PortUse
	Timer  tcp.TimerKind
	Mark   uint32
	RecvQ  uint32
	Hidden bool // stands in no TCP table
}

type script struct {
	Child int32
	Made  []made
}

// play starts the stage and returns what it made; its end is that of the test.
func play(t *testing.T) (pid int32, s script) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: makes a network namespace")
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVar+"=stage")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&s); err != nil {
		t.Fatal("stage: ", err)
	}
	return int32(cmd.Process.Pid), s
}

// director makes sockets with bare system calls: Go's own would listen with
// MPTCP and close what is forgotten.
type director struct {
	script script
	err    error
	exited chan struct{} // closed when the child has ended
	kept   []any         // what the garbage collector must not close
}

func (d *director) check(err error) {
	if err != nil && d.err == nil {
		d.err = err
	}
}

func (d *director) socket(family int) int {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	d.check(err)
	return fd
}

func (d *director) listen(family int, sa unix.Sockaddr, backlog int) int {
	fd := d.socket(family)
	d.check(unix.Bind(fd, sa))
	d.check(unix.Listen(fd, backlog))
	return fd
}

func v4() unix.Sockaddr { return &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}} }
func v6() unix.Sockaddr { return &unix.SockaddrInet6{Addr: netip.IPv6Loopback().As16()} }
func mapped(port int) unix.Sockaddr {
	return &unix.SockaddrInet6{Addr: netip.MustParseAddr("::ffff:127.0.0.1").As16(), Port: port}
}

func (d *director) name(fd int) unix.Sockaddr {
	sa, err := unix.Getsockname(fd)
	d.check(err)
	return sa
}

func (d *director) connect(family int, to unix.Sockaddr) int {
	fd := d.socket(family)
	d.check(unix.Connect(fd, to))
	return fd
}

func (d *director) accept(l int) int {
	fd, _, err := unix.Accept4(l, unix.SOCK_CLOEXEC)
	d.check(err)
	return fd
}

// pair is a connection over a listener of its own, which is then closed.
func (d *director) pair() (client, server int) {
	l := d.listen(unix.AF_INET, v4(), 1)
	client = d.connect(unix.AF_INET, d.name(l))
	server = d.accept(l)
	d.check(unix.Close(l))
	return client, server
}

// fill writes until no more fits: the other end does not read.
func (d *director) fill(fd int) {
	d.check(unix.SetNonblock(fd, true))
	block := make([]byte, 64<<10)
	for full := 0; full < 3; {
		_, err := unix.Write(fd, block)
		switch {
		case errors.Is(err, unix.EAGAIN):
			// The peer's stack may still be taking in what is on its way.
			p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
			if n, _ := unix.Poll(p, 50); n == 0 {
				full++
			}
		case err != nil:
			d.check(err)
			return
		}
	}
}

// ended waits until the other end's FIN has arrived.
func (d *director) ended(fd int) {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	for {
		n, err := unix.Poll(p, 10000)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if d.check(err); n == 0 {
			d.check(errors.New("a FIN has not arrived within 10 s"))
		}
		return
	}
}

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		a := netip.AddrFrom16(sa.Addr).Unmap()
		if sa.ZoneId != 0 && a.IsLinkLocalUnicast() {
			a = a.WithZone(strconv.Itoa(int(sa.ZoneId)))
		}
		return netip.AddrPortFrom(a, uint16(sa.Port))
	}
	return netip.AddrPort{}
}

// is notes an open socket: the rest of m is filled in from what the kernel
// tells its owner.
func (d *director) is(fd int, m made) {
	m.Local = addrPort(d.name(fd))
	if peer, err := unix.Getpeername(fd); err == nil && m.State.Connected() {
		m.Remote = addrPort(peer)
	}
	var st unix.Stat_t
	d.check(unix.Fstat(fd, &st))
	m.Inode, m.Owned = st.Ino, true
	d.script.Made = append(d.script.Made, m)
}

// was notes a socket that has no descriptor any more, or none yet.
func (d *director) was(local, remote unix.Sockaddr, m made) {
	m.Local, m.Remote = addrPort(local), addrPort(remote)
	d.script.Made = append(d.script.Made, m)
}

func stage() error {
	d := &director{}
	d.check(loopbackUp())
	d.listeners()
	d.connections()
	d.closing()
	d.refused()
	d.looseOnes()
	if d.err != nil {
		return d.err
	}
	if err := json.NewEncoder(os.Stdout).Encode(d.script); err != nil {
		return err
	}
	<-d.exited // the child ends when the test closes the input that both share
	runtime.KeepAlive(d)
	return nil
}

func (d *director) listeners() {
	bound := made{State: tcp.Listen, Port: tcp.PortBound}
	add := func(what string, fd int) { m := bound; m.What = what; d.is(fd, m) }
	add("listen v4", d.listen(unix.AF_INET, v4(), 7))
	add("listen v6", d.listen(unix.AF_INET6, v6(), 7))
	scoped := &unix.SockaddrInet6{Addr: netip.MustParseAddr("fe80::1").As16(), ZoneId: 1}
	local := d.socket(unix.AF_INET6)
	d.check(unix.SetsockoptInt(local, unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1)) // duplicate detection may still be under way
	d.check(unix.Bind(local, scoped))
	d.check(unix.Listen(local, 7))
	add("listen link-local", local)
	multi, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
	if err == nil { // a kernel without MPTCP, or with net.mptcp.enabled=0
		d.check(unix.Bind(multi, v4()))
		d.check(unix.Listen(multi, 7))
		add("listen mptcp", multi)
	}
	shared := d.listen(unix.AF_INET, v4(), 7)
	m := bound
	m.What, m.Shared = "listen shared", true
	d.is(shared, m)
	child := exec.Command("/proc/self/exe")
	child.Env = append(os.Environ(), roleVar+"=hold")
	child.ExtraFiles = []*os.File{os.NewFile(uintptr(shared), "shared")}
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	child.Stdin = os.Stdin
	out, err := child.StdoutPipe()
	d.check(err)
	d.check(child.Start())
	_, err = bufio.NewReader(out).ReadString('\n')
	d.check(err)
	d.script.Child = int32(child.Process.Pid)
	d.kept = append(d.kept, child.ExtraFiles[0], out)
	d.exited = make(chan struct{})
	go func() {
		defer close(d.exited)
		_ = child.Wait()
	}()
}

func (d *director) connections() {
	auto, bound := tcp.PortAuto, tcp.PortBound
	l := d.listen(unix.AF_INET, v4(), 7)
	d.is(l, made{What: "listener of established", State: tcp.Listen, Port: bound})
	c := d.connect(unix.AF_INET, d.name(l))
	s := d.accept(l)
	d.check(unix.SetsockoptInt(c, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1))
	d.check(unix.SetsockoptInt(c, unix.SOL_SOCKET, unix.SO_MARK, 42))
	_, err := unix.Write(s, make([]byte, 1000))
	d.check(err)
	d.is(c, made{What: "established", State: tcp.Established, Port: auto, Timer: tcp.TimerKeepalive, Mark: 42, RecvQ: 1000})
	d.is(s, made{What: "established, accepted", State: tcp.Established, Port: bound})

	dual := d.listen(unix.AF_INET6, &unix.SockaddrInet6{}, 7)
	d.is(dual, made{What: "listen dual", State: tcp.Listen, Port: bound})
	port := d.name(dual).(*unix.SockaddrInet6).Port
	c = d.connect(unix.AF_INET6, &unix.SockaddrInet6{Addr: netip.IPv6Loopback().As16(), Port: port})
	s = d.accept(dual)
	d.is(c, made{What: "v6", State: tcp.Established, Port: auto})
	d.is(s, made{What: "v6, accepted", State: tcp.Established, Port: bound})
	c = d.connect(unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: port})
	s = d.accept(dual)
	d.is(c, made{What: "v4 to dual", State: tcp.Established, Port: auto})
	d.is(s, made{What: "mapped, accepted", State: tcp.Established, Port: bound, Mapped: true})
	c = d.connect(unix.AF_INET6, mapped(d.name(l).(*unix.SockaddrInet4).Port))
	s = d.accept(l)
	d.is(c, made{What: "mapped client", State: tcp.Established, Port: auto, Mapped: true})
	d.is(s, made{What: "of mapped client", State: tcp.Established, Port: bound})
	c = d.socket(unix.AF_INET)
	d.check(unix.Bind(c, v4()))
	d.check(unix.Connect(c, d.name(l)))
	s = d.accept(l)
	d.is(c, made{What: "bound, then connected", State: tcp.Established, Port: bound})
	d.is(s, made{What: "of bound client", State: tcp.Established, Port: bound})

	// Not accepted: established, and closed by the other end.
	queue := d.listen(unix.AF_INET, v4(), 7)
	d.is(queue, made{What: "listener with a queue", State: tcp.Listen, Port: bound, RecvQ: 2})
	c = d.connect(unix.AF_INET, d.name(queue))
	d.is(c, made{What: "to the queue", State: tcp.Established, Port: auto})
	d.was(d.name(queue), d.name(c), made{What: "in the queue", State: tcp.Established, Port: bound})
	c = d.connect(unix.AF_INET, d.name(queue))
	gone := d.name(c)
	d.check(unix.Close(c))
	d.was(d.name(queue), gone, made{What: "in the queue, peer gone", State: tcp.CloseWait, Port: bound, RecvQ: 1})
	d.was(gone, d.name(queue), made{What: "left the queue", State: tcp.FinWait2, Orphan: true, Port: auto, Timer: tcp.TimerTimeWait})
}

func (d *director) closing() {
	auto, bound := tcp.PortAuto, tcp.PortBound
	c, s := d.pair()
	here, there := d.name(c), d.name(s)
	d.check(unix.Close(c))
	d.ended(s)
	d.check(unix.Close(s))
	d.was(here, there, made{What: "time-wait", State: tcp.TimeWait, Port: auto, Timer: tcp.TimerTimeWait})

	c, s = d.pair()
	here, there = d.name(c), d.name(s)
	d.check(unix.Close(c))
	d.was(here, there, made{What: "orphan fin-wait-2", State: tcp.FinWait2, Orphan: true, Port: auto, Timer: tcp.TimerTimeWait})
	d.is(s, made{What: "close-wait", State: tcp.CloseWait, Port: bound, RecvQ: 1})

	c, s = d.pair()
	d.check(unix.Shutdown(c, unix.SHUT_WR))
	d.is(c, made{What: "owned fin-wait-2", State: tcp.FinWait2, Port: auto})
	d.is(s, made{What: "close-wait of owned", State: tcp.CloseWait, Port: bound, RecvQ: 1})

	c, s = d.pair()
	here, there = d.name(c), d.name(s)
	d.fill(c)
	d.check(unix.Close(c))
	d.was(here, there, made{What: "orphan fin-wait-1", State: tcp.FinWait1, Orphan: true, Port: auto, Timer: tcp.TimerPersist})
	d.is(s, made{What: "slow reader", State: tcp.Established, Port: bound})

	c, s = d.pair()
	here, there = d.name(c), d.name(s)
	d.fill(s)
	d.check(unix.Shutdown(c, unix.SHUT_WR))
	d.ended(s)
	d.check(unix.Close(s))
	d.was(there, here, made{What: "orphan last-ack", State: tcp.LastAck, Orphan: true, Port: bound, RecvQ: 1, Timer: tcp.TimerPersist})
	d.is(c, made{What: "peer of last-ack", State: tcp.FinWait2, Port: auto})
}

func (d *director) refused() {
	// An accept queue for one takes one more; after that SYNs are dropped.
	full := d.listen(unix.AF_INET, v4(), 0)
	d.is(full, made{What: "full listener", State: tcp.Listen, Port: tcp.PortBound, RecvQ: 1})
	c := d.connect(unix.AF_INET, d.name(full))
	d.is(c, made{What: "in the full queue", State: tcp.Established, Port: tcp.PortAuto})
	d.was(d.name(full), d.name(c), made{What: "fills the queue", State: tcp.Established, Port: tcp.PortBound})
	c = d.socket(unix.AF_INET)
	d.check(unix.SetNonblock(c, true))
	if err := unix.Connect(c, d.name(full)); !errors.Is(err, unix.EINPROGRESS) {
		d.check(fmt.Errorf("connect to a full queue: %w", err))
	}
	d.is(c, made{What: "syn-sent", State: tcp.SynSent, Port: tcp.PortAuto, Timer: tcp.TimerOn})
	d.script.Made[len(d.script.Made)-1].Remote = addrPort(d.name(full))

	// With TCP_DEFER_ACCEPT the third segment of the handshake does not count
	// until data comes.
	lazy := d.listen(unix.AF_INET, v4(), 7)
	d.check(unix.SetsockoptInt(lazy, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 60))
	d.is(lazy, made{What: "deferring listener", State: tcp.Listen, Port: tcp.PortBound})
	c = d.connect(unix.AF_INET, d.name(lazy))
	d.is(c, made{What: "deferred", State: tcp.Established, Port: tcp.PortAuto})
	d.was(d.name(lazy), d.name(c), made{What: "syn-recv", State: tcp.SynReceived, Timer: tcp.TimerOn})
}

func (d *director) looseOnes() {
	b := d.socket(unix.AF_INET)
	d.check(unix.Bind(b, v4()))
	d.is(b, made{What: "bound", State: tcp.Bound, Port: tcp.PortBound, Hidden: true})
	b = d.socket(unix.AF_INET6)
	d.check(unix.Bind(b, v6()))
	d.is(b, made{What: "bound v6", State: tcp.Bound, Port: tcp.PortBound, Hidden: true})
	d.is(d.socket(unix.AF_INET), made{What: "closed", State: tcp.Closed, Hidden: true})
	d.is(d.socket(unix.AF_INET6), made{What: "closed v6", State: tcp.Closed, Hidden: true})
	c, s := d.pair()
	there := d.name(s)
	d.check(unix.SetsockoptLinger(s, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
	d.check(unix.Close(s))
	d.is(c, made{What: "reset", State: tcp.Closed, Hidden: true})
	last := &d.script.Made[len(d.script.Made)-1]
	last.Remote = addrPort(there)
	for range 2 {
		_, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		d.check(err)
	}
}

// loopbackUp brings the interface up in the namespace of the calling thread
// and gives it a link-local address.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr); err != nil {
		return err
	}
	addr := struct { // struct in6_ifreq of include/uapi/linux/ipv6.h
		addr   [16]byte
		prefix uint32
		index  int32
	}{netip.MustParseAddr("fe80::1").As16(), 64, 1}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCSIFADDR, uintptr(unsafe.Pointer(&addr)))
	if errno != 0 {
		return errno
	}
	return nil
}

// flicker opens and closes sockets until its input ends, or for a minute.
func flicker() {
	end := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(end)
	}()
	d := &director{}
	d.check(loopbackUp())
	fmt.Println("ready")
	for deadline := time.Now().Add(time.Minute); d.err == nil && time.Now().Before(deadline); {
		select {
		case <-end:
			return
		default:
		}
		c, s := d.pair()
		b := d.socket(unix.AF_INET)
		_ = unix.Bind(b, v4())
		for _, fd := range []int{c, s, b} {
			_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
			_ = unix.Close(fd)
		}
	}
	if d.err != nil {
		fmt.Fprintln(os.Stderr, "flicker:", d.err)
	}
}
