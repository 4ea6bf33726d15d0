package tcp

import (
	"net/netip"
	"time"
)

// Socket is one row of a kernel's TCP table. A machine may hold a million, so
// it is a flat value; what few sockets need hangs off a pointer.
type Socket struct {
	Local  netip.AddrPort // laddr, lport; IPv4 is never v4-mapped (see V4Mapped)
	Remote netip.AddrPort // raddr, rport; zero AddrPort when there is no remote end

	NetNS  uint64 // inode of the network namespace; 0 when unknown
	Inode  uint64 // inode of the file that holds it; 0: no file (request, orphan, TIME_WAIT, not yet accepted)
	Cookie uint64 // the kernel's identity of the socket for its life; 0 when unknown

	Info *Info // measurements; nil when not read or when the state has none

	RecvQ uint32 // bytes unread; for LISTEN: connections waiting for accept()
	SendQ uint32 // bytes not acknowledged; for LISTEN: the limit of the accept queue
	UID   uint32 // user that made it; meaningful only with an inode
	Mark  uint32 // SO_MARK
	Iface uint32 // index of the interface it is bound to, 0 for none

	PID int32 // first process that holds it; 0 when nobody does or nobody could be seen

	Timer    Timer
	State    State
	V4Mapped bool // an IPv6 socket that speaks IPv4 (::ffff:a.b.c.d)
	Port     PortUse
	Orphan   bool // closed by its program, still being finished by the kernel
}

// PortUse says how a socket came by its local port. It decides how far the port
// is used up: a port that was bound is closed to every other bind(…,0) and
// skipped by every connect(), one that connect() chose is shared between
// destinations (net/ipv4/inet_hashtables.c __inet_hash_connect, v6.18).
type PortUse uint8

// How the local port was taken.
const (
	PortUnknown PortUse = iota // the source cannot tell
	PortAuto                   // chosen by connect()
	PortBound                  // taken by bind(), with a number or with 0
)

// TimerKind is what the kernel waits for on a socket.
type TimerKind uint8

// Timers as ss and netstat -o name them (struct inet_diag_msg idiag_timer,
// v6.18: 0 none, 1 retransmit, 2 keepalive or SYN-ACK, 3 TIME_WAIT, 4 zero-window probe).
const (
	TimerOff TimerKind = iota
	TimerOn            // retransmission
	TimerKeepalive
	TimerTimeWait
	TimerPersist // zero window probe
)

var timerNames = [...]string{"off", "on", "keepalive", "timewait", "persist"}

// String gives the timer's name as ss prints it.
func (k TimerKind) String() string {
	if int(k) < len(timerNames) {
		return timerNames[k]
	}
	return "unknown"
}

// Timer is the timer that is running on a socket.
type Timer struct {
	Expires time.Duration // time left, never negative
	Kind    TimerKind
	Retries uint8 // retransmissions or probes so far
}

// Info is the part of struct tcp_info that diagnosis uses. Every time is
// relative to the moment the socket was read.
type Info struct {
	LastSend      time.Duration // since data was last sent
	LastRecv      time.Duration // since data was last received
	LastAck       time.Duration // since an ACK was last received
	RTT           time.Duration // smoothed round-trip time
	RTO           time.Duration // retransmission timeout
	BytesAcked    uint64
	BytesReceived uint64
	Unacked       uint32 // segments in flight
	Retrans       uint32 // segments retransmitted over the life of the connection
	Backoff       uint8  // doublings of the timeout now in force
	Probes        uint8  // unanswered window probes
	SendWindow    uint32 // the peer's advertised window in bytes; 0 with SendQ > 0: the peer does not read. Linux >= 6.0, else 0 with HasWindow false
	HasWindow     bool
}

// Tuple identifies a connection within a namespace.
type Tuple struct {
	NetNS         uint64
	Local, Remote netip.AddrPort
}

// Tuple returns the socket's four-tuple and namespace.
func (s *Socket) Tuple() Tuple { return Tuple{s.NetNS, s.Local, s.Remote} }

// Reversed returns the tuple as the other end of a connection inside the same
// namespace has it.
func (t Tuple) Reversed() Tuple { return Tuple{t.NetNS, t.Remote, t.Local} }

// Loopback reports whether both ends are loopback addresses.
func (s *Socket) Loopback() bool {
	return s.Local.Addr().IsLoopback() && s.Remote.Addr().IsLoopback()
}

// TimeWaitLen is how long Linux keeps TIME_WAIT: TCP_TIMEWAIT_LEN, 60 s, a
// constant that no setting changes (include/net/tcp.h, v6.18).
const TimeWaitLen = 60 * time.Second

// Age returns how long the socket has been in its state where the timer tells
// (TIME_WAIT on Linux); ok is false where it does not.
func (s *Socket) Age() (age time.Duration, ok bool) {
	if s.State != TimeWait || s.Timer.Kind != TimerTimeWait || s.Timer.Expires > TimeWaitLen {
		return 0, false
	}
	return TimeWaitLen - s.Timer.Expires, true
}
