package diagnose

import (
	"net/netip"
	"slices"
	"time"

	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// One look cannot tell a leak from a pool whose idle connections the server has
// closed: those are noticed at their next use (HEALTHY.md H10). A hundred, and a
// fifth of what is established, is worth saying so; a call for action needs
// growth, or hours during which nobody closed them.
const (
	closeWaitHandful = 5 // what any moment may show where no ages are known
	closeWaitSeveral = 3 // worth a word once they stay longer than any close takes
	closeWaitSettled = 5 * time.Second
	closeWaitMany    = 100
	closeWaitShare   = 0.2
	closeWaitStays   = time.Minute
	closeWaitOld     = time.Hour
)

// What the peer has closed an instant ago is still being closed by any program:
// a newcomer counts as growth once it has stayed, or when there are several.
const (
	unclosedStays = 200 * time.Millisecond
	unclosedCame  = 5
)

// unclosed is a close-wait-leak, and the sockets that it speaks of.
type unclosed struct {
	*found
	socks []*tcp.Socket
}

// closeWaitLeak: the peers have closed, the program never does. No timer and no
// setting ends CLOSE_WAIT.
func closeWaitLeak(x *examination) []*found {
	var out []*found
	for _, u := range x.unclosed() {
		out = append(out, u.found)
	}
	if f := x.crowded(); f != nil {
		out = append(out, f)
	}
	return out
}

// unclosed finds the programs that do not close, once for all rules that ask.
func (x *examination) unclosed() []unclosed {
	if x.leftOpen != nil {
		return *x.leftOpen
	}
	held := x.holder()
	parties := x.parties(tcp.CloseWait, func(sk *tcp.Socket) bool { return held(sk) && !answering(sk) })
	resets := x.resets(parties)
	out := []unclosed{}
	for _, p := range parties {
		if f := x.closeWaitOf(p, resets[p.key]); f != nil {
			out = append(out, unclosed{f, slices.Concat(p.now, resets[p.key].now)})
		}
	}
	x.leftOpen = &out
	return out
}

// answering reports whether the program still sends after the peer's FIN: a
// half-closed connection at work and not a forgotten one.
func answering(sk *tcp.Socket) bool {
	const tick = 20 * time.Millisecond // two jiffies of the coarsest clock
	return sk.SendQ > 0 || (sk.Info != nil && sk.Info.LastSend+tick < sk.Info.LastAck)
}

func (x *examination) closeWaitOf(p *party, reset resetPeers) *found {
	all := slices.Concat(p.now, reset.now)
	n, est := len(all), 0
	if n >= closeWaitHandful {
		est = x.peersIn(p.key, tcp.Established)
	}
	old, staying, settled, aged := 0, 0, 0, 0
	for _, sk := range p.now {
		age, ok := quietFor(sk)
		if !ok {
			continue
		}
		aged++
		if age >= closeWaitSettled {
			settled++
		}
		if age >= closeWaitStays {
			staying++
		}
		if age >= closeWaitOld {
			old++
		}
	}
	g, leaks := x.unclosedGrowth(slices.Concat(p.then, reset.then), all)
	files := uint64(0)
	if !leaks && g.stayed >= leakStayed && g.came >= leakCame {
		// Where a reset socket shows in no table, only its descriptor is left to see.
		files = x.filesLeft(p.key)
		leaks = files >= unclosedCame && files*2 >= uint64(g.came)
	}
	blame := x.blame(all)
	x.growthByCode(blame, slices.Concat(p.then, reset.then), all)
	full := x.fillsFiles(blame)
	f := &found{id: "close-wait-leak", severity: Notice, certainty: Possible, ns: p.key.ns, blamed: blame}
	switch many := n >= closeWaitMany && float64(n) >= closeWaitShare*float64(est); {
	case leaks, full != nil:
		f.severity, f.certainty = Warning, Likely
	case many && old >= closeWaitMany && old*2 > n:
		f.severity, f.certainty = Warning, Likely
	case many, staying > 0, settled >= closeWaitSeveral, len(reset.now) >= closeWaitHandful && (x.before == nil || g.stayed >= closeWaitHandful):
	case aged == 0 && n >= closeWaitHandful && (x.before == nil || g.stayed >= closeWaitHandful):
	default:
		return nil
	}
	f.values = knowledge.Values{Count: uint64(n), Total: uint64(len(p.now)), Other: uint64(est), Age: oldest(p.now), Rate: g.perSecond(x.window), State: tcp.CloseWait.String()}
	if p.key.server {
		end := busiestEnd(p.now)
		f.values.Laddr, f.values.Lport, f.values.Dest = addrName(end.Addr()), end.Port(), endName(end)
		f.values.Dests, f.values.Busiest = portsOf(p.now, end.Port())
	} else {
		f.dests = destinations(p.now)
		f.values.Raddr, f.values.Rport, f.values.Dest = f.dests[0].Addr, f.dests[0].Port, destString(f.dests[0])
		f.values.Dests, f.values.Busiest = uint64(len(destinationsOf(p.now))), uint64(f.dests[0].Sockets)
	}
	if !leaks {
		g.came = 0 // what came is going to be closed
	}
	x.closeWaitFacts(f, p, g, len(reset.now), files)
	return f
}

// unclosedGrowth is growth by what is more than an instant old.
func (x *examination) unclosedGrowth(then, now []*tcp.Socket) (g growth, leaks bool) {
	if x.before == nil {
		return growth{}, false
	}
	stayed, came, gone := x.compare(then, now)
	g = growth{len(stayed), len(came), gone}
	settled := 0
	for _, sk := range came {
		if age, ok := quietFor(sk); ok && age >= unclosedStays {
			settled++
		}
	}
	return g, g.leaks() && (settled >= leakCame || g.came >= unclosedCame)
}

func (x *examination) closeWaitFacts(f *found, p *party, g growth, reset int, files uint64) {
	source := x.socketSource()
	add := func(key string, value float64, set func(*knowledge.Values)) {
		v := f.values
		v.Window = x.window
		set(&v)
		f.facts = append(f.facts, fact{key: key, value: value, source: source, values: &v})
	}
	add("count", float64(len(p.now)), func(v *knowledge.Values) { v.Count = uint64(len(p.now)) })
	if reset > 0 {
		add("reset", float64(reset), func(v *knowledge.Values) { v.Count = uint64(reset) })
	}
	if files > 0 {
		add("files", float64(files), func(v *knowledge.Values) { v.Count = files })
	} else if g.came > 0 {
		add("growth", float64(g.came), func(v *knowledge.Values) { v.Count, v.Other = uint64(g.came), uint64(g.gone) })
	} else if g.stayed > 0 {
		add("stayed", float64(g.stayed), func(v *knowledge.Values) { v.Count = uint64(g.stayed) })
	}
	if f.values.Age > 0 {
		add("age", f.values.Age.Seconds(), func(*knowledge.Values) {})
	}
	// One byte unread is the FIN alone, 32 a TLS close and the FIN; a request is more.
	unread := 0
	for _, sk := range p.now {
		if sk.RecvQ > 64 {
			unread++
		}
	}
	stuck := p.key.server && unread*2 > len(p.now)
	if stuck {
		add("unread", float64(unread), func(v *knowledge.Values) { v.Count = uint64(unread) })
	}
	ends := x.otherEnds(p.now, tcp.FinWait2)
	if here := len(ends) - count(ends, nil); here > 0 {
		add("mirror", float64(here), func(v *knowledge.Values) { v.Count = uint64(here) })
	}
	if stuck {
		f.cures = append(f.cures, "free-stuck-threads")
	}
	if p.key.server {
		f.cures = append(f.cures, "close-accepted")
	} else {
		f.cures = append(f.cures, "close-connections")
	}
	if f.severity == Warning && x.os == "linux" {
		f.cures = append(f.cures, "abort-close-wait")
	}
}

// count counts how often v stands in the list.
func count[T comparable](list []T, v T) (n int) {
	for _, e := range list {
		if e == v {
			n++
		}
	}
	return n
}

// busiestEnd is the local end that most of some accepted connections have.
func busiestEnd(socks []*tcp.Socket) (end netip.AddrPort) {
	n := map[netip.AddrPort]int{}
	for _, sk := range socks {
		n[sk.Local]++
		if c := n[sk.Local]; c > n[end] || (c == n[end] && sk.Local.Compare(end) < 0) {
			end = sk.Local
		}
	}
	return end
}

// portsOf counts the local ports of some accepted connections, and how many
// connections came to one of them.
func portsOf(socks []*tcp.Socket, port uint16) (ports, there uint64) {
	seen := map[uint16]struct{}{}
	for _, sk := range socks {
		seen[sk.Local.Port()] = struct{}{}
		if sk.Local.Port() == port {
			there++
		}
	}
	return uint64(len(seen)), there
}
