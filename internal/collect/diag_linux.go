package collect

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sockeye/internal/tcp"
)

// diagSource asks NETLINK_SOCK_DIAG, as ss does. It needs no privilege.
type diagSource struct{}

// Of include/uapi/linux/inet_diag.h and sock_diag.h, v6.18.
const (
	sockDiagByFamily = 20
	diagInfo         = 2  // INET_DIAG_INFO
	diagMark         = 15 // INET_DIAG_MARK, only with CAP_NET_ADMIN
	diagMsgSize      = 72 // struct inet_diag_msg
	diagReqSize      = 56 // struct inet_diag_req_v2
	nlmsgHeaderSize  = 16

	// diagStates asks for every state: bits 1 to 12 of tcp_states.h, and 13,
	// TCP_BOUND_INACTIVE, which Linux before 6.8 ignores.
	diagStates      = 1<<14 - 2
	diagBoundStates = 1 << 13
	diagProbeStates = 1 << 10 // LISTEN: few
)

// errInterrupted says that the table changed under the dump in a way that the
// kernel noticed, or that parts of its answer were lost.
var errInterrupted = errors.New("sock_diag dump was interrupted")

// errSilent says that the kernel did not answer at all, as one that filters
// netlink for containers may do.
var errSilent = fmt.Errorf("sock_diag did not answer within %v", diagPatience)

// diagPatience is the longest wait for one part of an answer; the kernel makes
// each while it is asked for it.
const diagPatience = 5 * time.Second

// openDiag is the probe as well.
func openDiag() (*diagSource, error) {
	t := &table{buf: make([]byte, 32<<10)}
	err := dumpDiag(context.Background(), t, unix.AF_INET, diagProbeStates)
	switch {
	case err == nil, errors.Is(err, errInterrupted):
		return &diagSource{}, nil
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EAFNOSUPPORT),
		errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return nil, fmt.Errorf("sock_diag: %w: %w", errors.ErrUnsupported, err)
	}
	return nil, fmt.Errorf("sock_diag: %w", err)
}

func (*diagSource) name() string { return "sock_diag" }

func (*diagSource) close() {}

// read asks once for each family; a kernel without IPv6 has no such sockets.
func (*diagSource) read(ctx context.Context, t *table) error {
	return readDiag(ctx, t, diagStates)
}

// readDiag appends the sockets in the given states; a dump that was
// interrupted is done once more.
func readDiag(ctx context.Context, t *table, states uint32) error {
	before := len(t.sockets)
	for attempt := 0; ; attempt++ {
		err := dumpDiag(ctx, t, unix.AF_INET, states)
		if err == nil {
			if err = dumpDiag(ctx, t, unix.AF_INET6, states); errors.Is(err, unix.ENOENT) {
				err = nil
			}
		}
		if !errors.Is(err, errInterrupted) || attempt > 0 {
			return err
		}
		t.sockets = t.sockets[:before]
	}
}

// dumpDiag makes one dump. The socket is made here because it belongs to the
// namespace of the thread that makes it.
func dumpDiag(ctx context.Context, t *table, family uint8, states uint32) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	limit := unix.NsecToTimeval(int64(diagPatience))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Sendto(fd, diagRequest(family, states, !t.noInfo), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("sendto", err)
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, flags, err := receive(fd, t.buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOBUFS) || err == nil && flags&unix.MSG_TRUNC != 0:
			return errInterrupted
		case errors.Is(err, unix.EAGAIN):
			return errSilent
		case err != nil:
			return os.NewSyscallError("recvmsg", err)
		}
		done, err := decodeDiagBatch(t.buf[:n], t)
		if done || err != nil {
			return err
		}
	}
}

// receive is recvmsg without the allocations of unix.Recvmsg.
func receive(fd int, buf []byte) (n, flags int, err error) {
	iov := unix.Iovec{Base: &buf[0]}
	iov.SetLen(len(buf))
	msg := unix.Msghdr{Iov: &iov}
	msg.SetIovlen(1)
	r, _, errno := unix.Syscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), 0)
	if errno != 0 {
		return 0, 0, errno
	}
	return int(r), int(msg.Flags), nil
}

// diagRequest builds nlmsghdr and struct inet_diag_req_v2.
func diagRequest(family uint8, states uint32, info bool) []byte {
	b := make([]byte, nlmsgHeaderSize+diagReqSize)
	ne := binary.NativeEndian
	ne.PutUint32(b[0:], uint32(len(b)))
	ne.PutUint16(b[4:], sockDiagByFamily)
	ne.PutUint16(b[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	ne.PutUint32(b[8:], 1) // sequence number: one request to a socket
	b[16] = family
	b[17] = unix.IPPROTO_TCP
	if info {
		b[18] = 1 << (diagInfo - 1)
	}
	ne.PutUint32(b[20:], states)
	return b
}

// decodeDiagBatch appends the sockets of one answer to t. done is true after
// the last message of a dump. The error is errInterrupted, the kernel's errno,
// or one of form; t then holds what came before it.
func decodeDiagBatch(b []byte, t *table) (done bool, err error) {
	ne := binary.NativeEndian
	interrupted := false
	for len(b) >= nlmsgHeaderSize {
		size := int(ne.Uint32(b))
		if size < nlmsgHeaderSize || size > len(b) {
			return true, fmt.Errorf("sock_diag message of %d bytes in %d", size, len(b))
		}
		kind, flags := ne.Uint16(b[4:]), ne.Uint16(b[6:])
		payload := b[nlmsgHeaderSize:size]
		interrupted = interrupted || flags&unix.NLM_F_DUMP_INTR != 0
		switch kind {
		case unix.NLMSG_DONE, unix.NLMSG_ERROR:
			if len(payload) >= 4 {
				if code := int32(ne.Uint32(payload)); code < 0 && code >= -4095 {
					return true, unix.Errno(-code)
				}
			}
			if interrupted {
				return true, errInterrupted
			}
			return true, nil
		case unix.NLMSG_OVERRUN:
			return true, errInterrupted
		case sockDiagByFamily:
			s, ok, err := decodeDiag(payload, &t.info)
			if err != nil {
				return true, err
			}
			t.add(&s, ok)
		}
		b = b[min(align4(size), len(b)):]
	}
	if interrupted {
		return true, errInterrupted
	}
	return false, nil
}

// decodeDiag reads struct inet_diag_msg and its attributes. Where something was
// measured it fills info, and ok is true.
func decodeDiag(b []byte, info *tcp.Info) (s tcp.Socket, ok bool, err error) {
	if len(b) < diagMsgSize {
		return s, false, fmt.Errorf("inet_diag_msg of %d bytes, want %d", len(b), diagMsgSize)
	}
	ne := binary.NativeEndian
	at := row{family: uint16(b[0]), lport: port(b[4:]), rport: port(b[6:])}
	if at.family != unix.AF_INET && at.family != unix.AF_INET6 {
		return s, false, fmt.Errorf("inet_diag_msg of address family %d", at.family)
	}
	copy(at.laddr[:], b[8:24])
	copy(at.raddr[:], b[24:40])
	s = tcp.Socket{
		State: tcp.State(b[1]),
		Iface: ne.Uint32(b[40:]),
		// Two words, the lower first whatever the byte order: sock_diag_save_cookie.
		Cookie: uint64(ne.Uint32(b[44:])) | uint64(ne.Uint32(b[48:]))<<32,
		Timer:  tcp.Timer{Kind: tcp.TimerKind(b[2]), Retries: b[3], Expires: time.Duration(ne.Uint32(b[52:])) * time.Millisecond},
		RecvQ:  ne.Uint32(b[56:]), SendQ: ne.Uint32(b[60:]),
		UID: ne.Uint32(b[64:]), Inode: uint64(ne.Uint32(b[68:])),
	}
	switch {
	case s.State == tcp.Unknown || s.State >= tcp.NumStates:
		return s, false, fmt.Errorf("inet_diag_msg with TCP state %d", b[1])
	case s.State == tcp.NewSynRecv:
		s.State = tcp.SynReceived
	case s.State == tcp.Closed && at.lport != 0:
		s.State = tcp.Bound
	}
	mini := s.Timer.Kind == tcp.TimerTimeWait
	if s.State == tcp.Bound {
		s.Port = tcp.PortBound
		s.RecvQ, s.SendQ = 0, 0
	}
	s.Orphan = s.Inode == 0 && finishing(s.State)
	at.place(&s)
	for rest := b[diagMsgSize:]; len(rest) >= 4; {
		size, kind := int(ne.Uint16(rest)), ne.Uint16(rest[2:])
		if size < 4 || size > len(rest) {
			return s, false, fmt.Errorf("inet_diag attribute of %d bytes in %d", size, len(rest))
		}
		switch value := rest[4:size]; {
		case kind == diagMark && len(value) >= 4:
			s.Mark = ne.Uint32(value)
		case kind == diagInfo && !mini && measured(s.State):
			ok = decodeInfo(value, info)
		}
		rest = rest[min(align4(size), len(rest)):]
	}
	return s, ok, nil
}

// decodeInfo reads struct tcp_info, which grows with every kernel at its end
// (include/uapi/linux/tcp.h): bytes_acked came with 4.1, snd_wnd with 5.4. ok
// is false when it is shorter than ever.
func decodeInfo(b []byte, info *tcp.Info) (ok bool) {
	const (
		probes, backoff          = 3, 4
		rto, unacked             = 8, 24
		lastSend, lastRecv       = 44, 52
		lastAck, rtt             = 56, 68
		retrans, bytesAcked      = 100, 120
		bytesReceived, sndWindow = 128, 228
	)
	if len(b) < retrans+4 {
		return false
	}
	ne := binary.NativeEndian
	ms := func(at int) time.Duration { return time.Duration(ne.Uint32(b[at:])) * time.Millisecond }
	us := func(at int) time.Duration { return time.Duration(ne.Uint32(b[at:])) * time.Microsecond }
	*info = tcp.Info{
		LastSend: ms(lastSend), LastRecv: ms(lastRecv), LastAck: ms(lastAck), RTT: us(rtt), RTO: us(rto),
		Unacked: ne.Uint32(b[unacked:]), Retrans: ne.Uint32(b[retrans:]), Backoff: b[backoff], Probes: b[probes],
	}
	if len(b) >= bytesReceived+8 {
		info.BytesAcked, info.BytesReceived = ne.Uint64(b[bytesAcked:]), ne.Uint64(b[bytesReceived:])
	}
	if len(b) >= sndWindow+4 {
		info.SendWindow, info.HasWindow = ne.Uint32(b[sndWindow:]), true
	}
	return true
}

func align4(n int) int { return (n + 3) &^ 3 }
