package diagnose

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// scanLeast is how many machines a program must be calling at once, on the same
// port and mostly in vain, to look like a scan. A browser that restores its tabs
// or a monitor whose rack lost power calls a few dozen; a worm, hundreds.
const scanLeast = 50

// portOf names a remote port as seen from a namespace.
type portOf struct {
	ns   uint64
	port uint16
}

// scan is one process that calls many machines on the same port.
type scan struct {
	space    *space
	port     uint16
	pid      int32
	name     string
	cgroup   string
	code     *places // where it was seen calling from
	machines map[netip.Addr]bool
	waiting  []*tcp.Socket
	again    int                 // with a repeated SYN
	fresh    int                 // machines that were not being called in the first look
	seen     int                 // machines seen being called while the window was open
	opened   uint64              // SYNs seen
	answered int                 // machines of that port that ever answered this namespace
	replied  map[netip.Addr]bool // machines seen to answer while the window was open
	vain     map[netip.Addr]bool // machines that are waited for, or that calls failed to
}

// connectionScan: SYNs to very many machines on the same port: a worm, or a
// scanner or monitor that somebody started on purpose.
func connectionScan(x *examination) []*found {
	var out []*found
	for _, c := range x.scans() {
		f := &found{id: "connection-scan", ns: c.space.ns.Inode, severity: Notice, certainty: Possible}
		switch {
		case c.seen >= scanLeast:
			f.severity, f.certainty = Warning, Proven
		case c.fresh > 0, c.again*2 > len(c.waiting):
			f.severity, f.certainty = Warning, Likely
		}
		f.values = knowledge.Values{Count: uint64(len(c.machines)), Total: uint64(len(c.waiting)), Other: uint64(c.answered),
			Rport: c.port, State: tcp.SynSent.String()}
		if name, ok := (*tcp.Services)(nil).Name(c.port); ok {
			f.values.Known = name
		}
		if len(c.waiting) > 0 {
			f.blamed = x.blame(c.waiting)
			var called int
			f.dests, called = calledMost(c.waiting)
			f.values.Dests = uint64(called)
			v := f.values
			v.Count = f.values.Dests
			f.facts = append(f.facts, fact{key: "waiting", value: float64(len(c.waiting)), source: x.socketSource(), values: &v})
			if listed := len(f.dests); listed < called {
				v := f.values
				v.Other = uint64(listed)
				f.facts = append(f.facts, fact{key: "more", value: float64(called - listed), source: x.socketSource(), values: &v})
			}
		} else {
			f.blamed = []blamed{{pid: c.pid, name: c.name, ns: c.space.ns.Inode, share: 1, by: "connect-events", cgroup: c.cgroup}}
		}
		for i := range f.blamed {
			if b := &f.blamed[i]; b.pid == c.pid && !b.coded() {
				b.places = c.code
			}
		}
		tell := func(key string, n int, source string) {
			v := f.values
			v.Other, v.Window = uint64(n), x.window
			if key == "seen" {
				v.Window, v.Count = x.seen.Window, c.opened
			}
			f.facts = append(f.facts, fact{key: key, value: float64(n), source: source, values: &v})
		}
		if c.again > 0 {
			tell("again", c.again, x.socketSource())
		}
		if c.fresh > 0 {
			tell("fresh", c.fresh, x.socketSource())
		}
		if c.seen > 0 {
			tell("seen", c.seen, x.seen.By)
		}
		tell("answered", c.answered, x.socketSource())
		f.cures = []string{"find-scanner", "limit-parallel-connects"}
		out = append(out, f)
	}
	return out
}

// calledMost lists the remote ends of sockets, most frequent first and then in
// the order of their addresses, which shows how a scan proceeds: ten at most,
// and how many there are.
func calledMost(sockets []*tcp.Socket) (list []Destination, all int) {
	n := map[netip.AddrPort]int{}
	for _, sk := range sockets {
		if sk.Remote.IsValid() {
			n[sk.Remote]++
		}
	}
	ends := slices.SortedFunc(maps.Keys(n), func(a, b netip.AddrPort) int {
		return cmp.Or(cmp.Compare(n[b], n[a]), a.Compare(b))
	})
	for _, end := range ends[:min(len(ends), MaxDestinations)] {
		list = append(list, destination(end, n[end]))
	}
	return list, len(ends)
}

// scannedPorts are the ports that a scan explains, so that its dead ends are
// not told once more as unreachable destinations.
func (x *examination) scannedPorts() map[portOf]bool {
	out := map[portOf]bool{}
	for _, c := range x.scans() {
		out[portOf{c.space.ns.Inode, c.port}] = true
	}
	return out
}

// scans finds the processes that call many machines on one port, most first.
func (x *examination) scans() []*scan {
	type key struct {
		portOf
		pid int32
	}
	by := map[key]*scan{}
	at := func(s *space, port uint16, pid int32) *scan {
		k := key{portOf{s.ns.Inode, port}, pid}
		if by[k] == nil {
			by[k] = &scan{space: s, port: port, pid: pid, machines: map[netip.Addr]bool{},
				replied: map[netip.Addr]bool{}, vain: map[netip.Addr]bool{}, code: newPlaces()}
		}
		return by[k]
	}
	called := map[destKey]bool{} // in the first look
	for _, sk := range x.stateThen(tcp.SynSent) {
		called[destKey{sk.NetNS, sk.Remote}] = true
	}
	for _, o := range x.openings() {
		for _, sk := range o.waiting {
			c := at(o.space, o.remote.Port(), sk.PID)
			c.waiting = append(c.waiting, sk)
			if !c.machines[o.remote.Addr()] && x.before != nil && !called[destKey{o.space.ns.Inode, o.remote}] {
				c.fresh++
			}
			c.machines[o.remote.Addr()], c.vain[o.remote.Addr()] = true, true
			if sk.Timer.Retries > 0 {
				c.again++
			}
		}
	}
	if x.seen != nil {
		for _, call := range x.ours.Outgoing {
			if s := x.space(call.NetNS); s != nil && call.Opened > 0 && somewhere(call.Remote) {
				c := at(s, call.Remote.Port(), call.PID)
				c.machines[call.Remote.Addr()] = true
				switch failed := min(call.Failed, call.Opened); {
				case failed > 0:
					c.vain[call.Remote.Addr()] = true
				case !c.vain[call.Remote.Addr()]: // nothing failed and nothing waits: it was answered
					c.replied[call.Remote.Addr()] = true
				}
				c.name, c.cgroup = call.Name, call.Cgroup
				x.flowCode(c.code, call)
				c.seen++
				c.opened += call.Opened
			}
		}
	}
	var out []*scan
	for _, c := range by {
		if len(c.machines) < scanLeast {
			continue
		}
		c.answered = c.space.answered(c.port, c.replied)
		if c.answered*2 >= len(c.machines) || len(c.vain)*2 < len(c.machines) {
			continue // a crawler, a proxy: most do answer
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b *scan) int {
		return cmp.Or(cmp.Compare(len(b.machines), len(a.machines)), cmp.Compare(a.space.ns.Inode, b.space.ns.Inode),
			cmp.Compare(a.port, b.port), cmp.Compare(a.pid, b.pid))
	})
	return out
}

// answered is how many machines ever answered on a port: those whose connections
// are still there, and those that were seen to.
func (s *space) answered(port uint16, seen map[netip.Addr]bool) int {
	machines := maps.Clone(seen)
	for g := range s.groups() {
		if g.key.remote.Port() == port && g.total() > g.in(tcp.SynSent) {
			machines[g.key.remote.Addr()] = true
		}
	}
	return len(machines)
}
