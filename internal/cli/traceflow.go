package cli

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
	"sockeye/internal/tcp/filter"
)

// flowKey is a flow, or (with a call) the calls of a process that failed alike.
type flowKey struct {
	pid      int32
	netns    uint64
	cgroup   string
	incoming bool
	remote   netip.AddrPort
	port     uint16 // incoming: the local one
	call     string
}

// flow is what happened to a flow between two readings.
type flow struct {
	flowKey
	name                    string
	opened, failed          uint64
	total                   uint64 // opened since the tracer was attached
	ends                    host.Ends
	sent, received, retrans uint64
	latency, lifetime       host.Histogram
	errno                   uint32 // of the failed calls, the most frequent
	errnos                  uint64 // how many of them
	unanswered              uint64 // SYNs that came to nothing (host.Flow.Failed)
	calls                   uint64 // that failed
	totals                  attempts
	stacks                  []host.Site
	peers                   int // incoming: how many were added up
}

// attempts are counted from two sides. A connect that fails after its SYN is both
// unanswered and a failed call, so that only the calls beyond those can have sent
// none. A program that gives up on a SYN is no failed call: where that happens as
// well, the sums are "at least".
type attempts struct{ opened, unanswered, calls uint64 }

// tried is how many SYNs were sent, and connects failed before one; of incoming
// connections how many came.
func (a attempts) tried() uint64 { return a.opened + a.calls - min(a.calls, a.unanswered) }

// failures is how many of those failed; of other calls how many did.
func (a attempts) failures() uint64 { return max(a.unanswered, a.calls) }

func (f *flow) attempts() attempts { return attempts{f.opened, f.unanswered, f.calls} }

// idle reports that nothing happened.
func (f *flow) idle() bool {
	return f.opened == 0 && f.failed == 0 && f.ends == host.Ends{}
}

// flowReader turns the counts since the beginning into those of each interval.
type flowReader struct {
	flows    map[flowKey]flow
	failures map[failureKey]uint64
}

type failureKey struct {
	flowKey
	errno uint32
}

// next returns what happened since the last reading, nothing left out: a flow
// without any change is idle.
func (r *flowReader) next(a *host.Activity) []flow {
	var flows []flow
	at := map[flowKey]int{}
	read := func(list []host.Flow, incoming bool) {
		for _, now := range list {
			k := flowKey{pid: now.PID, netns: now.NetNS, cgroup: now.Cgroup, incoming: incoming, remote: now.Remote, port: now.Port}
			i, ok := at[k]
			if !ok {
				i = len(flows)
				at[k] = i
				flows = append(flows, flow{flowKey: k})
			}
			flows[i].add(whole(k, now)) // threads of a process may have names of their own
		}
	}
	read(a.Outgoing, false)
	read(a.Incoming, true)
	sums := make(map[flowKey]flow, len(flows))
	for i, f := range flows {
		sums[f.flowKey] = f
		flows[i] = f.since(r.flows[f.flowKey])
	}
	r.flows = sums

	counts := map[failureKey]uint64{}
	for _, f := range a.Failures {
		k := failureKey{flowKey{pid: f.PID, netns: f.NetNS, cgroup: f.Cgroup, remote: f.Addr}, f.Errno}
		if f.Call != "connect" {
			k.call = f.Call
		}
		counts[k] += f.Count
		n := f.Count - min(f.Count, r.failures[k])
		i, ok := at[k.flowKey]
		if !ok {
			i = len(flows)
			at[k.flowKey] = i
			flows = append(flows, flow{flowKey: k.flowKey, name: f.Name})
		}
		flows[i].fail(f, n)
	}
	r.failures = counts
	return flows
}

// whole is a flow since the tracer was attached.
func whole(k flowKey, f host.Flow) flow {
	return flow{flowKey: k, name: f.Name, opened: f.Opened, failed: f.Failed, unanswered: f.Failed, total: f.Opened,
		totals: attempts{opened: f.Opened, unanswered: f.Failed}, ends: f.Ends,
		sent: f.Sent, received: f.Received, retrans: f.Retrans, latency: f.Latency, lifetime: f.Lifetime, stacks: f.Stacks, peers: 1}
}

// since is the difference of two readings. A flow that counts less than before
// was forgotten in between and began anew; opened alone may shrink, by a connect
// that was counted and then found no port.
func (f flow) since(before flow) flow {
	less := false
	f.each(&before, func(now *uint64, before uint64) { less = less || now != &f.opened && *now < before })
	if less && f.opened < before.opened {
		return f
	}
	f.each(&before, func(now *uint64, before uint64) { *now -= min(*now, before) })
	return f
}

// add adds another flow's counts; the stacks are copied, not shared.
func (f *flow) add(g flow) {
	if f.name == "" {
		f.name = g.name
	}
	f.peers += g.peers
	f.total += g.total
	f.totals = attempts{f.totals.opened + g.totals.opened, f.totals.unanswered + g.totals.unanswered, f.totals.calls + g.totals.calls}
	f.each(&g, func(sum *uint64, more uint64) { *sum += more })
	f.stacks = append(slices.Clip(f.stacks), g.stacks...)
}

// each pairs the counts of two flows.
func (f *flow) each(g *flow, do func(*uint64, uint64)) {
	do(&f.opened, g.opened)
	do(&f.failed, g.failed)
	do(&f.unanswered, g.unanswered)
	do(&f.sent, g.sent)
	do(&f.received, g.received)
	do(&f.retrans, g.retrans)
	do(&f.ends.Local, g.ends.Local)
	do(&f.ends.Peer, g.ends.Peer)
	do(&f.ends.LocalReset, g.ends.LocalReset)
	do(&f.ends.LocalLinger, g.ends.LocalLinger)
	do(&f.ends.PeerReset, g.ends.PeerReset)
	do(&f.ends.TimedOut, g.ends.TimedOut)
	for i := range f.latency {
		do(&f.latency[i], g.latency[i])
		do(&f.lifetime[i], g.lifetime[i])
	}
}

// fail adds n calls that failed. A connect() that fails is counted by its flow
// too when a SYN had been prepared: the larger number is right for both.
func (f *flow) fail(calls host.Failure, n uint64) {
	if n > f.errnos {
		f.errno, f.errnos = calls.Errno, n
	}
	f.calls += n
	f.totals.calls += calls.Count
	if f.call != "" {
		f.failed += n
	} else {
		f.failed = max(f.failed, n)
	}
	if len(f.stacks) == 0 {
		f.stacks = calls.Stacks
	}
}

// where sums up the stacks: the line of code that most of them lead to.
func (f *flow) where() (code value, n, of uint64) {
	counts := map[value]uint64{}
	for _, s := range f.stacks {
		v := codeValue(&host.Opener{Stack: s.Stack})
		of += s.Count
		if counts[v] += s.Count; counts[v] > n || counts[v] == n && v.compare(code) < 0 {
			code, n = v, counts[v]
		}
	}
	return code, n, of
}

// busiest orders flows for people and for programs: most opened first, and with
// them what fails as often.
func busiest(a, b flow) int {
	return cmp.Or(cmp.Compare(max(b.opened, b.failed), max(a.opened, a.failed)), cmp.Compare(b.failed, a.failed), cmp.Compare(b.total, a.total),
		cmp.Compare(a.name, b.name), cmp.Compare(a.pid, b.pid), cmp.Compare(b2i(a.incoming), b2i(b.incoming)),
		a.remote.Compare(b.remote), cmp.Compare(a.port, b.port), cmp.Compare(a.call, b.call), cmp.Compare(a.netns, b.netns), cmp.Compare(a.cgroup, b.cgroup))
}

// busiestAttempts orders by what the text shows first.
func busiestAttempts(a, b flow) int {
	x, y := a.attempts(), b.attempts()
	return cmp.Or(cmp.Compare(max(y.tried(), y.failures()), max(x.tried(), x.failures())), busiest(a, b))
}

// byListener adds up the incoming flows of one listener: of a server people ask
// which of its ports is busy, and it may have thousands of peers.
func byListener(flows []flow) []flow {
	var out []flow
	at := map[flowKey]int{}
	for _, f := range flows {
		if !f.incoming {
			out = append(out, f)
			continue
		}
		k := f.flowKey
		k.remote = netip.AddrPort{}
		i, ok := at[k]
		if !ok {
			at[k] = len(out)
			out = append(out, f)
			continue
		}
		out[i].remote = netip.AddrPort{}
		out[i].add(f)
	}
	return out
}

// flowMatcher applies a filter to flows.
type flowMatcher struct {
	expr    filter.Expr
	names   openerNames
	socket  tcp.Socket
	matcher filter.Subject
}

func (m *flowMatcher) match(f *flow) bool {
	code, _, _ := f.where()
	m.names.opener, m.names.age = nil, -1
	if f.pid != 0 {
		m.names.opener = &host.Opener{PID: f.pid, Name: f.name, Cgroup: f.cgroup, Stack: &host.Stack{}}
		switch code.kind {
		case place:
			m.names.opener.Stack.Frames = []host.Frame{{Function: code.text, File: code.file, Line: int(code.n), Own: true}}
		case gapInStack:
			m.names.opener.Stack.Gap = host.Gap(code.text)
		}
	}
	m.socket = tcp.Socket{Local: netip.AddrPortFrom(netip.Addr{}, f.port), Remote: f.remote, NetNS: f.netns, PID: f.pid}
	m.matcher = filter.Subject{Socket: &m.socket, Names: &m.names}
	return m.expr.Match(&m.matcher)
}

// upTo prints a quantile, which is an upper bound.
func upTo(dst []byte, h *host.Histogram, q float64) []byte {
	if h.Count() == 0 {
		return dst
	}
	return appendFineSpan(append(dst, '<'), h.Quantile(q))
}

// perSecond is a rate over the real time that went by.
func perSecond(n uint64, over time.Duration) float64 {
	if over <= 0 {
		return 0
	}
	return float64(n) / over.Seconds()
}
