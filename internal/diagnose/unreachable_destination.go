package diagnose

import (
	"slices"

	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// How many unanswered SYNs towards one destination are a finding: twenty, or
// five that are a tenth of all sockets of their process (HEALTHY.md,
// thresholds; one or two are any desktop's). A program that gives up after a
// fraction of a second shows few at a time: then ten attempts without an answer,
// seen failing, and none that lives.
const (
	muteMany   = 20
	muteFew    = 5
	muteShare  = 0.1
	muteFailed = 10

	// More destinations than this in one namespace are told in one finding.
	muteApart = 3
)

// unreachableDestination: the SYNs to a destination are answered neither with an
// acceptance nor with a refusal.
func unreachableDestination(x *examination) []*found {
	var out []*found
	scanned := x.scannedPorts()
	for _, s := range x.spaces {
		var silent, quiet []*opening // quiet: too few each, but perhaps all together
		for _, o := range x.openings() {
			switch {
			case o.space != s || scanned[portOf{s.ns.Inode, o.remote.Port()}]:
			case x.silent(o):
				silent = append(silent, o)
			case o.stuck > 0 && !o.remote.Addr().IsLoopback():
				quiet = append(quiet, o)
			}
		}
		// A program that meets other programs all over the net (file sharing) always
		// waits for some that have left. It is a finding only when nobody answers.
		if len(silent) == 0 && manyTogether(quiet) && s.nobodyAnswers() {
			silent = quiet
		}
		if len(silent) > muteApart {
			out = append(out, x.silence(silent))
			continue
		}
		for _, o := range silent {
			out = append(out, x.silence([]*opening{o}))
		}
	}
	if f := x.crowdedConnects(); f != nil {
		out = append(out, f)
	}
	return out
}

func manyTogether(list []*opening) bool {
	n := 0
	for _, o := range list {
		n += o.stuck
	}
	return n >= muteMany && len(list) > 1
}

// nobodyAnswers reports whether not one outgoing connection that leaves this
// machine is established.
func (s *space) nobodyAnswers() bool {
	for g := range s.groups() {
		if !g.key.remote.Addr().IsLoopback() && g.in(tcp.Established) > 0 {
			return false
		}
	}
	return true
}

// silent reports whether a destination alone is worth a finding.
func (x *examination) silent(o *opening) bool {
	n := o.stuck
	if !o.timed && x.before == nil {
		n = len(o.waiting) // a saved dump without timers
	}
	if n >= muteMany {
		return true
	}
	if n >= muteFew {
		by := map[int32]int{}
		for _, sk := range o.waiting {
			by[sk.PID]++
		}
		for pid, waiting := range by {
			p := x.now.Processes[pid]
			if p != nil && p.Sockets > 0 && waiting >= muteFew && float64(waiting) >= muteShare*float64(p.Sockets) {
				return true
			}
		}
	}
	return x.unansweredCalls(o) >= muteFailed && o.living == 0
}

// unansweredCalls is how many connects were seen to end without any answer.
func (x *examination) unansweredCalls(o *opening) uint64 {
	_, failed, refused := x.connectsTo(o.space.ns.Inode, o.remote)
	_, reset := x.failures(o.space.ns.Inode, "connect", errCONNRESET, o.remote)
	return failed - min(failed, refused+reset)
}

// silence makes one finding of destinations in one namespace that do not answer.
func (x *examination) silence(list []*opening) *found {
	s := list[0].space
	f := &found{id: "unreachable-destination", ns: s.ns.Inode}
	var waiting []*tcp.Socket
	var stuck, again, stayed, living int
	var failed uint64
	var retries uint8
	for _, o := range list {
		waiting = append(waiting, o.waiting...)
		stuck, again, stayed, living = stuck+o.stuck, again+o.again, stayed+o.stayed, living+o.living
		failed += x.unansweredCalls(o)
		retries = max(retries, o.retries)
		if len(f.dests) < 10 {
			f.dests = append(f.dests, destination(o.remote, len(o.waiting)))
		}
	}
	f.severity, f.certainty = Notice, Possible
	switch {
	case failed > 0:
		f.certainty = Proven
	case stayed > 0, retries >= 2: // two repeated SYNs: three seconds of silence
		f.certainty = Likely
	}
	if f.certainty != Possible && (stuck >= muteMany || failed >= muteFailed) {
		f.severity = Warning
	}
	f.values = knowledge.Values{Count: uint64(len(waiting)), Other: uint64(len(list)), Total: uint64(living),
		Dest: endName(list[0].remote), Raddr: addrName(list[0].remote.Addr()), Rport: list[0].remote.Port(),
		Age: s.giveUpAfter(), State: tcp.SynSent.String(), Kind: "some"}
	if len(list) > 1 && s.nobodyAnswers() {
		f.values.Kind = "all"
	}
	if s.tracksNoMore() {
		f.values.Kind = "conntrack"
	}
	f.blamed = x.blame(waiting)
	x.codeByFlows(f)

	say := func(key string, n uint64, limit uint64, source string) {
		v := f.values
		v.Other, v.Limit, v.Window = n, limit, x.window
		if key == "failed" {
			v.Window = x.seen.Window
		}
		f.facts = append(f.facts, fact{key: key, value: float64(n), source: source, values: &v})
	}
	say("waiting", uint64(len(waiting)), 0, x.socketSource())
	if again > 0 {
		say("again", uint64(again), uint64(retries), x.socketSource())
	}
	if stayed > 0 {
		say("stayed", uint64(stayed), 0, x.socketSource())
	}
	if failed > 0 {
		say("failed", failed, 0, x.seen.By)
	}
	if n, ok := s.delta("TcpExtTCPSynRetrans"); ok && n > 0 {
		say("retrans", n, 0, "/proc/net/netstat")
	}
	switch l := x.fullQueue(list); {
	case l != nil:
		f.values.Kind = "queue"
		say("local-queue", uint64(l.RecvQ), uint64(l.SendQ), x.socketSource())
		f.causes = []string{"accept-queue-overflow"}
	case len(list) == 1 && living > 0:
		say("others-live", uint64(living), 0, x.socketSource())
	}
	f.cures = []string{"check-destination", "connect-timeout", "backoff"}
	if f.values.Kind == "conntrack" || f.values.Kind == "queue" { // nothing is left to ask over there
		f.cures = f.cures[1:]
	}
	return f
}

// fullQueue returns the listener of this machine whose full accept queue is what
// keeps the answer back, of several destinations the first one's; nil where one of
// them is not served here, or has room. See queueFull.
func (x *examination) fullQueue(list []*opening) *tcp.Socket {
	var first *tcp.Socket
	for _, o := range list {
		l := o.space.listener(o.remote)
		if l == nil || !x.queueFull(l) || !o.stays() {
			return nil
		}
		if first == nil {
			first = l
		}
	}
	return first
}

// stays reports whether a connection goes to this machine itself: to loopback, or to
// the address that it comes from, which is what Linux chooses for one of its own.
func (o *opening) stays() bool {
	at := o.remote.Addr()
	return at.IsLoopback() || slices.ContainsFunc(o.waiting, func(sk *tcp.Socket) bool { return sk.Local.Addr() == at })
}

// tracksNoMore reports whether connection tracking is as good as full: then SYNs
// are dropped on this machine, whatever the destination would have answered.
func (s *space) tracksNoMore() bool {
	limit := s.setting("net.netfilter.nf_conntrack_max", 0)
	return limit > 0 && s.ns.ConntrackCount.Known && float64(s.ns.ConntrackCount.Value) >= trackedFull*float64(limit)
}
