package diagnose

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// blamed is a process's part in a finding.
type blamed struct {
	pid     int32
	name    string // comm, for a process that has gone
	ns      uint64
	sockets int
	share   float64
	byState map[string]int
	by      string // how it was attributed, see Culprit.AttributedBy

	ended  bool    // its process is none that was described, whatever has its pid now
	cgroup string  // of the process, where only a tracer knew it; "" unknown
	places *places // lines of its code, nil without any
}

// blame attributes sockets to processes. Sockets that have an owner count for
// it. TIME_WAIT and other ownerless sockets have lost theirs: they go to whoever
// opened them, where a tracer remembers that; else to the processes that were
// seen connecting to the same destination (events), else to those that hold a
// living connection to it, in proportion; what no evidence covers stays
// unattributed and the shares say so by not adding up to 1.
func (x *examination) blame(sockets []*tcp.Socket) []blamed {
	t := newTally(len(sockets))
	ownerless := make([]*tcp.Socket, 0, len(sockets))
	for _, sk := range sockets {
		if !x.blameOwn(t, sk) {
			ownerless = append(ownerless, sk)
		}
	}
	for w, lost := range groupBy(slices.Values(ownerless), len(ownerless), wayThere).each() {
		claims, by := x.claims(destKey{w.ns, w.remote})
		t.distribute(lost, claims, by, w.ns)
	}
	return t.ordered(x)
}

// blameOwn attributes a socket to its owner, or else to its opener; false where
// neither is known.
func (x *examination) blameOwn(t *tally, sk *tcp.Socket) bool {
	if sk.PID != 0 {
		x.codeOf(t.add(culpritKey{pid: sk.PID}, sk.NetNS, sk.State, "owner"), sk)
		return true
	}
	o, by := x.opener(sk)
	if o == nil {
		return false
	}
	k := culpritKey{pid: o.PID}
	if x.reused(o.PID, x.life(sk).OpenedAt) {
		k.ended = o.Name
		if k.ended == "" {
			k.ended = "?"
		}
	}
	b := t.add(k, sk.NetNS, sk.State, by)
	b.name, b.cgroup = cmp.Or(b.name, o.Name), cmp.Or(b.cgroup, o.Cgroup)
	x.codeOf(b, sk)
	return true
}

// attributions are the ways in which sockets are ascribed to processes, surest first.
var attributions = []string{"owner", "opener", "listener", "connect-events", "same-destination", "loopback-pair"}

// weaker is the later of two ways in attributions: of several ways the weaker is
// the honest one to name.
func weaker(a, b string) string {
	if slices.Index(attributions, b) > slices.Index(attributions, a) {
		return b
	}
	return a
}

type destKey struct {
	ns     uint64
	remote netip.AddrPort
}

// claim is how strongly a process is tied to a destination.
type claim struct {
	pid    int32
	name   string
	cgroup string // "" unknown
	weight uint64
}

// claims finds who connects to a destination, best evidence first.
func (x *examination) claims(k destKey) (claims []claim, by string) {
	if x.seen != nil {
		// A connect() that failed for want of a port opened nothing, and yet shows
		// who goes there: when the ports are used up it is all that can be seen.
		tried := map[int32]*claim{}
		count := func(pid int32, name, cgroup string, n uint64) {
			if c := tried[pid]; c != nil {
				c.weight += n
			} else if n > 0 {
				tried[pid] = &claim{pid, name, cgroup, n}
			}
		}
		there := x.seenAt(k)
		for _, c := range there.connects {
			count(c.PID, c.Name, c.Cgroup, c.Opened)
		}
		for _, f := range there.noPort {
			count(f.PID, f.Name, f.Cgroup, f.Count)
		}
		for _, c := range tried {
			claims = append(claims, *c)
		}
		if len(claims) > 0 {
			return claims, "connect-events"
		}
	}
	for pid, w := range x.livingTo(k) {
		claims = append(claims, claim{pid: pid, weight: w})
	}
	if len(claims) == 0 && x.insideOnly(k) {
		for pid, w := range x.loopbackPairs(k.ns) {
			claims = append(claims, claim{pid: pid, weight: w})
		}
		return claims, "loopback-pair"
	}
	return claims, "same-destination"
}

// insideOnly reports whether a destination is the other end of a pair that a
// program made with itself on loopback: a port that the system chose and nobody
// listens on any more.
func (x *examination) insideOnly(k destKey) bool {
	s := x.space(k.ns)
	return s != nil && k.remote.Addr().IsLoopback() && s.ephemeral(k.remote.Port()) && len(s.listening[k.remote.Port()]) == 0
}

// loopbackPairs counts the living pairs that programs have with themselves on
// loopback, by process.
func (x *examination) loopbackPairs(ns uint64) map[int32]uint64 {
	if x.pairs == nil {
		x.pairs = map[uint64]map[int32]uint64{}
	}
	if by, made := x.pairs[ns]; made {
		return by
	}
	by, ends := map[int32]uint64{}, map[tcp.Tuple]int32{}
	for _, sk := range x.state(tcp.Established) {
		if sk.NetNS != ns || sk.PID == 0 || !sk.Loopback() {
			continue
		}
		ends[sk.Tuple()] = sk.PID
		if ends[sk.Tuple().Reversed()] == sk.PID {
			by[sk.PID]++
		}
	}
	x.pairs[ns] = by
	return by
}

// livingTo counts the connections to a destination that processes hold, in the
// last look, or in the first where the last shows none.
func (x *examination) livingTo(k destKey) map[int32]uint64 {
	if x.living == nil {
		x.living = []*grouping{living(x.now)}
		if x.before != nil {
			x.living = append(x.living, living(x.before))
		}
	}
	for _, look := range x.living {
		if socks := look.goes(way{ns: k.ns, remote: k.remote}); socks != nil {
			n := map[int32]uint64{}
			for _, sk := range socks {
				n[sk.PID]++
			}
			return n
		}
	}
	return nil
}

// living are the connections of a look that have an owner, by destination.
func living(sn *host.Snapshot) *grouping {
	owned := func(sk *tcp.Socket) bool { return sk.PID != 0 && sk.State.Connected() }
	socks := matching(sn.Sockets, owned)
	return groupBy(slices.Values(socks), len(socks), wayThere)
}

// acceptCode adds the lines that accept the connections of a listener.
func (x *examination) acceptCode(b *blamed, l *tcp.Socket) {
	if x.seen == nil {
		return
	}
	for _, c := range x.seen.Incoming {
		if c.PID == b.pid && c.NetNS == l.NetNS && c.Port == l.Local.Port() {
			x.flowCode(b.code(), c)
		}
	}
}

// blameListeners blames the owners of LISTEN sockets, for what a server fails to do.
func (x *examination) blameListeners(listeners []*tcp.Socket, sockets int) []blamed {
	t := newTally(max(sockets, 1))
	for _, l := range listeners {
		for _, pid := range x.now.Owners(l) {
			b := t.of(culpritKey{pid: pid}, l.NetNS, "listener")
			x.acceptCode(b, l)
		}
	}
	out := t.ordered(x)
	for i := range out {
		out[i].sockets, out[i].share = sockets, 1/float64(len(out))
		out[i].byState = map[string]int{}
	}
	return out
}

// destinations counts the remote ends of sockets, most frequent first, ten at most.
func destinations(sockets []*tcp.Socket) []Destination {
	ends := newCensus(func(sk *tcp.Socket) way { return way{remote: sk.Remote} })
	var n []int
	for _, sk := range sockets {
		if !sk.Remote.IsValid() {
			continue
		}
		i := ends.number(sk)
		if i == len(n) {
			n = append(n, 0)
		}
		n[i]++
	}
	return mostFrequent(func(yield func(netip.AddrPort, int) bool) {
		for i, sk := range ends.first {
			if !yield(sk.Remote, n[i]) {
				return
			}
		}
	})
}

// mostFrequent lists destinations by their number of sockets, MaxDestinations at most.
func mostFrequent(n iter.Seq2[netip.AddrPort, int]) []Destination {
	type counted struct {
		end netip.AddrPort
		n   int
	}
	best := make([]counted, 0, MaxDestinations+1) // a map of a million is not sorted for ten
	for end, count := range n {
		c := counted{end, count}
		at, _ := slices.BinarySearchFunc(best, c, func(a, b counted) int {
			return cmp.Or(cmp.Compare(b.n, a.n), a.end.Compare(b.end))
		})
		if at < MaxDestinations {
			best = slices.Insert(best, at, c)[:min(len(best)+1, MaxDestinations)]
		}
	}
	out := make([]Destination, 0, len(best))
	for _, c := range best {
		out = append(out, Destination{addrName(c.end.Addr()), c.end.Port(), c.n})
	}
	return out
}
