package host

import "net/netip"

// Limit is something finite that connections need. Its id is part of the report
// contract.
type Limit struct {
	ID          string
	Scope       Scope
	Used        *uint64 // nil: capacity known, use unknown
	Capacity    uint64
	Unit        string   // "ports", "files", "connections", "sockets", "entries", "pages", "bytes"
	RatePerS    *float64 // how fast it is being taken; nil with a single look that tells no rate
	SteadyState *uint64  // where the use levels off at this rate; nil when it does not or is unknown
	FullInS     *float64 // seconds until full; nil: never at this rate, or unknown
}

// Scope says whose limit it is; the zero value is the whole host's.
type Scope struct {
	NetNS  uint64
	Laddr  netip.Addr
	Lport  uint16
	Raddr  netip.Addr
	Rport  uint16
	PID    int32
	Mount  string
	Family string // "ipv4" or "ipv6", where each has a limit of its own
}

// Utilization is the used share of the capacity, from 0 to 1 and above when a
// limit was lowered under its use; ok is false when the use is unknown.
func (l *Limit) Utilization() (share float64, ok bool) {
	if l.Used == nil || l.Capacity == 0 {
		return 0, false
	}
	return float64(*l.Used) / float64(l.Capacity), true
}
