package diagnose

import (
	"cmp"
	"slices"

	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// Clients of the internet vanish while a server closes: far below one in a
// hundred is everyday (HEALTHY.md H13). A twentieth is not, and it is worth an
// alarm once it grows.
const (
	closingRetries = 3
	closingMany    = 20
	closingShare   = 0.05
	closingAlarm   = 100
)

// stuckClosing: the program has closed, but the peer does not acknowledge the
// last data or the FIN; the kernel keeps the socket and retransmits for minutes.
func stuckClosing(x *examination) []*found {
	var out []*found
	for _, s := range x.spaces {
		if f := x.stuckClosingIn(s); f != nil {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b *found) int { return cmp.Compare(a.ns, b.ns) })
	return out
}

func (x *examination) stuckClosingIn(s *space) *found {
	closing := s.byState[tcp.FinWait1] + s.byState[tcp.LastAck] + s.byState[tcp.Closing]
	if closing < closingMany {
		return nil
	}
	var now, then []*tcp.Socket
	match := func(sk *tcp.Socket) bool {
		return sk.NetNS == s.ns.Inode && !sk.Remote.Addr().IsLoopback() &&
			(sk.Timer.Kind == tcp.TimerOn && sk.Timer.Retries >= closingRetries || sk.Timer.Kind == tcp.TimerPersist)
	}
	for _, st := range []tcp.State{tcp.FinWait1, tcp.LastAck, tcp.Closing} {
		now = append(now, only(x.state(st), match)...)
		then = append(then, only(x.stateThen(st), match)...)
	}
	n, living := len(now), s.byState[tcp.Established]
	if n < closingMany || float64(n) < closingShare*float64(n+living) {
		return nil
	}
	g := x.growthOf(then, now)
	f := &found{id: "stuck-closing", severity: Notice, certainty: Likely, ns: s.ns.Inode}
	if x.before == nil {
		f.certainty = Possible
	}
	if n >= closingAlarm && g.leaks() {
		f.severity = Warning
	}
	var accepted, opened []*tcp.Socket
	var bytes uint64
	for _, sk := range now {
		bytes += uint64(sk.SendQ)
		if s.outgoing(sk) {
			opened = append(opened, sk)
		} else {
			accepted = append(accepted, sk)
		}
	}
	f.dests = destinations(now)
	if len(opened) >= len(accepted) {
		f.blamed = x.blame(opened)
	} else {
		f.blamed = x.blameListeners(x.listenersOf(accepted), len(accepted))
		f.values.Lport = accepted[0].Local.Port()
	}
	lport := f.values.Lport
	f.values = knowledge.Values{Count: uint64(n), Other: bytes, Total: uint64(living), Lport: lport,
		Value: s.ns.Settings["net.ipv4.tcp_orphan_retries"], Rate: g.perSecond(x.window)}
	source := x.socketSource()
	f.facts = append(f.facts, fact{key: "count", value: float64(n), source: source})
	if bytes > 0 {
		f.facts = append(f.facts, fact{key: "unsent", value: float64(bytes), source: source})
	}
	if g.leaks() {
		v := f.values
		v.Count, v.Other, v.Window = uint64(g.came), uint64(g.gone), x.window
		f.facts = append(f.facts, fact{key: "growth", value: float64(g.came), source: source, values: &v})
	}
	f.cures = []string{"close-gently"}
	if x.now.Machine.OS != "windows" {
		f.cures = append(f.cures, "orphan-retries")
	}
	return f
}
