package diagnose

import (
	"cmp"
	"slices"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// Programs make sockets a moment before they connect them, and some keep a few
// in store: fifty at once are neither. Ports held by bind() count from a tenth
// of the range on.
const (
	unconnectedMany = 50
	unconnectedGrow = 20
	boundShare      = 0.1
)

// unconnectedSocketLeak: sockets that are neither connected nor listening, which
// netstat and most tools do not show: made and forgotten, or left over from a
// connection that failed. Those that took a port with bind() keep it from
// every connect().
func unconnectedSocketLeak(x *examination) []*found {
	type pile struct {
		pid               int32
		ns                uint64
		closed, bound     []*tcp.Socket
		closedWas, bound0 []*tcp.Socket
		reset             int // of closed, those that had a peer
	}
	// What a program leaves unclosed in CLOSE_WAIT and beyond is told there.
	told := map[*tcp.Socket]bool{}
	for _, u := range x.unclosed() {
		if len(x.state(tcp.Closed))+len(x.state(tcp.Bound)) == 0 {
			break // nothing would ask
		}
		for _, sk := range u.socks {
			told[sk] = true
		}
	}
	ofConnection := x.boundToConnect()
	at := map[int32]*pile{}
	for _, st := range []tcp.State{tcp.Closed, tcp.Bound} {
		for _, sk := range x.state(st) {
			if sk.PID == 0 && st == tcp.Closed || told[sk] || ofConnection(sk) {
				continue
			}
			p := at[sk.PID]
			if p == nil {
				p = &pile{pid: sk.PID, ns: sk.NetNS}
				at[sk.PID] = p
			}
			if st == tcp.Closed {
				p.closed = append(p.closed, sk)
				if hadPeer(sk) {
					p.reset++
				}
			} else {
				p.bound = append(p.bound, sk)
			}
		}
		for _, sk := range x.stateThen(st) {
			if p := at[sk.PID]; p != nil {
				if st == tcp.Closed {
					p.closedWas = append(p.closedWas, sk)
				} else {
					p.bound0 = append(p.bound0, sk)
				}
			}
		}
	}
	unlisted := x.unlistedSockets()
	for pid, n := range unlisted {
		if at[pid] == nil && n >= unconnectedMany {
			at[pid] = &pile{pid: pid, ns: x.now.Processes[pid].NetNS}
		}
	}
	var out []*found
	if f := x.crowdedBound(); f != nil {
		out = append(out, f)
	}
	for _, p := range at {
		all := slices.Concat(p.closed, p.bound)
		g := x.growthOf(slices.Concat(p.closedWas, p.bound0), all)
		hidden := unlisted[p.pid]
		n := len(all) + hidden
		f := &found{id: "unconnected-socket-leak", severity: Notice, certainty: Possible, ns: p.ns}
		f.blamed = x.blame(all)
		x.growthByCode(f.blamed, slices.Concat(p.closedWas, p.bound0), all)
		if hidden > 0 {
			f.blamed = []blamed{{pid: p.pid, ns: p.ns, sockets: n, share: 1, by: "owner"}}
			if pr := x.process(p.pid); pr != nil {
				f.blamed[0].name = pr.Name
			}
		}
		usable := 0
		if s := x.space(p.ns); s != nil {
			usable = s.rangePorts
		}
		pressing := x.fillsFiles(f.blamed) != nil
		switch {
		case n < unconnectedGrow:
			continue
		case n >= unconnectedMany && pressing, g.leaks():
			f.severity, f.certainty = Warning, Likely
		case x.pasted() && n >= unconnectedMany && len(p.bound)*2 < usable: // one glance: programs may be about to use them
		case usable > 0 && len(p.bound) >= unconnectedMany && float64(len(p.bound)) >= boundShare*float64(usable):
			f.severity, f.certainty = Warning, Likely
		case n < unconnectedMany:
			continue
		}
		f.values = knowledge.Values{Count: uint64(n), Other: uint64(len(p.bound)), Blocked: uint64(len(p.bound)), Usable: uint64(usable), Rate: g.perSecond(x.window)}
		f.cures = []string{"close-on-error"}
		if p.reset*2 > n {
			f.values.Kind = "reset"
			f.cures = []string{"close-accepted", "close-connections"}
		}
		x.unconnectedFacts(f, len(p.closed)-p.reset, p.reset, len(p.bound), hidden, g)
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b *found) int {
		return cmp.Or(cmp.Compare(b.values.Count, a.values.Count), cmp.Compare(a.ns, b.ns), slices.CompareFunc(a.blamed, b.blamed, func(p, q blamed) int { return cmp.Compare(p.pid, q.pid) }))
	})
	return out
}

// boundToConnect returns what tells whether a bound socket is the shadow of a
// connection: Windows lists one beside each connection that was opened here, with
// the same port.
func (x *examination) boundToConnect() func(*tcp.Socket) bool {
	if x.os != "windows" || len(x.state(tcp.Bound)) == 0 {
		return func(*tcp.Socket) bool { return false }
	}
	var used host.Ports
	for i := range x.now.Sockets {
		if sk := &x.now.Sockets[i]; sk.State.Connected() {
			used.Add(sk.Local.Port())
		}
	}
	return func(sk *tcp.Socket) bool { return sk.State == tcp.Bound && used.Has(sk.Local.Port()) }
}

func (x *examination) unconnectedFacts(f *found, closed, reset, bound, hidden int, g growth) {
	add := func(key string, n int, source string) {
		if n == 0 {
			return
		}
		v := f.values
		v.Count, v.Window = uint64(n), x.window
		if key == "growth" {
			v.Other = uint64(g.gone)
		}
		f.facts = append(f.facts, fact{key: key, value: float64(n), source: source, values: &v})
	}
	add("closed", closed, x.now.Source.OwnersBy)
	add("reset", reset, x.now.Source.OwnersBy)
	add("bound", bound, x.now.Source.OwnersBy)
	add("hidden", hidden, "/proc/PID/fd")
	if g.leaks() {
		add("growth", g.came, x.now.Source.OwnersBy)
	}
}

// unlistedSockets counts, for each process, the TCP sockets among its
// descriptors that no table shows: where the source lists neither CLOSED nor
// BOUND sockets, that is all there is to see of them.
func (x *examination) unlistedSockets() map[int32]int {
	if len(x.state(tcp.Closed))+len(x.state(tcp.Bound)) > 0 {
		return nil
	}
	suspects := map[int32]int{}
	for pid, p := range x.now.Processes {
		if p.Sockets >= unconnectedMany {
			suspects[pid] = p.Sockets
		}
	}
	if len(suspects) == 0 {
		return nil
	}
	for i := range x.now.Sockets {
		for _, pid := range x.now.Owners(&x.now.Sockets[i]) {
			if _, ok := suspects[pid]; ok {
				suspects[pid]--
			}
		}
	}
	for pid, n := range suspects {
		if n <= 0 {
			delete(suspects, pid)
		}
	}
	return suspects
}
