package act

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sockeye/internal/collect"
	"sockeye/internal/tcp"
)

// Of include/uapi/linux/sock_diag.h and inet_diag.h, v6.18.
const (
	sockDiagByFamily = 20 // SOCK_DIAG_BY_FAMILY
	sockDestroy      = 21 // SOCK_DESTROY, since Linux 4.5
	headerSize       = 16 // struct nlmsghdr
	requestSize      = 56 // struct inet_diag_req_v2
	messageSize      = 72 // struct inet_diag_msg
	cookieAt         = 44 // of struct inet_diag_msg: its id begins at 4, the cookie there at 40
)

// diagPatience is the longest wait for an answer, which the kernel gives before
// the request returns.
const diagPatience = 5 * time.Second

// diag is a netlink socket in one network namespace: it stays there whichever
// thread uses it.
type diag struct {
	fd  int
	seq uint32
	buf []byte
}

func openDestroyer(netns uint64) (destroyer, error) {
	d := &diag{fd: -1, buf: make([]byte, 32<<10)}
	err := collect.InNetNS(netns, func() (err error) {
		d.fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
		return os.NewSyscallError("socket", err)
	})
	switch {
	case errors.Is(err, collect.ErrNotPermitted):
		return nil, fmt.Errorf("%w: %w", ErrNotPermitted, err)
	case errors.Is(err, unix.EPROTONOSUPPORT):
		return nil, fmt.Errorf("%w: it has no sock_diag", ErrCannot)
	case err != nil:
		return nil, err
	}
	limit := unix.NsecToTimeval(int64(diagPatience))
	if err := unix.SetsockoptTimeval(d.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		d.close()
		return nil, os.NewSyscallError("setsockopt", err)
	}
	return d, nil
}

func (d *diag) close() { _ = unix.Close(d.fd) }

func (d *diag) destroy(s *tcp.Socket) error {
	err := d.ask(sockDestroy, unix.NLM_F_ACK, s, s.Remote.Port(), nil)
	if s.State == tcp.Listen && errors.Is(err, errNoSocket) {
		err = d.destroyShared(s)
	}
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w: %w", ErrNotPermitted, err)
	case errors.Is(err, unix.EINVAL) && s.State == tcp.Listen: // tcp_abort_override, net/mptcp/subflow.c, v6.18
		return fmt.Errorf("%w: a listener of MPTCP, as Go programs open it, is closed by its program only (%w)", ErrCannot, err)
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%w: it lacks CONFIG_INET_DIAG_DESTROY, or is older than Linux 4.5 (%w)", ErrCannot, err)
	}
	return err
}

// destroyShared looks for a listener that shares its port with others
// (SO_REUSEPORT). The kernel finds one of them by a hash of where a connection
// would come from, so the far port is varied until it finds the one with this
// cookie: by all odds long before the last try.
func (d *diag) destroyShared(s *tcp.Socket) error {
	if there, err := d.listens(s); err != nil || !there {
		return errors.Join(err, errNoSocket)
	}
	const tries = 4096
	for port := range uint16(tries) {
		if err := d.ask(sockDestroy, unix.NLM_F_ACK, s, port+1, nil); !errors.Is(err, errNoSocket) {
			return err
		}
	}
	return errNoSocket
}

// alive looks for the cookie at the socket's place; of listeners, that may share
// theirs, among all.
func (d *diag) alive(s *tcp.Socket) (bool, error) {
	if s.State == tcp.Listen {
		return d.listens(s)
	}
	err := d.ask(sockDiagByFamily, 0, s, s.Remote.Port(), nil)
	if errors.Is(err, errNoSocket) {
		return false, nil
	}
	return err == nil, err
}

func (d *diag) listens(s *tcp.Socket) (found bool, err error) {
	err = d.ask(sockDiagByFamily, unix.NLM_F_DUMP, s, 0, func(cookie uint64) { found = found || cookie == s.Cookie })
	return found, err
}

// ask sends a request about a socket and reads the answer. Errors are the
// kernel's; errNoSocket stands for ENOENT, which it gives for another cookie too
// (inet_diag_find_one_icsk, net/ipv4/inet_diag.c, v6.18).
func (d *diag) ask(kind, flags uint16, s *tcp.Socket, far uint16, each func(cookie uint64)) error {
	d.seq++
	if err := unix.Sendto(d.fd, request(kind, flags, d.seq, s, far), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("sendto", err)
	}
	for {
		n, _, err := unix.Recvfrom(d.fd, d.buf, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return fmt.Errorf("the kernel did not answer within %v", diagPatience)
		case err != nil:
			return os.NewSyscallError("recvfrom", err)
		}
		done, err := answer(d.buf[:n], d.seq, each)
		if errors.Is(err, unix.ENOENT) {
			return errNoSocket
		}
		if done || err != nil {
			return err
		}
	}
}

// answer reads one datagram of replies to the request seq. done is true when it
// was the last; each is told the cookies, and where it is nil one message is the
// whole answer.
func answer(b []byte, seq uint32, each func(cookie uint64)) (done bool, err error) {
	ne := binary.NativeEndian
	for len(b) >= headerSize {
		size := int(ne.Uint32(b))
		if size < headerSize || size > len(b) {
			return true, fmt.Errorf("sock_diag message of %d bytes in %d", size, len(b))
		}
		kind, payload := ne.Uint16(b[4:]), b[headerSize:size]
		mine := ne.Uint32(b[8:]) == seq
		b = b[min((size+3)&^3, len(b)):]
		if !mine { // of an earlier request that was given up
			continue
		}
		switch kind {
		case unix.NLMSG_ERROR, unix.NLMSG_DONE:
			if len(payload) >= 4 {
				if code := int32(ne.Uint32(payload)); code < 0 && code >= -4095 {
					return true, unix.Errno(-code)
				}
			}
			return true, nil
		case sockDiagByFamily:
			if len(payload) < messageSize {
				return true, fmt.Errorf("inet_diag_msg of %d bytes", len(payload))
			}
			if each == nil {
				return true, nil
			}
			each(uint64(ne.Uint32(payload[cookieAt:])) | uint64(ne.Uint32(payload[cookieAt+4:]))<<32)
		}
	}
	return false, nil
}

// request makes a header and struct inet_diag_req_v2 with everything that tells
// the socket from any other: both ends, the interface and both words of the cookie.
// IPv6 sockets that speak IPv4 are found by their IPv4 addresses, as any other.
func request(kind, flags uint16, seq uint32, s *tcp.Socket, far uint16) []byte {
	ne := binary.NativeEndian
	b := make([]byte, headerSize+requestSize)
	ne.PutUint32(b, uint32(len(b)))
	ne.PutUint16(b[4:], kind)
	ne.PutUint16(b[6:], unix.NLM_F_REQUEST|flags)
	ne.PutUint32(b[8:], seq)
	r := b[headerSize:]
	r[0], r[1] = unix.AF_INET, unix.IPPROTO_TCP
	local, remote := s.Local.Addr(), s.Remote.Addr()
	if local.Is6() {
		r[0] = unix.AF_INET6
	}
	if flags&unix.NLM_F_DUMP == unix.NLM_F_DUMP {
		ne.PutUint32(r[4:], 1<<tcp.Listen)
		if s.V4Mapped { // listed with the family of its socket
			r[0] = unix.AF_INET6
		}
		return b
	}
	binary.BigEndian.PutUint16(r[8:], s.Local.Port())
	binary.BigEndian.PutUint16(r[10:], far)
	putAddr(r[12:28], local)
	putAddr(r[28:44], remote)
	ne.PutUint32(r[44:], s.Iface)
	ne.PutUint32(r[48:], uint32(s.Cookie))
	ne.PutUint32(r[52:], uint32(s.Cookie>>32))
	return b
}

func putAddr(to []byte, a netip.Addr) {
	if a.IsValid() { // a listener has no far end
		copy(to, a.AsSlice())
	}
}
