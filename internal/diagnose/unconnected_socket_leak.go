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
	var out []*found
	if f := x.crowdedBound(); f != nil {
		out = append(out, f)
	}
	for _, p := range x.piles() {
		if f := x.leftUnconnected(p); f != nil {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b *found) int {
		return cmp.Or(cmp.Compare(b.values.Count, a.values.Count), cmp.Compare(a.ns, b.ns), slices.CompareFunc(a.blamed, b.blamed, func(p, q blamed) int { return cmp.Compare(p.pid, q.pid) }))
	})
	return out
}

// pile is what a process holds of sockets that are neither connected nor listening.
type pile struct {
	pid             int32
	ns              uint64
	closed, bound   []*tcp.Socket
	closed0, bound0 []*tcp.Socket // in the first look
	reset           int           // of closed, those that had a peer
	hidden          int           // further ones, that no table shows
}

// piles finds them by process.
func (x *examination) piles() map[int32]*pile {
	told := x.toldUnclosed()
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
			if st == tcp.Bound {
				p.bound = append(p.bound, sk)
				continue
			}
			p.closed = append(p.closed, sk)
			if hadPeer(sk) {
				p.reset++
			}
		}
		for _, sk := range x.stateThen(st) {
			switch p := at[sk.PID]; {
			case p == nil:
			case st == tcp.Bound:
				p.bound0 = append(p.bound0, sk)
			default:
				p.closed0 = append(p.closed0, sk)
			}
		}
	}
	for pid, n := range x.unlistedSockets() {
		if at[pid] == nil && n >= unconnectedMany {
			at[pid] = &pile{pid: pid, ns: x.now.Processes[pid].NetNS}
		}
		if p := at[pid]; p != nil {
			p.hidden = n
		}
	}
	return at
}

// toldUnclosed are the sockets that a close-wait-leak tells of: what a program leaves
// unclosed in CLOSE_WAIT and beyond.
func (x *examination) toldUnclosed() map[*tcp.Socket]bool {
	if len(x.state(tcp.Closed))+len(x.state(tcp.Bound)) == 0 {
		return nil // nothing would ask
	}
	told := map[*tcp.Socket]bool{}
	for _, u := range x.unclosed() {
		for _, sk := range u.socks {
			told[sk] = true
		}
	}
	return told
}

// leftUnconnected judges what one process holds, nil where nothing is to be said.
func (x *examination) leftUnconnected(p *pile) *found {
	all, before := slices.Concat(p.closed, p.bound), slices.Concat(p.closed0, p.bound0)
	g := x.growthOf(before, all)
	n := len(all) + p.hidden
	f := &found{id: "unconnected-socket-leak", severity: Notice, certainty: Possible, ns: p.ns}
	f.blamed = x.blame(all)
	x.growthByCode(f.blamed, before, all)
	if p.hidden > 0 {
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
		return nil
	case n >= unconnectedMany && pressing, g.leaks():
		f.severity, f.certainty = Warning, Likely
	case x.pasted() && n >= unconnectedMany && len(p.bound)*2 < usable: // one glance: programs may be about to use them
	case usable > 0 && len(p.bound) >= unconnectedMany && float64(len(p.bound)) >= boundShare*float64(usable):
		f.severity, f.certainty = Warning, Likely
	case n < unconnectedMany:
		return nil
	}
	f.values = knowledge.Values{Count: uint64(n), Other: uint64(len(p.bound)), Blocked: uint64(len(p.bound)), Usable: uint64(usable), Rate: g.perSecond(x.window)}
	f.cures = []string{"close-on-error"}
	if p.reset*2 > n {
		f.values.Kind = "reset"
		f.cures = []string{"close-accepted", "close-connections"}
	}
	x.unconnectedFacts(f, p, g)
	return f
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

func (x *examination) unconnectedFacts(f *found, p *pile, g growth) {
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
	add("closed", len(p.closed)-p.reset, x.now.Source.OwnersBy)
	add("reset", p.reset, x.now.Source.OwnersBy)
	add("bound", len(p.bound), x.now.Source.OwnersBy)
	add("hidden", p.hidden, "/proc/PID/fd")
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
