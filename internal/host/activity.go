package host

import (
	"net/netip"
	"slices"
	"time"
)

// Activity is what was seen to happen between two snapshots: the seam at which
// event tracing joins. A nil *Activity means that nobody watched.
type Activity struct {
	Window   time.Duration
	By       string // "tracepoint"
	Outgoing []Flow
	Incoming []Flow
	Failures []Failure
	Lost     uint64 // events that found no room: what is listed is then "at least"
	Cut      bool   // the watching ended before the window did: likewise

	Forgotten uint64 // connections that found no room in the memory, or gave way in it before their time
	Folded    uint64 // connections counted without their remote address, for want of room
	Sampled   Sampling
}

// In returns the part of the activity that belongs to one network namespace.
func (a *Activity) In(netns uint64) *Activity {
	part := *a
	foreign := func(f Flow) bool { return f.NetNS != netns }
	part.Outgoing = slices.DeleteFunc(slices.Clone(a.Outgoing), foreign)
	part.Incoming = slices.DeleteFunc(slices.Clone(a.Incoming), foreign)
	part.Failures = slices.DeleteFunc(slices.Clone(a.Failures), func(f Failure) bool { return f.NetNS != netns })
	return &part
}

// Sampling says of how many opened connections and failed calls the stack was taken.
type Sampling struct {
	Taken uint64
	Of    uint64
	Every uint64 // 1 in N now; 1: each; 0: no stacks are taken

	NoRoom uint64 // stacks that were different from all that there was room for
}

// Flow counts the connections of one process with one remote end.
type Flow struct {
	PID    int32  // 0: incoming connections that nobody accepted
	Name   string // comm at the time of the call
	NetNS  uint64
	Cgroup string // path; "" unknown
	// Remote is the destination of outgoing connections. Of incoming ones it is
	// the peer's address with port 0, and the unspecified address for all peers
	// that found no room of their own.
	Remote netip.AddrPort
	Port   uint16 // incoming: the local port; else 0

	Opened uint64 // outgoing: SYNs sent; incoming: accepted, or ended without that
	Failed uint64 // of those, ended without ever being established
	Ends   Ends   // of the established, how they ended

	Sent, Received, Retrans uint64    // of the ended ones: bytes of payload, each counted once; segments sent again
	Latency                 Histogram // outgoing: from SYN to ESTABLISHED
	Lifetime                Histogram // of the ended ones: from SYN to the end, TIME_WAIT not included

	Stacks []Site // where they were opened, most frequent first; sampled
}

// Site is a place in the code and how many sampled connections or failures came from it.
type Site struct {
	Stack *Stack
	Count uint64
}

// Ends counts how established connections ended.
type Ends struct {
	Local       uint64 // we sent the first FIN
	Peer        uint64 // the peer did
	LocalReset  uint64 // we sent RST: closed with data unread, or aborted
	LocalLinger uint64 // we sent RST because of SO_LINGER 0
	PeerReset   uint64
	TimedOut    uint64
}

// Failure counts the calls of one process that failed alike.
type Failure struct {
	PID    int32
	Name   string
	NetNS  uint64
	Cgroup string
	Call   string         // "connect", "bind", "listen", "socket", "accept"
	Errno  uint32         // Linux errno, e.g. 99
	Addr   netip.AddrPort // connect: the destination; bind: the address asked for; listen: the one bound to; else zero
	Count  uint64
	Stacks []Site
}

// Histogram counts durations: bucket i those of 2^i to 2^(i+1) microseconds, the
// first also shorter, the last also longer ones (2^39 µs are six days).
type Histogram [40]uint64

// Count returns how many durations were counted.
func (h *Histogram) Count() (n uint64) {
	for _, c := range h {
		n += c
	}
	return n
}

// Quantile returns the upper bound of the bucket that holds the q-th part of all
// (0.5: the median); 0 without any. It is exact to a factor of two.
func (h *Histogram) Quantile(q float64) time.Duration {
	n := h.Count()
	if n == 0 {
		return 0
	}
	var seen uint64
	for i, c := range h {
		if seen += c; float64(seen) >= q*float64(n) {
			return time.Microsecond << (i + 1)
		}
	}
	return time.Microsecond << len(h)
}
