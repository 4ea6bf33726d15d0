package diagnose

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// A connection takes an entry of connection tracking for so long after its end,
// whichever side closed it (net/netfilter/nf_conntrack_proto_tcp.c
// tcp_timeouts[TCP_CONNTRACK_TIME_WAIT], v6.18, unless set otherwise).
const trackedAfterEnd = 2 * time.Minute

// briefest is the shortest lifetime that is told: "at most 0.1 s" is short enough.
const briefest = 100 * time.Millisecond

// churnElsewhere finds short-lived connections that leave no TIME_WAIT at this
// end: their peers close first, or the kernel has no room for TIME_WAIT. They use
// up no port, and are worth a word only where they fill what is nearly full:
// connection tracking, or the TIME_WAIT buckets, where both ends are here.
func (x *examination) churnElsewhere() []*found {
	if x.seen == nil || x.seen.Window <= 0 {
		return nil
	}
	var out []*found
	for _, s := range x.spaces {
		kind, capacity, keeps := s.crowded()
		if kind == "" {
			continue
		}
		if f := x.fleeting(s, kind, capacity, keeps); f != nil {
			out = append(out, f)
		}
	}
	return out
}

// crowded says which limit of a namespace is nearly reached that every connection
// takes from, how much it holds, and for how long each takes of it after its end;
// "" for none.
func (s *space) crowded() (kind string, capacity uint64, keeps time.Duration) {
	if t, ok := s.tracking(); ok && t.near() {
		sec := s.setting("net.netfilter.nf_conntrack_tcp_timeout_time_wait", int64(trackedAfterEnd/time.Second))
		return "tracked", t.limit, time.Duration(sec) * time.Second
	}
	if b, ok := s.buckets(); ok && b.full() {
		return "buckets", b.limit, tcp.TimeWaitLen
	}
	return "", 0, 0
}

// fleeting tells of the destinations of a namespace to which connections were
// seen to be short-lived, and that are not told for their TIME_WAIT already, if
// together they make a tenth of what fills the limit.
func (x *examination) fleeting(s *space, kind string, capacity uint64, keeps time.Duration) *found {
	told := map[netip.AddrPort]bool{}
	for _, b := range x.accounts {
		if b.space == s && x.churns(b) {
			told[b.group.key.remote] = true
		}
	}
	seen := map[netip.AddrPort]*traffic{}
	for i := range x.ours.Outgoing {
		if c := &x.ours.Outgoing[i]; c.NetNS == s.ns.Inode && !told[c.Remote] && somewhere(c.Remote) {
			if seen[c.Remote] == nil {
				seen[c.Remote] = &traffic{}
			}
			seen[c.Remote].flow(c)
		}
	}
	var all traffic
	var dests []netip.AddrPort
	for remote, t := range seen {
		if t.shortLived() {
			all.add(*t)
			dests = append(dests, remote)
		}
	}
	sec := x.seen.Window.Seconds()
	rate := float64(all.opened-all.failed) / sec
	if len(dests) == 0 || rate*keeps.Seconds() < churnShare*float64(capacity) {
		return nil
	}
	slices.SortFunc(dests, func(a, b netip.AddrPort) int {
		return cmp.Or(cmp.Compare(seen[b].opened, seen[a].opened), a.Compare(b))
	})
	f := &found{id: "short-lived-connections", severity: Notice, certainty: Proven, ns: s.ns.Inode,
		rests: uint64(rate * keeps.Seconds())}
	n := ended(all.ends)
	f.values = knowledge.Values{Count: all.opened - all.failed, Total: n, Rate: rate, Dest: endName(dests[0]), Dests: uint64(len(dests)),
		Kind: kind, Plateau: f.rests, Age: max(all.lifetime.Quantile(0.5), briefest), Window: x.seen.Window}
	for _, d := range dests[:min(len(dests), MaxDestinations)] {
		f.dests = append(f.dests, destination(d, 0))
	}
	f.blamed = x.blameFlows(func(c *host.Flow) bool { return c.NetNS == s.ns.Inode && slices.Contains(dests, c.Remote) })
	say := func(key string, n uint64) {
		v := f.values
		v.Count = n
		f.facts = append(f.facts, fact{key: key, value: float64(n), source: x.seen.By, values: &v})
	}
	say("opened", f.values.Count)
	switch {
	case all.ends.Peer*2 > n:
		say("closed-there", all.ends.Peer)
	case all.ends.Local*2 > n:
		say("closed-seen", all.ends.Local)
	}
	f.cures = []string{"reuse-connections"}
	return f
}

// blameFlows blames those whose outgoing connections match, in proportion to how
// many they opened.
func (x *examination) blameFlows(match func(*host.Flow) bool) []blamed {
	by := map[int32]*blamed{}
	opened := map[int32]uint64{}
	var total uint64
	for i := range x.ours.Outgoing {
		c := &x.ours.Outgoing[i]
		if !match(c) {
			continue
		}
		b := by[c.PID]
		if b == nil {
			b = &blamed{pid: c.PID, name: c.Name, ns: c.NetNS, cgroup: c.Cgroup, by: "connect-events"}
			by[c.PID] = b
		}
		x.flowCode(b.code(), *c)
		opened[c.PID] += c.Opened
		total += c.Opened
	}
	out := make([]blamed, 0, len(by))
	for pid, b := range by {
		if total > 0 {
			b.share = float64(opened[pid]) / float64(total)
		}
		out = append(out, *b)
	}
	slices.SortFunc(out, func(a, b blamed) int {
		return cmp.Or(cmp.Compare(b.share, a.share), cmp.Compare(a.pid, b.pid))
	})
	return out
}
