package host

import (
	"net/netip"
	"time"

	"sockeye/internal/tcp"
)

// Life is what a tracer remembers of a connection: what no table of the kernel
// shows. Unknown times are zero.
type Life struct {
	Opener   *Opener // nil: it was opened before anybody watched
	Incoming bool    // accepted, not connected
	OpenedAt time.Time
	Closer   Closer
	Ending   Ending
	ClosedAt time.Time // when the first FIN or RST went or came, or it timed out
}

// Opener is who called connect(), or accept() for an incoming connection.
type Opener struct {
	PID      int32 // process, in the initial pid namespace; it may have ended since
	TID      int32 // thread; 0 unknown
	Name     string
	Cgroup   string // path of its cgroup when it opened; "" unknown
	Accepted bool   // an incoming connection was taken by accept(); until then PID is its listener's
	Stack    *Stack // nil: not sampled
}

// Remember gives a snapshot what a tracer remembers since a moment. Incoming
// connections that nobody has accepted yet get the owner of their listener.
func (sn *Snapshot) Remember(lives map[uint64]*Life, since time.Time) {
	sn.Lives, sn.Remembered = lives, since
	type key struct {
		netns uint64
		local netip.AddrPort
	}
	listeners := map[key]*tcp.Socket{}
	for i := range sn.Sockets {
		if s := &sn.Sockets[i]; s.State == tcp.Listen && s.PID != 0 {
			listeners[key{s.NetNS, s.Local}] = s
		}
	}
	for i := range sn.Sockets {
		s := &sn.Sockets[i]
		l := sn.Life(s)
		if l == nil || !l.Incoming || l.Opener != nil || s.Inode != 0 {
			continue
		}
		port := s.Local.Port()
		for _, local := range []netip.AddrPort{s.Local,
			netip.AddrPortFrom(netip.IPv4Unspecified(), port), netip.AddrPortFrom(netip.IPv6Unspecified(), port)} {
			if listener := listeners[key{s.NetNS, local}]; listener != nil {
				l.Opener = &Opener{PID: listener.PID}
				if p := sn.Processes[listener.PID]; p != nil {
					l.Opener.Name, l.Opener.Cgroup = p.Name, p.Cgroup
				}
				break
			}
		}
	}
}

// Closer is the side that ended a connection first.
type Closer string

// Closers; in JSON the empty one is null.
const (
	CloserUnknown Closer = "" // not closed yet, or closed before anybody watched, or nobody did: it timed out
	CloserLocal   Closer = "local"
	CloserPeer    Closer = "peer"
)

// Ending is how a connection ended, or began to.
type Ending string

// Endings.
const (
	EndingNone    Ending = ""        // it has not ended, or nobody saw how
	EndingFin     Ending = "fin"     // in order: FIN
	EndingReset   Ending = "reset"   // RST
	EndingLinger  Ending = "linger"  // RST, as the program asked with SO_LINGER 0
	EndingTimeout Ending = "timeout" // no answer: retransmissions, keepalive or user timeout ran out
	EndingFailed  Ending = "failed"  // never established
)
