package ss_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockeye/internal/paste"
	"sockeye/internal/paste/form"
	"sockeye/internal/paste/ss"
	"sockeye/internal/tcp"
)

// scene is a network namespace of its own with sockets in it, on a thread that
// ends with the test.
type scene struct {
	t    *testing.T
	fds  []int
	want map[string]made // by state and ends
}

// made is what the maker of a socket knows of it.
type made struct {
	inode uint64
	owned bool
	recvq uint32
	sendq uint32
}

func (c *scene) check(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *scene) socket(family int) int {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	c.check(err)
	c.fds = append(c.fds, fd)
	return fd
}

func endOf(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

func keyOf(state tcp.State, local, remote netip.AddrPort) string {
	return fmt.Sprint(state, " ", local, " ", remote)
}

// made notes a socket that is open.
func (c *scene) made(fd int, state tcp.State, m made) {
	local, err := unix.Getsockname(fd)
	c.check(err)
	var remote netip.AddrPort
	if state.Connected() {
		peer, err := unix.Getpeername(fd)
		c.check(err)
		remote = endOf(peer)
	}
	var st unix.Stat_t
	c.check(unix.Fstat(fd, &st))
	m.inode, m.owned = st.Ino, true
	c.want[keyOf(state, endOf(local), remote)] = m
}

// pair makes a connection; the accepted end is the second.
func (c *scene) pair(listener, family int) (client, server int) {
	to, err := unix.Getsockname(listener)
	c.check(err)
	client = c.socket(family)
	c.check(unix.Connect(client, to))
	server, _, err = unix.Accept4(listener, unix.SOCK_CLOEXEC)
	c.check(err)
	c.fds = append(c.fds, server)
	return client, server
}

// hungUp waits until the other end's FIN has arrived.
func (c *scene) hungUp(fd int) {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	for {
		n, err := unix.Poll(p, 10_000)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		c.check(err)
		if n == 0 {
			c.t.Fatal("no FIN within 10 s")
		}
		return
	}
}

// await looks until something that the kernel tells nobody of has come about.
func (c *scene) await(what string, is func() bool) {
	c.t.Helper()
	for range 10_000 {
		if is() {
			return
		}
		_, _ = unix.Poll(nil, 1)
	}
	c.t.Fatal("not within 10 s: ", what)
}

// sent waits until all that was written is acknowledged.
func (c *scene) sent(fd int) {
	c.await("acknowledged", func() bool {
		n, err := unix.IoctlGetInt(fd, unix.TIOCOUTQ)
		return err == nil && n == 0
	})
}

func newSSScene(t *testing.T) *scene {
	if os.Geteuid() != 0 {
		t.Skip("needs root: makes a network namespace")
	}
	if _, err := exec.LookPath("ss"); err != nil {
		t.Skip("needs iproute2's ss: ", err)
	}
	runtime.LockOSThread() // and never unlocked: the thread is not to be used again
	c := &scene{t: t, want: map[string]made{}}
	c.check(unix.Unshare(unix.CLONE_NEWNET))
	t.Cleanup(func() {
		for _, fd := range c.fds {
			if fd >= 0 {
				_ = unix.Close(fd)
			}
		}
	})
	control, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	c.check(err)
	defer unix.Close(control)
	lo, err := unix.NewIfreq("lo")
	c.check(err)
	lo.SetUint16(unix.IFF_UP)
	c.check(unix.IoctlIfreq(control, unix.SIOCSIFFLAGS, lo))

	v4 := c.socket(unix.AF_INET)
	c.check(unix.Bind(v4, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: 8080}))
	c.check(unix.Listen(v4, 9))
	c.made(v4, tcp.Listen, made{sendq: 9})
	v6 := c.socket(unix.AF_INET6)
	c.check(unix.Bind(v6, &unix.SockaddrInet6{Addr: netip.IPv6Loopback().As16(), Port: 8080}))
	c.check(unix.Listen(v6, 7))
	c.made(v6, tcp.Listen, made{sendq: 7})

	client, server := c.pair(v4, unix.AF_INET)
	c.check(unix.SetsockoptInt(client, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1))
	_, err = unix.Write(server, make([]byte, 1000))
	c.check(err)
	c.sent(server)
	c.made(client, tcp.Established, made{recvq: 1000})
	c.made(server, tcp.Established, made{})
	client, server = c.pair(v6, unix.AF_INET6)
	c.made(client, tcp.Established, made{})
	c.made(server, tcp.Established, made{})

	client, server = c.pair(v4, unix.AF_INET)
	c.check(unix.Shutdown(client, unix.SHUT_WR))
	c.hungUp(server)
	c.await("FIN_WAIT_2", func() bool {
		info, err := unix.GetsockoptTCPInfo(client, unix.SOL_TCP, unix.TCP_INFO)
		return err == nil && tcp.State(info.State) == tcp.FinWait2
	})
	c.made(client, tcp.FinWait2, made{})
	c.made(server, tcp.CloseWait, made{recvq: 1})

	client, server = c.pair(v4, unix.AF_INET)
	here, err := unix.Getsockname(client)
	c.check(err)
	there, err := unix.Getpeername(client)
	c.check(err)
	c.shut(client)
	c.hungUp(server)
	c.shut(server)
	c.want[keyOf(tcp.TimeWait, endOf(here), endOf(there))] = made{}
	return c
}

func (c *scene) shut(fd int) {
	c.check(unix.Close(fd))
	c.fds[slices.Index(c.fds, fd)] = -1
}

func (c *scene) ss(options string) string {
	c.t.Helper()
	command := exec.Command("ss", strings.Fields(options)...)
	command.Env = append(os.Environ(), "LC_ALL=C")
	out, err := command.Output()
	c.check(err)
	return string(out)
}

// agree compares sockets with what was made. Where a view tells less it is less.
func (c *scene) agree(what, text string, sockets []tcp.Socket, keep func(tcp.State) bool, extended, owners bool) {
	c.t.Helper()
	wrong := func(form string, args ...any) {
		c.t.Helper()
		c.t.Errorf("%s: %s\n%s", what, fmt.Sprintf(form, args...), text)
	}
	want := 0
	for key := range c.want {
		state, _ := tcp.ParseState(key[:strings.IndexByte(key, ' ')])
		if keep(state) {
			want++
		}
	}
	if len(sockets) != want {
		wrong("%d sockets, want %d", len(sockets), want)
	}
	for i := range sockets {
		s := &sockets[i]
		m, ok := c.want[keyOf(s.State, s.Local, s.Remote)]
		switch {
		case !ok:
			wrong("%s %s %s was never made", s.State, s.Local, s.Remote)
			continue
		case s.RecvQ != m.recvq || s.SendQ != m.sendq:
			wrong("%s %s has queues %d and %d, want %d and %d", s.State, s.Local, s.RecvQ, s.SendQ, m.recvq, m.sendq)
		case extended && s.Inode != m.inode:
			wrong("%s %s has inode %d, want %d", s.State, s.Local, s.Inode, m.inode)
		case extended && s.Cookie == 0:
			wrong("%s %s has no cookie", s.State, s.Local)
		}
		if pid := int32(os.Getpid()); owners && m.owned && s.PID != pid || (!owners || !m.owned) && s.PID != 0 {
			wrong("%s %s belongs to %d, this is %d", s.State, s.Local, s.PID, pid)
		}
	}
}

// What the real program writes is what was made, whatever it is asked for.
func TestSSReal(t *testing.T) {
	done := make(chan struct{})
	go func() { // a goroutine whose thread may end
		defer close(done)
		ssReal(t)
	}()
	<-done
}

func ssReal(t *testing.T) {
	c := newSSScene(t)
	everything := func(tcp.State) bool { return true }
	for _, o := range []string{
		"-tan", "-tanp", "-tanpo", "-tanpe", "-tanpeim", "-tanpieomO", "-Htan", "-HtanO", "-ta", "-tanZ", "-atun", "-an", "-anpe", "-tanpT",
		"-A inet -anp", "-tan state all", "-tan exclude closed",
	} {
		letters := strings.Map(func(r rune) rune {
			if r == ' ' {
				return -1
			}
			return r
		}, strings.Fields(o)[0])
		if strings.Contains(letters, "Z") {
			if _, err := exec.Command("ss", strings.Fields(o)...).Output(); err != nil {
				continue // without SELinux ss refuses
			}
		}
		text := c.ss(o)
		p := read(t, "# ss "+o+"\n"+text)
		sockets := p.Snapshot.Sockets
		c.agree(o, text, sockets, everything, strings.Contains(letters, "e"), strings.Contains(o, "p"))
		c.quiet(o, text, p)
		if strings.ContainsAny(letters, "o") {
			c.timed(o, text, sockets)
		}
		if strings.ContainsAny(letters, "i") && !strings.Contains(o, "inet") {
			c.measured(o, text, sockets)
		}
	}
	v4, v6 := read(t, "# ss -tan4\n"+c.ss("-tan4")), read(t, "# ss -tan6\n"+c.ss("-tan6"))
	c.agree("-tan4 and -tan6", "", append(v4.Snapshot.Sockets, v6.Snapshot.Sockets...), everything, false, false)

	for name, state := range map[string]tcp.State{
		"time-wait": tcp.TimeWait, "close-wait": tcp.CloseWait, "established": tcp.Established, "listening": tcp.Listen, "fin-wait-2": tcp.FinWait2,
	} {
		text := c.ss("-tn state " + name)
		p := read(t, "$ ss -tn state "+name+"\n"+text)
		c.agree("state "+name, text, p.Snapshot.Sockets, func(s tcp.State) bool { return s == state }, false, false)
	}
	text := c.ss("-tno state time-wait")
	p := read(t, text) // the timer tells
	c.agree("state by the timer", text, p.Snapshot.Sockets, func(s tcp.State) bool { return s == tcp.TimeWait }, false, false)

	text = c.ss("-s")
	p = read(t, text)
	if len(p.Parts) != 1 || p.Parts[0].Kind != "ss -s" || p.Parts[0].Bad > 0 {
		t.Errorf("-s gives %+v\n%s", p.Parts, text)
	}
	c.dumped()
}

func (c *scene) quiet(what, text string, p *paste.Pasted) {
	c.t.Helper()
	for _, s := range p.Snapshot.BlindSpots {
		c.t.Errorf("%s: blind spot %s %s\n%s", what, s.Code, s.Subject, text)
	}
	if len(p.Parts) != 1 || p.Parts[0].Bad > 0 || p.Parts[0].Last != p.Lines {
		c.t.Errorf("%s: parts %+v of %d lines\n%s", what, p.Parts, p.Lines, text)
	}
}

func (c *scene) timed(what, text string, sockets []tcp.Socket) {
	c.t.Helper()
	var kinds []tcp.TimerKind
	for i := range sockets {
		s := &sockets[i]
		kinds = append(kinds, s.Timer.Kind)
		if s.Timer.Kind == tcp.TimerTimeWait && (s.Timer.Expires < 10e9 || s.Timer.Expires > tcp.TimeWaitLen) {
			c.t.Errorf("%s: TIME_WAIT for %v\n%s", what, s.Timer.Expires, text)
		}
	}
	for _, k := range []tcp.TimerKind{tcp.TimerTimeWait, tcp.TimerKeepalive} {
		if !slices.Contains(kinds, k) {
			c.t.Errorf("%s: no timer %s\n%s", what, k, text)
		}
	}
}

func (c *scene) measured(what, text string, sockets []tcp.Socket) {
	c.t.Helper()
	var received uint64
	for i := range sockets {
		s := &sockets[i]
		if has := s.Info != nil; has != (s.State.Connected() && s.State != tcp.TimeWait) {
			c.t.Errorf("%s: %s measured: %v\n%s", what, s.State, has, text)
		} else if has {
			received += s.Info.BytesReceived
			if s.Info.RTO <= 0 || s.Info.RTT <= 0 {
				c.t.Errorf("%s: %+v\n%s", what, *s.Info, text)
			}
		}
	}
	if received < 1000 {
		c.t.Errorf("%s: %d bytes received, 1000 were sent\n%s", what, received, text)
	}
}

// dumped reads what ss -D writes, and what a machine of the other byte order would.
func (c *scene) dumped() {
	file := filepath.Join(c.t.TempDir(), "dump")
	c.ss("-taeim -D " + file)
	native, err := os.ReadFile(file)
	c.check(err)
	for _, data := range [][]byte{native, swapped(native)} {
		b := form.NewBuilder(time.Time{})
		if err := ss.ReadDump(bytes.NewReader(data), b); err != nil {
			c.t.Error(err)
		}
		c.agree("-D", "", b.Sockets, func(tcp.State) bool { return true }, true, false)
		c.timed("-D", "", b.Sockets)
		c.measured("-D", "", b.Sockets)
	}
}

// swapped turns a little-endian dump into a big-endian one, as far as it is read.
func swapped(dump []byte) []byte {
	out := bytes.Clone(dump)
	flip := func(at, n int) { slices.Reverse(out[at : at+n]) }
	for at := 0; at+ss.DumpHeader <= len(dump); {
		size, kind := int(binary.LittleEndian.Uint32(dump[at:])), binary.LittleEndian.Uint16(dump[at+4:])
		flip(at, 4)
		flip(at+4, 2)
		flip(at+6, 2)
		if kind == ss.DumpFamily {
			body := at + ss.DumpHeader
			for _, word := range []int{40, 44, 48, 52, 56, 60, 64, 68} {
				flip(body+word, 4)
			}
			for a := body + ss.DumpMessage; a+4 <= at+size; {
				n, k := int(binary.LittleEndian.Uint16(dump[a:])), binary.LittleEndian.Uint16(dump[a+2:])
				flip(a, 2)
				flip(a+2, 2)
				if k == ss.DumpInfo {
					for w := 8; w < 104; w += 4 {
						flip(a+4+w, 4)
					}
					for _, w := range []int{104, 112, 120, 128} {
						flip(a+4+w, 8)
					}
					if n >= 4+232 {
						flip(a+4+228, 4)
					}
				}
				a += (n + 3) &^ 3
			}
		}
		at += (size + 3) &^ 3
	}
	return out
}
