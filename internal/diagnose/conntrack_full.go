package diagnose

import (
	"time"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// Shares of nf_conntrack_max. The count is no number of sockets: it holds
// forwarded flows and closed ones for minutes (HEALTHY.md H18).
const (
	trackedNear = 0.80
	trackedFull = 0.95
)

// dayOfSilence is how long an established entry needs to be kept at most where
// the table is full: keepalive and pools speak more often than that.
const dayOfSilence = 24 * time.Hour

// conntrackFull: connection tracking has no room; packets that would start a new
// connection are dropped, existing ones go on.
func conntrackFull(x *examination) []*found {
	var out []*found
	for _, s := range x.spaces {
		if f := x.tracked(s); f != nil {
			out = append(out, f)
		}
	}
	return out
}

// tracks is how far connection tracking of a namespace is filled.
type tracks struct{ used, limit uint64 }

func (t tracks) share() float64 { return float64(t.used) / float64(t.limit) }

func (t tracks) near() bool { return t.share() >= trackedNear }

// tracking is not ok where it is unknown, or where there is no limit.
func (s *space) tracking() (t tracks, ok bool) {
	limit, known := s.ns.Settings.Int("net.netfilter.nf_conntrack_max")
	if !known || limit <= 0 || !s.ns.ConntrackCount.Known { // 0: no limit
		return t, false
	}
	return tracks{s.ns.ConntrackCount.Value, uint64(limit)}, true
}

func (x *examination) tracked(s *space) *found {
	t, ok := s.tracking()
	if !ok || !t.near() {
		return nil
	}
	used, limit, share := t.used, t.limit, t.share()
	f := &found{id: "conntrack-full", ns: s.ns.Inode, wide: true, severity: Warning, certainty: Possible}
	var more uint64
	if s.before != nil {
		more = grown(s.before.ConntrackCount.Value, used, s.before.ConntrackCount.Known)
	}
	dropped, evicted := x.trackingDrops(s)
	if share >= trackedFull {
		f.severity = Critical
	}
	switch {
	case used >= limit || dropped > 0 || evicted > 0:
		f.severity, f.certainty = Critical, Proven
	case more > 0:
		f.certainty = Likely
	}
	f.values = knowledge.Values{Count: used, Capacity: limit, Share: share, Limit: limit * 2,
		Age: time.Duration(max(s.setting("net.netfilter.nf_conntrack_tcp_timeout_established", 0), 0)) * time.Second}
	if dropped > 0 || used >= limit {
		f.values.Kind = "dropping"
	}
	f.facts = append(f.facts, fact{key: "used", value: float64(used), source: "/proc/sys/net/netfilter/nf_conntrack_count"})
	told := func(key string, n uint64, source string) {
		v := f.values
		v.Other, v.Window = n, x.window
		f.facts = append(f.facts, fact{key: key, value: float64(n), source: source, values: &v})
	}
	if dropped > 0 {
		told("dropped", dropped, "/proc/net/stat/nf_conntrack")
	}
	if evicted > 0 {
		told("evicted", evicted, "/proc/net/stat/nf_conntrack")
	}
	if more > 0 {
		told("growing", more, "/proc/sys/net/netfilter/nf_conntrack_count")
	}
	var own []*tcp.Socket
	waiting := 0
	for i := range x.now.Sockets {
		sk := &x.now.Sockets[i]
		if sk.NetNS == s.ns.Inode && sk.State.Connected() {
			own = append(own, sk)
			if sk.State == tcp.TimeWait && s.outgoing(sk) {
				waiting++
			}
		}
	}
	if !x.pasted() || len(x.now.Sockets) > 0 {
		told("own", uint64(len(own)), x.socketSource())
	}
	if state, n, listed := mostTracked(s.ns.Tracked); n*2 > listed {
		v := f.values
		v.State, v.Other, v.Total = state, n, listed
		f.facts = append(f.facts, fact{key: "state", value: float64(n), source: "/proc/net/nf_conntrack", values: &v})
	}
	// Where this machine's sockets are few against the entries, they are flows
	// that it forwards, and no program here is to blame.
	if len(own) > 0 && uint64(len(own))*5 >= used {
		f.blamed, f.dests = x.blameEitherSide(own), destinations(own)
		if waiting*2 > len(own) {
			f.cures = append(f.cures, "reuse-connections")
		}
	}
	f.cures = append(f.cures, "raise-conntrack")
	if f.values.Age > dayOfSilence { // it empties nothing now
		f.cures = append(f.cures, "shorter-conntrack")
	}
	return f
}

// trackingDrops is what connection tracking gave up on between the looks. The
// figures are of the namespace that Sockeye runs in.
func (x *examination) trackingDrops(s *space) (dropped, evicted uint64) {
	if x.before == nil || !s.ns.Self {
		return 0, 0
	}
	was, is := &x.before.System.Conntrack, &x.now.System.Conntrack
	d := func(a, b host.Opt) uint64 { return grown(a.Value, b.Value, a.Known && b.Known) }
	return d(was.Drop, is.Drop), d(was.EarlyDrop, is.EarlyDrop)
}

// mostTracked is the state that most of the listed entries are in.
func mostTracked(states map[string]uint64) (state string, n, listed uint64) {
	for s, count := range states {
		listed += count
		if count > n || count == n && s < state {
			state, n = s, count
		}
	}
	return state, n, listed
}

// trackedMost is nf_conntrack_max, where a setting tells it.
func (x *examination) trackedMost() (uint64, bool) {
	for _, s := range x.spaces {
		if limit, ok := s.ns.Settings.Int("net.netfilter.nf_conntrack_max"); ok && limit > 0 && limit < 1<<40 {
			return uint64(limit), true
		}
	}
	return 0, false
}
