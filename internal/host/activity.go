package host

import (
	"net/netip"
	"time"
)

// Activity is what was seen to happen between two snapshots: the seam at which
// event tracing joins. A nil *Activity means that nobody watched.
type Activity struct {
	Window   time.Duration
	By       string // "tracepoint"
	Connects []Connects
	Failures []Failure
	Lost     uint64 // events that found no room: what is listed is then "at least"
}

// Connects counts the connect() calls of one process to one destination.
type Connects struct {
	PID    int32
	Name   string // comm at the time of the call
	NetNS  uint64
	Remote netip.AddrPort
	Opened uint64 // SYNs sent
	Failed uint64 // of those, ended without ever being established
}

// Failure counts the calls of one process that failed alike.
type Failure struct {
	PID   int32
	Name  string
	NetNS uint64
	Call  string         // "connect", "bind", "listen", "socket", "accept"
	Errno uint32         // Linux errno, e.g. 99
	Addr  netip.AddrPort // connect: the destination; bind: the address asked for; else zero
	Count uint64
}
