package diagnose

import (
	"net/netip"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// Health checkers of load balancers end with a reset on purpose, a few times a
// second. Twenty a second, and half of all connections, is a program's habit.
const (
	resetRate  = 20
	resetShare = 0.5
)

// lingerReset: connections are ended with SO_LINGER 0, which sends RST instead
// of FIN: no TIME_WAIT, but what was not yet delivered is thrown away. Whoever
// watched saw it; else TCPAbortOnData counts exactly that (tcp_close,
// net/ipv4/tcp.c, v6.18; tried), besides data that arrives for a closed socket.
func lingerReset(x *examination) []*found {
	out := x.resetsSeen()
	told := map[uint64]bool{}
	for _, f := range out {
		told[f.ns] = true
	}
	for _, s := range x.spaces {
		aborts, ok := s.delta("TcpExtTCPAbortOnData")
		if !ok || x.window <= 0 || told[s.ns.Inode] {
			continue
		}
		resets, _ := s.delta("TcpOutRsts")
		active, _ := s.delta("TcpActiveOpens")
		passive, _ := s.delta("TcpPassiveOpens")
		rate := float64(aborts) / x.window.Seconds()
		if rate < resetRate || float64(aborts) < resetShare*float64(max(active, passive)) || x.refutesLinger(s, aborts) {
			continue
		}
		f := &found{id: "linger-reset", severity: Notice, certainty: Likely, ns: s.ns.Inode, wide: true}
		f.values = knowledge.Values{Count: aborts, Other: resets, Total: active, Rate: rate}
		x.resetBy(f, s, aborts)
		f.facts = append(f.facts,
			fact{key: "aborts", value: float64(aborts), source: "/proc/net/netstat"},
			fact{key: "resets", value: float64(resets), source: "/proc/net/snmp"},
			fact{key: "opens", value: float64(active), source: "/proc/net/snmp"})
		f.cures = []string{"no-linger-zero", "reuse-connections"}
		out = append(out, f)
	}
	return out
}

// refutesLinger reports whether the ends of connections were watched, every one,
// and most of what the counter rose by was no SO_LINGER 0.
func (x *examination) refutesLinger(s *space, aborts uint64) bool {
	if !x.seenWhole() {
		return false
	}
	var all, lingered uint64
	for _, list := range [][]host.Flow{x.seen.Outgoing, x.seen.Incoming} {
		for i := range list {
			if list[i].NetNS == s.ns.Inode {
				all += ended(list[i].Ends)
				lingered += list[i].Ends.LocalLinger
			}
		}
	}
	return all > 0 && lingered*2 < aborts
}

// resetBy blames who was seen opening about as many connections as were reset,
// to a destination that shows no TIME_WAIT.
func (x *examination) resetBy(f *found, s *space, aborts uint64) {
	if x.seen == nil {
		return
	}
	for _, c := range x.seen.Outgoing {
		if c.NetNS != s.ns.Inode || !somewhere(c.Remote) || c.Opened < c.Failed || float64(c.Opened-c.Failed) < resetShare*float64(aborts) || x.waits(s, c.Remote) {
			continue
		}
		// What was opened are connects: the sockets have gone.
		f.blamed = append(f.blamed, blamed{pid: c.PID, name: c.Name, ns: c.NetNS,
			share: min(1, float64(c.Opened)/float64(aborts)), by: "connect-events"})
		f.dests = append(f.dests, destination(c.Remote, 0))
	}
}

func (x *examination) waits(s *space, remote netip.AddrPort) bool {
	for g := range s.groups() {
		if g.key.remote == remote && g.in(tcp.TimeWait) > 0 {
			return true
		}
	}
	return false
}
