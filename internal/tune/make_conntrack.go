package tune

import "sockeye/internal/diagnose"

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
	if need > uint64(now) && told && buckets > 0 && need/crowded > uint64(buckets) {
		// The kernel rounds up to whole pages of list heads (nf_ct_alloc_hashtable).
		heads := max(m.in.Snapshot.System.PageSize, 4096) / 8
		m.raise(w, bucketsOfTrack, (need+heads-1)/heads*heads, Change{Reason: "conntrack-buckets", Values: v})
	} else if told {
		m.left(bucketsOfTrack, "large-enough", v)
	}
	m.raise(w, trackedName, need, Change{Reason: "conntrack-max", Values: v})
	// Room is what lacks. A shorter time costs idle connections, which nobody can see
	// from here to be worthless: it is told and not planned.
	if held, ok := m.number(establishedName); ok && held > trackedDay {
		m.left(establishedName, "conntrack-established-long", Values{Capacity: uint64(held)})
	} else if ok {
		m.left(establishedName, "short-enough", Values{})
	}
}
