package diagnose

import (
	"fmt"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// bucketsNear is the share of tcp_max_tw_buckets from which it is worth a
// notice. Reaching the limit makes sockets skip TIME_WAIT, which programs rarely
// feel, so nothing here is ever critical.
const bucketsNear = 0.9

// timeWaitBucketsFull: more TIME_WAIT than tcp_max_tw_buckets allows; further
// ones are ended early and lose their protection against stray segments.
func timeWaitBucketsFull(x *examination) []*found {
	var out []*found
	for _, s := range x.spaces {
		if f := s.bucketsFull(x); f != nil {
			out = append(out, f)
		}
	}
	return out
}

// buckets is how far a namespace's TIME_WAIT sockets are from their limit.
type buckets struct {
	used  host.Opt
	limit uint64
	over  uint64 // how many more than that there were to be, between the looks
}

func (b buckets) full() bool { return b.near() && (b.over > 0 || b.used.Value >= b.limit) }

func (b buckets) near() bool {
	return b.over > 0 || b.used.Known && b.used.Value > 0 && float64(b.used.Value) >= bucketsNear*float64(b.limit)
}

func (s *space) buckets() (b buckets, ok bool) {
	limit, known := s.ns.Settings.Int("net.ipv4.tcp_max_tw_buckets")
	if !known || limit < 0 {
		return b, false
	}
	over, _ := s.delta("TcpExtTCPTimeWaitOverflow")
	return buckets{s.timeWaits(), uint64(limit), over}, true
}

// timeWaits is the kernel's own count of a namespace's TIME_WAIT sockets; without
// it, as in most texts, those that were seen.
func (s *space) timeWaits() host.Opt {
	if seen := s.byState[tcp.TimeWait]; !s.ns.TimeWait.Known && seen > 0 {
		return host.Some(uint64(seen))
	}
	return s.ns.TimeWait
}

func (s *space) bucketsFull(x *examination) *found {
	b, ok := s.buckets()
	if !ok || !b.near() {
		return nil
	}
	used, limit, over := b.used, b.limit, b.over
	f := &found{id: "time-wait-buckets-full", ns: s.ns.Inode, wide: true, severity: Notice, certainty: Possible}
	if b.full() {
		f.severity, f.certainty = Warning, Proven
	}
	f.values = knowledge.Values{Count: used.Value, Capacity: limit, Limit: ownBuckets(s, limit),
		Setting: "net.ipv4.tcp_max_tw_buckets"}
	if limit > 0 {
		f.values.Share = float64(used.Value) / float64(limit)
	}
	if used.Known {
		source := "/proc/net/sockstat"
		if !s.ns.TimeWait.Known {
			source = x.socketSource()
		}
		f.facts = append(f.facts, fact{key: "used", value: float64(used.Value), source: source})
	}
	if over > 0 {
		v := f.values
		v.Other, v.Window = over, x.window
		f.facts = append(f.facts, fact{key: "overflow", value: float64(over), source: "/proc/net/netstat", values: &v})
	}
	waiting, opened := s.timeWaiting(x)
	own, known := s.defaultBuckets()
	lowered := known && limit < own
	switch {
	case lowered && len(waiting) > 0:
		f.causes = append(f.causes, "harmful-setting") // which tells the kernel's own value
	case lowered:
		v := f.values
		v.Other = own
		f.facts = append(f.facts, fact{key: "lowered", value: float64(limit), source: "/proc/sys/net/ipv4/tcp_max_tw_buckets", values: &v})
	}
	f.blamed = x.blameEitherSide(waiting)
	if opened*2 > len(waiting) {
		f.dests = destinations(waiting)
		f.cures = append(f.cures, "reuse-connections")
	}
	if lowered {
		// The same remedy as the cause's: a report that shows both says it once.
		f.values.Wanted = fmt.Sprintf("%s=%d", f.values.Setting, own)
		f.cures = append(f.cures, "restore-settings")
	} else {
		f.cures = append(f.cures, "raise-tw-buckets")
	}
	return f
}

// timeWaiting returns a namespace's TIME_WAIT sockets and how many of them were
// opened from here.
func (s *space) timeWaiting(x *examination) (list []*tcp.Socket, opened int) {
	for i := range x.now.Sockets {
		if sk := &x.now.Sockets[i]; sk.State == tcp.TimeWait && sk.NetNS == s.ns.Inode {
			list = append(list, sk)
			if s.outgoing(sk) {
				opened++
			}
		}
	}
	return list, opened
}

// defaultBuckets is what the kernel sets by itself: half the entries of the
// hash of established sockets (net/ipv4/tcp_ipv4.c tcp_sk_init, v6.18). The
// entries are negative in a namespace that shares the first one's hash
// (Documentation/networking/ip-sysctl.rst, tcp_ehash_entries; Linux 6.1).
func (s *space) defaultBuckets() (n uint64, known bool) {
	entries, ok := s.ns.Settings.Int("net.ipv4.tcp_ehash_entries")
	if !ok || entries == 0 {
		return 0, false
	}
	if entries < 0 {
		entries = -entries
	}
	return uint64(entries) / 2, true
}

// ownBuckets proposes a limit: the kernel's own where it was lowered, else twice
// what there is.
func ownBuckets(s *space, limit uint64) uint64 {
	if own, known := s.defaultBuckets(); known && own > limit {
		return own
	}
	return max(limit*2, 65536)
}
