package tune

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"sockeye/internal/diagnose"
	"sockeye/internal/tcp"
)

// The range of local ports that Linux ships with, and the one that is proposed
// where it does not do: above the ports where services usually listen. Their
// bounds are of different parity, as ip-sysctl.rst asks.
const (
	shippedLow, shippedHigh = 32768, 60999
	wideLow, wideHigh       = 10240, 65535
	lowest                  = 1024  // the least that Setting.Check lets a range begin with
	narrow                  = 10000 // diagnose calls a range with fewer ports narrow
)

const (
	portRangeName = "net.ipv4.ip_local_port_range"
	reservedName  = "net.ipv4.ip_local_reserved_ports"
	reuseName     = "net.ipv4.tcp_tw_reuse"
)

// ample is the share of its ports that a destination may use with a plan in
// force; diagnose speaks from 70% on.
const ample = 0.6

// churn is what the connections do that lack ports.
type churn struct {
	total, waiting, bound, far int
	rate                       float64 // at least so many end in TIME_WAIT each second
}

// restsInTimeWait reports whether most ports are held by TIME_WAIT that connect()
// could take back. A port that bind() asks for is not taken back by it.
func (c *churn) restsInTimeWait() bool { return c.waiting*2 > c.total && c.bound*2 < c.total }

// ports plans where connect() gets its ports from: tcp_tw_reuse, the range, and
// what is reserved in it.
func (m *maker) ports() {
	low, high, ok := m.ns.Settings.PortRange()
	if !ok {
		if m.in.For == "" || slices.Contains([]string{"port-exhaustion", "bind-port-exhaustion", "port-range-narrow"}, m.in.For) {
			m.left(portRangeName, "unknown", Values{})
		}
		return
	}
	run := m.want("port-exhaustion", diagnose.Notice) // one that levels off just below the wall
	short := m.want("short-lived-connections", diagnose.Warning)
	client := m.forProfile(BusyClient, Proxy)
	more := first(m.want("bind-port-exhaustion", diagnose.Warning), client) // who asks for a wider range
	if by := first(run, short, client); by != nil {
		c := m.churnOf(by)
		if m.reuse(by, c, m.usable(low, high)) && run != nil {
			more = first(more, run)
		}
	}
	m.portRange(low, high, more)
}

// churnOf counts the connections to the destinations of some findings.
func (m *maker) churnOf(w *want) *churn {
	c := &churn{}
	to := map[netip.AddrPort]bool{}
	for _, f := range w.found {
		for _, d := range f.Destinations {
			if a, err := netip.ParseAddr(d.Addr); err == nil {
				to[netip.AddrPortFrom(a, d.Port)] = true
			}
		}
	}
	if len(to) == 0 {
		return c
	}
	for i := range m.in.Snapshot.Sockets {
		sk := &m.in.Snapshot.Sockets[i]
		if sk.NetNS != m.ns.Inode || sk.State == tcp.Listen || !to[sk.Remote] {
			continue
		}
		c.total++
		if sk.State == tcp.TimeWait {
			c.waiting++
		}
		if sk.Port == tcp.PortBound {
			c.bound++
		}
		if !sk.Local.Addr().IsLoopback() && !sk.Remote.Addr().IsLoopback() {
			c.far++
		}
	}
	c.rate = float64(c.waiting) / tcp.TimeWaitLen.Seconds()
	for d := range to {
		l := m.limit("ephemeral-ports", func(l *diagnose.Limit) bool { return l.Scope.Raddr == d.Addr().String() && l.Scope.Rport == d.Port() })
		if l != nil && l.RatePerS != nil {
			c.rate = max(c.rate, *l.RatePerS)
		}
	}
	return c
}

// reuse plans tcp_tw_reuse where it gives back most ports, and reports whether a
// wider range is needed besides.
func (m *maker) reuse(w *want, c *churn, usable int) (more bool) {
	mode, known := m.number(reuseName)
	stamps, told := m.number("net.ipv4.tcp_timestamps")
	acts := known && (!told || stamps != 0) && (mode == 1 || mode == 2 && c.far == 0 && c.total > 0)
	waits := mode == 1 && known && !acts // for the timestamps that harmful switches on
	v := Values{Rate: c.rate, Need: uint64(math.Ceil(c.rate * tcp.TimeWaitLen.Seconds())), Capacity: uint64(max(usable, 0))}
	if w.asIf || c.restsInTimeWait() {
		m.shorterDelay(w)
	}
	v.Delay = m.reuseDelay().Seconds()
	switch {
	case !w.asIf && !c.restsInTimeWait():
		m.left(reuseName, "tw-reuse-no-help", v)
		return true
	case acts && mode == 2:
		m.left(reuseName, "tw-reuse-loopback", v)
	case acts:
		m.left(reuseName, "tw-reuse-on", v)
	case waits:
		m.left(reuseName, "tw-reuse-waits", v)
	default:
		m.change(w, Change{Setting: reuseName, To: "1", Reason: "tw-reuse", Values: v})
	}
	if _, sooner := m.ranks[delayName]; w.asIf || acts && !sooner {
		return true
	}
	with := float64(c.total-c.waiting) + c.rate*m.reuseDelay().Seconds()
	return with > ample*float64(usable)
}

// reuseDelay is how old a TIME_WAIT must be for tcp_tw_reuse, with the plan in
// force: a second before Linux 6.14, where the setting came (net/ipv4/tcp_ipv4.c
// tcp_twsk_unique, v6.18).
func (m *maker) reuseDelay() time.Duration {
	if _, planned := m.ranks[delayName]; planned {
		return delayShipped * time.Millisecond
	}
	if ms, ok := m.number(delayName); ok && ms >= 0 {
		return time.Duration(ms) * time.Millisecond
	}
	return time.Second
}

// usable counts the ports of a range that are not reserved.
func (m *maker) usable(low, high uint16) (n int) {
	reserved := m.ns.Settings.ReservedPorts()
	for p := int(low); p <= int(high); p++ {
		if !reserved.Has(uint16(p)) {
			n++
		}
	}
	return n
}

// portRange plans the range. more is who needs a wider one, nil nobody.
func (m *maker) portRange(low, high uint16, more *want) {
	small := m.want("port-range-narrow", diagnose.Notice)
	back := m.wayBack()
	span := int(high) - int(low) + 1
	v := Values{Capacity: uint64(m.usable(low, high)), Reserved: uint64(span - m.usable(low, high))}
	c := Change{Setting: portRangeName}
	var by *want
	newLow, newHigh := low, high
	// A range that begins among the ports of services is never proposed: where it has
	// more ports than the widest that is, whoever needs them keeps it.
	wins := m.usable(m.allowed(wideLow, wideHigh)) > m.usable(low, high)
	switch shipped := m.usable(shippedLow, shippedHigh); {
	case more != nil && !more.asIf && shipped >= narrow && m.usable(low, high) < narrow:
		by, c.Reason = more, "range-shipped" // many times what there is, and it was meant to be so
		newLow, newHigh = shippedLow, shippedHigh
	case more != nil && wins:
		by, c.Reason = more, "range-wider"
		newLow, newHigh = wideLow, wideHigh
	case more != nil && len(more.found) > 0:
	case small != nil && m.usable(low, high) < narrow && shipped >= narrow:
		by, c.Reason = small, "range-shipped"
		newLow, newHigh = shippedLow, shippedHigh
	case small != nil && m.usable(low, high) < narrow && wins:
		by, c.Reason = small, "range-wider"
		newLow, newHigh = wideLow, wideHigh
	case back != nil && low < wideLow && high > wideLow:
		by, c.Reason, c.Undoes = back, "range-back", true
		newLow, newHigh = wideLow, wideHigh
	case back != nil && low < lowest:
		by, c.Reason, c.Undoes = back, "range-back", true
		newLow, newHigh = shippedLow, shippedHigh
	}
	newLow, newHigh = m.allowed(newLow, newHigh)
	if by != nil && (newLow != low || newHigh != high) {
		v.Need = uint64(m.usable(newLow, newHigh))
	} else {
		newLow, newHigh = low, high
	}
	if first(more, small) != nil && v.Reserved*4 > uint64(span) { // before what is kept is only kept
		m.left(reservedName, "reserved-eats", Values{Need: v.Reserved, Capacity: uint64(span)})
	}
	m.reserve(first(by, back), low, high, newLow, newHigh)
	switch {
	case newLow != low || newHigh != high:
		c.To, c.Values = fmt.Sprintf("%d %d", newLow, newHigh), v
		m.change(by, c)
	case more != nil:
		m.left(portRangeName, "range-widest", v)
	case small != nil && m.usable(low, high) >= narrow:
		m.left(portRangeName, "range-not-narrow", v)
	case m.in.For != "" && by == nil && back == nil:
	case low == shippedLow && high == shippedHigh:
		m.left(portRangeName, "range-shipped", v)
	case low%2 == high%2:
		m.left(portRangeName, "range-parity", v)
	default:
		m.left(portRangeName, "range-other", v)
	}
}

// allowed brings a range to what the kernel takes: it refuses one that begins
// below ip_unprivileged_port_start (EINVAL; tried on 6.18), and wants bounds of
// different parity.
func (m *maker) allowed(low, high uint16) (uint16, uint16) {
	if start, ok := m.ns.Settings.Int("net.ipv4.ip_unprivileged_port_start"); ok && start > int64(low) && start < int64(high) {
		low = uint16(start)
	}
	if low%2 == high%2 && low+1 < high {
		low++
	}
	return low, high
}
