package diagnose

import (
	"cmp"
	"slices"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// bindFailing is the share of a pool from which a bind() that failed is put down
// to it. With more ports to spare the program asked for a range of its own
// (IP_LOCAL_PORT_RANGE), or the failure was over before the look.
const bindFailing = 0.5

// bindLeast is the part of the taken ports that must have been taken with bind()
// for a pool that is full, but of which no failure was seen: connect() shares
// ports between destinations, and where hardly anybody binds nobody misses them.
const bindLeast = 0.1

// bindPortExhaustion: a program binds to its source address before it connects,
// so that all destinations together share one range of ports; bind() then fails
// with EADDRINUSE.
func bindPortExhaustion(x *examination) []*found {
	var out []*found
	passed, told := map[*space]bool{}, map[*space]bool{}
	for _, p := range x.pools { // the fullest of a namespace first
		callers := x.callersOf(p, !passed[p.space])
		passed[p.space] = true
		// Sockets bound to the wildcard fill the pool of each address alike.
		if told[p.space] && len(callers) == 0 && p.own()*2 < len(p.bound) {
			continue
		}
		if f := x.bindsRunOut(p, callers); f != nil {
			out, told[p.space] = append(out, f), true
		}
	}
	return out
}

// own counts the sockets that were bound to this very address.
func (p *bindPool) own() (n int) {
	for _, sk := range p.bound {
		if sk.Local.Addr() == p.laddr {
			n++
		}
	}
	return n
}

// callersOf are the bind() calls that failed for want of a port of this pool.
// Calls for any address count against the fullest pool only.
func (x *examination) callersOf(p *bindPool, fullest bool) []host.Failure {
	if p.share() < bindFailing {
		return nil
	}
	return slices.DeleteFunc(x.bindsRefused(p.space), func(f host.Failure) bool {
		a := f.Addr.Addr().Unmap()
		if a.IsUnspecified() {
			return !fullest
		}
		return a != p.laddr
	})
}

func (x *examination) bindsRunOut(p *bindPool, callers []host.Failure) *found {
	var failed uint64
	for _, c := range callers {
		failed += c.Count
	}
	f := &found{id: "bind-port-exhaustion", ns: p.space.ns.Inode}
	full := p.used >= p.capacity
	switch {
	case failed > 0:
		f.severity, f.certainty = Critical, Proven
	case float64(len(p.bound)) < bindLeast*float64(max(p.used, 1)):
		return nil
	case full && p.exact:
		f.severity, f.certainty = Critical, Proven
	case full:
		f.severity, f.certainty = Critical, Likely
	case p.share() >= portsFull:
		f.severity, f.certainty = Warning, Possible
	default:
		return nil
	}
	f.values = knowledge.Values{Count: uint64(p.used), Capacity: uint64(max(p.capacity, 0)), Share: p.share(),
		Laddr: addrName(p.laddr), Low: p.space.low, High: p.space.high,
		Reserved: uint64(int(p.space.high) - int(p.space.low) + 1 - p.space.rangePorts)}
	low, high, wider := widerRange(p.space.ns.Settings, p.space.low, p.space.high)
	f.values.NewLow, f.values.NewHigh = low, high
	if failed > 0 || full {
		f.values.Kind = "failing"
	}
	f.blamed = x.blameBinds(p, callers)
	f.dests = destinations(p.bound)
	f.facts = append(f.facts, fact{key: "used", value: float64(p.used), source: x.socketSource()})
	told := func(key string, n uint64, source string) {
		v := f.values
		v.Count, v.Other = n, remotes(p.bound)
		f.facts = append(f.facts, fact{key: key, value: float64(n), source: source, values: &v})
	}
	if n := uint64(len(p.bound) - p.idle); n > 0 && p.exact {
		told("bound", n, x.socketSource())
	} else if n > 0 {
		told("inferred", n, x.socketSource())
	}
	if p.idle > 0 {
		told("idle", uint64(p.idle), x.socketSource())
	}
	if failed > 0 {
		v := f.values
		v.Other, v.Window = failed, x.seen.Window
		f.facts = append(f.facts, fact{key: "failed", value: float64(failed), source: x.seen.By, values: &v})
	}
	f.cures = []string{"no-port-at-bind"}
	if p.idle*2 > len(p.bound) {
		f.cures = append(f.cures, "close-on-error")
	} else {
		f.cures = append(f.cures, "reuse-connections")
	}
	if wider {
		f.cures = append(f.cures, "widen-port-range")
	}
	return f
}

// remotes counts the different destinations of sockets.
func remotes(socks []*tcp.Socket) uint64 {
	ends := newCensus(wayThere)
	for _, sk := range socks {
		if sk.Remote.IsValid() {
			ends.number(sk)
		}
	}
	return uint64(len(ends.first))
}

// blameBinds attributes the sockets of a pool: to their owners, or to who is
// remembered as their opener; the rest to those who were seen connecting there,
// else to those whose bind() was seen to fail, since they are who takes ports
// this way. Every such caller is named, also when it holds nothing.
func (x *examination) blameBinds(p *bindPool, callers []host.Failure) []blamed {
	if len(callers) == 0 {
		return x.blame(p.bound)
	}
	byPID := map[int32]*claim{}
	for _, c := range callers {
		if byPID[c.PID] == nil {
			byPID[c.PID] = &claim{pid: c.PID, name: c.Name, cgroup: c.Cgroup}
		}
		byPID[c.PID].weight += c.Count
	}
	failing := make([]claim, 0, len(byPID))
	for _, c := range byPID {
		failing = append(failing, *c)
	}
	slices.SortFunc(failing, func(a, b claim) int { return cmp.Compare(a.pid, b.pid) })

	ns := p.space.ns.Inode
	t := newTally(len(p.bound))
	lost := map[destKey][]*tcp.Socket{}
	var keys []destKey
	for _, sk := range p.bound {
		if x.blameOwn(t, sk) {
			continue
		}
		k := destKey{ns, sk.Remote}
		if lost[k] == nil {
			keys = append(keys, k)
		}
		lost[k] = append(lost[k], sk)
	}
	guessed := false
	for _, k := range keys {
		claims, by := x.claims(k)
		if by != "connect-events" {
			claims, by, guessed = slices.Clone(failing), "failed-calls", true
		}
		t.distribute(lost[k], claims, by, ns)
	}
	for _, c := range failing {
		b := t.of(culpritKey{pid: c.pid}, ns, "failed-calls")
		b.name, b.cgroup = cmp.Or(b.name, c.name), cmp.Or(b.cgroup, c.cgroup)
		if guessed {
			b.by = "failed-calls" // of several ways the weakest is the honest one to name
		}
	}
	out := t.ordered(x)
	x.codeByFailures(out, callers)
	return out
}
