package tune

import (
	"fmt"

	"sockeye/internal/diagnose"
	"sockeye/internal/tcp"
)

const (
	bucketsName = "net.ipv4.tcp_max_tw_buckets"
	finName     = "net.ipv4.tcp_fin_timeout"
	delayName   = "net.ipv4.tcp_tw_reuse_delay"

	finShipped = 60 // seconds
	finShort   = 30 // proposed where orphaned FIN_WAIT_2 crowd out TIME_WAIT

	delayShipped = 1000 // milliseconds (ip-sysctl.rst, tcp_tw_reuse_delay, v6.18)
)

// timeWaitBytes is what a TIME_WAIT takes: the object size of tw_sock_TCP and
// tw_sock_TCPv6 in /proc/slabinfo of Linux 6.18.
const timeWaitBytes = 256

// timeWait plans how many TIME_WAIT sockets the kernel keeps. Never fewer.
func (m *maker) timeWait() {
	m.shorterDelay(nil)
	full := m.want("time-wait-buckets-full", diagnose.Notice)
	back := m.wayBack()
	now, ok := m.number(bucketsName)
	if !ok || now < 0 {
		if full != nil {
			m.left(bucketsName, "unknown", Values{})
		}
		return
	}
	own, lowered := m.ownBuckets(uint64(now))
	used := m.waiting()
	v := Values{Need: used, Capacity: uint64(now)}
	c := Change{Reason: "tw-buckets", Values: v}
	var by *want
	to := uint64(now)
	if lowered && first(full, back) != nil {
		by, to, c.Reason, c.Undoes = first(full, back), own, "tw-buckets-back", true
	}
	if full != nil {
		need := powerOf2(2 * used)
		if full.asIf {
			need = max(need, 2*own)
		}
		if need = m.within(need, uint64(now), 32, timeWaitBytes); need > to {
			by, to, c.Reason = full, need, "tw-buckets"
		}
	}
	c.Values.Memory = to * timeWaitBytes
	switch {
	case by != nil && to > uint64(now):
		m.raise(by, bucketsName, to, c)
	case full != nil:
		m.left(bucketsName, "large-enough", v)
	case back != nil:
		m.left(bucketsName, "tw-buckets-calm", v)
	}
	m.finTimeout(full)
}

// shorterDelay is the way back from a tcp_tw_reuse_delay that makes tcp_tw_reuse
// useless: with 60000, the most that the kernel takes, a port rests as long as
// without (on 6.18, of ten ports that had rested for 2.5 s connect() got none back;
// with 1000 all of them). by is who needs the ports; nil: whoever has tcp_tw_reuse on.
func (m *maker) shorterDelay(by *want) {
	mode, _ := m.number(reuseName)
	ms, ok := m.number(delayName)
	if !ok || ms < 0 {
		return
	}
	back := m.wayBack()
	if by == nil && mode == 1 {
		by = back
	}
	v := Values{Delay: float64(ms) / 1000}
	switch {
	case ms > delayShipped && by != nil:
		m.change(by, Change{Setting: delayName, To: fmt.Sprint(delayShipped), Reason: "tw-reuse-delay", Undoes: true, Values: v})
	case back == nil && by == nil:
	case ms > delayShipped:
		m.left(delayName, "tw-reuse-delay-idle", v)
	case ms < delayShipped:
		m.left(delayName, "tw-reuse-delay-hasty", v)
	default:
		m.left(delayName, "right", v)
	}
}

// ownBuckets is what the kernel gives tcp_max_tw_buckets by itself, and whether
// somebody lowered it. It is half the entries of the hash of established sockets
// (net/ipv4/tcp_ipv4.c tcp_sk_init, v6.18), which are negative in a namespace that
// shares the first one's; where they are not told (before Linux 6.1) they are one
// for each 128 KiB of memory, at most 524,288 (net/ipv4/tcp.c tcp_init, v6.18), and
// only a number that no kernel would come to counts as lowered.
func (m *maker) ownBuckets(now uint64) (own uint64, lowered bool) {
	if entries, ok := m.ns.Settings.Int("net.ipv4.tcp_ehash_entries"); ok && entries != 0 {
		own = uint64(max(entries, -entries)) / 2
		return own, now < own
	}
	own = 65536
	if total := m.total(); total > 0 {
		own = min(powerOf2(total/(128<<10)), 512<<10) / 2
	}
	return own, now < own && now <= 20000 && now != powerOf2(now)
}

// waiting counts what the limit bounds: TIME_WAIT, and orphaned FIN_WAIT_2.
func (m *maker) waiting() uint64 {
	var seen uint64
	for i := range m.in.Snapshot.Sockets {
		if sk := &m.in.Snapshot.Sockets[i]; sk.NetNS == m.ns.Inode && sk.State == tcp.TimeWait {
			seen++
		}
	}
	return max(seen, m.ns.TimeWait.Value)
}

// finTimeout: tcp_fin_timeout ends orphaned FIN_WAIT_2, which count against the
// same limit, and nothing else.
func (m *maker) finTimeout(full *want) {
	v, ok := m.number(finName)
	if !ok {
		return
	}
	orphans := uint64(0)
	for i := range m.in.Snapshot.Sockets {
		if sk := &m.in.Snapshot.Sockets[i]; sk.NetNS == m.ns.Inode && sk.State == tcp.FinWait2 && sk.Inode == 0 && sk.PID == 0 {
			orphans++
		}
	}
	values := Values{Need: orphans}
	switch {
	case full != nil && !full.asIf && orphans*2 > m.waiting() && v >= finShipped:
		m.change(full, Change{Setting: finName, To: fmt.Sprint(finShort), Reason: "fin-timeout", Values: values})
	case full == nil && m.wayBack() == nil:
	case v < finShort:
		m.left(finName, "fin-timeout-hasty", values)
	case v < finShipped:
		m.left(finName, "fin-timeout-useless", values)
	case v == finShipped:
		m.left(finName, "fin-timeout-shipped", values)
	default:
		m.left(finName, "fin-timeout-long", values)
	}
}
