package diagnose

import (
	"cmp"
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

// closeWaitLeak: the peers have closed, the program never does. No timer and no
// setting ends CLOSE_WAIT.
func closeWaitLeak(x *examination) []*found {
	held := x.holder()
	var out []*found
	for _, p := range x.parties(tcp.CloseWait, func(sk *tcp.Socket) bool { return held(sk) && !answering(sk) }) {
		if f := x.closeWaitOf(p); f != nil {
			out = append(out, f)
		}
	}
	return out
}

// answering reports whether the program still sends after the peer's FIN: a
// half-closed connection at work and not a forgotten one.
func answering(sk *tcp.Socket) bool {
	const tick = 20 * time.Millisecond // two jiffies of the coarsest clock
	return sk.SendQ > 0 || (sk.Info != nil && sk.Info.LastSend+tick < sk.Info.LastAck)
}

func (x *examination) closeWaitOf(p *party) *found {
	n, est := len(p.now), 0
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
	g := x.growthOf(p.then, p.now)
	blame := x.blame(p.now)
	full := x.fillsFiles(blame)
	f := &found{id: "close-wait-leak", severity: Notice, certainty: Possible, ns: p.key.ns, blamed: blame}
	switch many := n >= closeWaitMany && float64(n) >= closeWaitShare*float64(est); {
	case g.leaks(), full != nil:
		f.severity, f.certainty = Warning, Likely
	case many && old >= closeWaitMany && old*2 > n:
		f.severity, f.certainty = Warning, Likely
	case many, staying > 0, settled >= closeWaitSeveral:
	case aged == 0 && n >= closeWaitHandful && (x.before == nil || g.stayed >= closeWaitHandful):
	default:
		return nil
	}
	f.values = knowledge.Values{Count: uint64(n), Other: uint64(est), Age: oldest(p.now), Rate: g.perSecond(x.window), State: tcp.CloseWait.String()}
	if p.key.server {
		f.dests = localEnds(p.now)
		f.values.Laddr, f.values.Lport = f.dests[0].Addr, f.dests[0].Port
	} else {
		f.dests = destinations(p.now)
		f.values.Raddr, f.values.Rport = f.dests[0].Addr, f.dests[0].Port
	}
	f.values.Dest = destString(f.dests[0])
	x.closeWaitFacts(f, p, g)
	return f
}

func (x *examination) closeWaitFacts(f *found, p *party, g growth) {
	source := x.socketSource()
	add := func(key string, value float64, set func(*knowledge.Values)) {
		v := f.values
		v.Window = x.window
		set(&v)
		f.facts = append(f.facts, fact{key: key, value: value, source: source, values: &v})
	}
	add("count", float64(len(p.now)), func(*knowledge.Values) {})
	if g.leaks() {
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
	f.cures = append(f.cures, "close-connections")
	if f.severity == Warning && x.now.Machine.OS != "windows" {
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

// localEnds counts the local ends of accepted connections, as destinations does
// the remote ones.
func localEnds(socks []*tcp.Socket) []Destination {
	n := map[netip.AddrPort]int{}
	for _, sk := range socks {
		n[sk.Local]++
	}
	out := make([]Destination, 0, len(n))
	for ap, c := range n {
		out = append(out, Destination{ap.Addr().String(), ap.Port(), c})
	}
	slices.SortFunc(out, func(a, b Destination) int {
		return cmp.Or(cmp.Compare(b.Sockets, a.Sockets), cmp.Compare(a.Addr, b.Addr), cmp.Compare(a.Port, b.Port))
	})
	return out[:min(len(out), 10)]
}
