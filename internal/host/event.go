package host

import (
	"net/netip"
	"time"

	"sockeye/internal/tcp"
)

// Event is something that happened to a socket: a change of its state, or a call
// that failed (then Call is set).
type Event struct {
	At            time.Time
	NetNS         uint64
	Cookie        uint64 // 0 where there is no socket yet
	Local, Remote netip.AddrPort

	From, To tcp.State
	Mini     bool          // the kernel goes on with a mini-socket in To: TIME_WAIT, or FIN_WAIT_2 that nobody holds
	InState  time.Duration // spent in From; negative: unknown

	Life Life // opener, closer, and when

	Call  string // "connect", "bind", "listen", "socket", "accept"; "" for a change of state
	Errno uint32 // of the call, or the error that ended the connection; 0 none

	// Of the whole connection, when it ends (Ended).
	Sent, Received uint64 // bytes
	Retrans        uint32 // segments
}

// Ended reports whether the event is the end of a connection's life.
func (e *Event) Ended() bool {
	return e.Call == "" && (e.To == tcp.Closed || e.Mini)
}
