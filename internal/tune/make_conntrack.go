package tune

import (
	"fmt"

	"sockeye/internal/diagnose"
	"sockeye/internal/tcp"
)

const (
	trackedName     = "net.netfilter.nf_conntrack_max"
	bucketsOfTrack  = "net.netfilter.nf_conntrack_buckets"
	establishedName = "net.netfilter.nf_conntrack_tcp_timeout_established"

	trackedDay = 86400 // seconds; longer is worth a word, 432,000 as shipped (nf_conntrack-sysctl.rst)
)

// trackedBytes is what an entry takes: struct nf_conn is 256 bytes in /proc/slabinfo
// of Linux 6.18, larger with more options built in, and has an extension beside it.
const trackedBytes = 400

// crowded is how many connections a bucket of the hash may hold. Linux before 5.15
// shipped four (commit d532bcd0b269), one since.
const crowded = 4

// conntrack plans room for connection tracking.
func (m *maker) conntrack() {
	w := m.want("conntrack-full", diagnose.Warning)
	if w == nil {
		return
	}
	now, ok := m.number(trackedName)
	if !ok || now < 0 {
		m.left(trackedName, "unknown", Values{})
		return
	}
	if now == 0 {
		m.left(trackedName, "no-limit", Values{})
		return
	}
	used := m.ns.ConntrackCount.Value
	need := powerOf2(2 * used)
	if w.asIf {
		need = max(need, 512<<10) // twice the most that the kernel takes by itself
	}
	need = m.within(need, uint64(now), 16, trackedBytes)
	v := Values{Need: used, Memory: need * trackedBytes}
	buckets, told := m.number(bucketsOfTrack)
	if tight := need > uint64(now) && told && buckets > 0 && need/crowded > uint64(buckets); tight && m.olderThan(4, 7) {
		// Only since then may the sysctl be written (commit 3183ab8997a4).
		m.left(bucketsOfTrack, "buckets-at-load", Values{Need: need, Capacity: uint64(buckets)})
	} else if tight {
		// The kernel rounds up to whole pages of list heads (nf_ct_alloc_hashtable).
		heads := max(m.in.Snapshot.System.PageSize, 4096) / 8
		m.raise(w, bucketsOfTrack, (need+heads-1)/heads*heads, Change{Reason: "conntrack-buckets", Values: v})
	} else if told {
		m.left(bucketsOfTrack, "large-enough", v)
	}
	m.raise(w, trackedName, need, Change{Reason: "conntrack-max", Values: v})
	m.trackedTimes(w, used, need)
	// Room is what lacks. A shorter time costs idle connections, which nobody can see
	// from here to be worthless: it is told and not planned.
	if held, ok := m.number(establishedName); ok && held > trackedDay {
		m.left(establishedName, "conntrack-established-long", Values{Capacity: uint64(held)})
	} else if ok {
		m.left(establishedName, "short-enough", Values{})
	}
}

// trackedStates are how long entries stay in states that are over: in seconds as Linux
// ships it (nf_conntrack-sysctl.rst), and the least that is proposed. A TIME_WAIT of
// Linux itself lasts no longer than that.
var trackedStates = []struct {
	state, name    string
	shipped, least int64
}{
	{"TIME_WAIT", "net.netfilter.nf_conntrack_tcp_timeout_time_wait", 120, 60},
	{"CLOSE_WAIT", "net.netfilter.nf_conntrack_tcp_timeout_close_wait", 60, 60},
}

// trackedTimes plans a shorter time for the state that more than half of the entries
// are in, where one is: back to what Linux ships, and below it only where there is no
// memory for a table that is large enough.
func (m *maker) trackedTimes(w *want, used, need uint64) {
	for _, t := range trackedStates {
		n := m.tracked(t.state)
		held, ok := m.number(t.name)
		if !ok || n*2 <= used {
			continue
		}
		to := t.shipped
		if need < 2*used {
			to = t.least
		}
		v := Values{Need: n, Capacity: used}
		if held > to {
			m.change(w, Change{Setting: t.name, To: fmt.Sprint(to), Reason: "conntrack-time", Values: v})
		} else {
			m.left(t.name, "short-enough", v)
		}
	}
}

// tracked counts entries in a state. Where nobody listed them there is at least one
// for each TIME_WAIT of this machine that came over the network: connection tracking
// keeps it for longer than TCP does.
func (m *maker) tracked(state string) (n uint64) {
	if m.ns.Tracked != nil || state != "TIME_WAIT" {
		return m.ns.Tracked[state]
	}
	for i := range m.in.Snapshot.Sockets {
		if sk := &m.in.Snapshot.Sockets[i]; sk.NetNS == m.ns.Inode && sk.State == tcp.TimeWait && !sk.Loopback() {
			n++
		}
	}
	return n
}

// olderThan reports whether the kernel is a Linux before this version. One that does
// not tell is taken for a new one.
func (m *maker) olderThan(major, minor int) bool {
	var a, b int
	n, _ := fmt.Sscanf(m.in.Snapshot.Machine.Kernel, "%d.%d", &a, &b)
	return m.in.Snapshot.Machine.OS == "linux" && n == 2 && (a < major || a == major && b < minor)
}
