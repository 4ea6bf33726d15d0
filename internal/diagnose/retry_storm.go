package diagnose

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// A program that tries again without a pause fails hundreds or thousands of
// times a second (stormPauseless); ten a second at one destination are out of
// reach of anything that waits even a second between attempts, pools of a few
// workers included. Most attempts there must fail, or it is merely a busy client
// with some bad luck.
const (
	stormRate  = 10.0
	stormShare = 0.5
	// From here on it is "without a pause": a pool of ten would wait less than 0.1 s.
	stormPauseless = 100.0
	// Where only the namespace's counters are known, failures of incoming
	// handshakes are among them (TcpAttemptFails counts both); so more is asked.
	stormShareOfCounters = 0.8
	// Failing at more destinations than this is no storm but a search.
	stormDestinations = 20
)

// storm is the failed connects of one program to the destinations where they
// fail fast: pre-forked workers that fail alike are one storm.
type storm struct {
	ns             uint64
	pid            int32 // the least of them
	name           string
	byPID          map[int32]uint64
	opened, failed uint64
	byErrno        map[uint32]uint64
	byRemote       map[netip.AddrPort]uint64
	code           map[int32]*places
	cgroups        map[int32]string
}

// retryStorm: connects that fail and are tried again at once.
func retryStorm(x *examination) []*found {
	if x.seen == nil || x.seen.Window <= 0 {
		return x.stormsByCounters()
	}
	var out []*found
	for _, s := range x.storms() {
		f := &found{id: "retry-storm", severity: Warning, certainty: Proven, ns: s.ns}
		f.blamed, f.dests = s.blamed(), x.stormDests(s)
		errno, most := uint32(0), uint64(0)
		for e, n := range s.byErrno {
			if n > most || (n == most && e < errno) {
				errno, most = e, n
			}
		}
		f.values = knowledge.Values{Count: s.failed, Total: s.opened, Other: uint64(len(s.byRemote)),
			Rate: float64(s.failed) / x.seen.Window.Seconds(), Errno: errno, Known: errnoName(errno), Call: "connect"}
		if len(f.dests) > 0 {
			f.values.Raddr, f.values.Rport = f.dests[0].Addr, f.dests[0].Port
		}
		if f.values.Rate >= stormPauseless {
			f.values.Kind = "at-once"
		}
		v := f.values
		v.Window = x.seen.Window
		f.facts = append(f.facts, fact{key: "failed", value: float64(s.failed), source: x.seen.By, values: &v})
		if most > 0 {
			e := v
			e.Count = most
			f.facts = append(f.facts, fact{key: "errno", value: float64(errno), source: x.seen.By, values: &e})
		}
		f.facts = append(f.facts, x.attemptCounters(x.space(s.ns))...)
		f.cures = []string{"backoff"}
		if f.values.Raddr != "" {
			f.cures = append(f.cures, stormCures(errno)...)
		}
		out = append(out, f)
	}
	return out
}

// stormCures are what to look after where connects fail with an errno; 0: it is
// not known why.
func stormCures(errno uint32) []string {
	switch errno {
	case errCONNREFUSED:
		return []string{"check-listener"}
	case errNETUNREACH, errHOSTUNREACH:
		return []string{"check-route"}
	case errTIMEDOUT, 0:
		return []string{"check-destination"}
	}
	return nil
}

// stormDests lists where a storm goes, the destination that failed most first. A
// destination's number is of its sockets now, not of its failures.
func (x *examination) stormDests(s *storm) []Destination {
	waiting := map[netip.AddrPort]int{}
	for _, sk := range x.state(tcp.SynSent) {
		if _, ours := s.byPID[sk.PID]; ours && sk.NetNS == s.ns {
			waiting[sk.Remote]++
		}
	}
	remotes := slices.SortedFunc(maps.Keys(s.byRemote), func(a, b netip.AddrPort) int {
		return cmp.Or(cmp.Compare(s.byRemote[b], s.byRemote[a]), a.Compare(b))
	})
	var out []Destination
	for _, r := range remotes {
		if somewhere(r) && len(out) < 10 {
			out = append(out, destination(r, waiting[r]))
		}
	}
	return out
}

// blamed lists the processes of a storm, the one that failed most first.
func (s *storm) blamed() []blamed {
	var sum uint64
	for _, n := range s.byPID {
		sum += n
	}
	var out []blamed
	for pid, n := range s.byPID {
		if n > 0 {
			out = append(out, blamed{pid: pid, name: s.name, ns: s.ns, share: float64(n) / float64(sum), by: "connect-events",
				cgroup: s.cgroups[pid], places: s.code[pid]})
		}
	}
	slices.SortFunc(out, func(a, b blamed) int {
		return cmp.Or(cmp.Compare(b.share, a.share), cmp.Compare(a.pid, b.pid))
	})
	return out
}

// exhausted lists the destinations without a free local port: that connects to
// them fail at once is port-exhaustion's own fact and no storm of its own.
func (x *examination) exhausted() map[destKey]bool {
	out := map[destKey]bool{}
	for _, b := range x.accounts {
		if b.exhausted() {
			out[destKey{b.space.ns.Inode, b.group.key.remote}] = true
		}
	}
	for _, s := range x.spaces {
		if s.hasRange && s.rangePorts-s.heldCount <= 0 { // whatever the destination
			out[destKey{ns: s.ns.Inode}] = true
		}
	}
	return out
}

// storms finds the programs whose connects to a destination fail fast, fastest
// first. The rate is that at one destination: a monitor with many targets tries
// each of them once in a while.
func (x *examination) storms() []*storm {
	full, who := x.exhausted(), x.callers()
	elsewhere := map[caller]uint64{} // connects that did not fail, and may have gone to any destination
	by := map[caller]map[netip.AddrPort]*attempts{}
	names := map[caller]string{}
	at := func(ns uint64, pid int32, name string, remote netip.AddrPort) *attempts {
		k := who(ns, pid, name)
		if by[k] == nil {
			by[k], names[k] = map[netip.AddrPort]*attempts{}, name
		}
		if by[k][remote] == nil {
			by[k][remote] = newAttempts()
		}
		return by[k][remote]
	}
	for _, fl := range x.ours.Failures {
		if fl.Call != "connect" || fallsBack(fl) || (fl.Errno == errADDRNOTAVAIL && (full[destKey{fl.NetNS, fl.Addr}] || full[destKey{ns: fl.NetNS}])) {
			continue
		}
		a := at(fl.NetNS, fl.PID, fl.Name, fl.Addr)
		a.refused += fl.Count
		a.refusedByPID[fl.PID] += fl.Count
		a.byErrno[fl.Errno] += fl.Count
		a.cgroups[fl.PID] = fl.Cgroup
		x.sites(placesAt(a.refusedAt, fl.PID), fl.Stacks, fl.Count, fl.Call, true)
	}
	for _, c := range x.ours.Outgoing {
		if !somewhere(c.Remote) { // many destinations together; what failed there is told by its failures
			elsewhere[who(c.NetNS, c.PID, c.Name)] += c.Opened - min(c.Failed, c.Opened)
			continue
		}
		a := at(c.NetNS, c.PID, c.Name, c.Remote)
		a.opened += c.Opened
		a.lost += c.Failed
		a.lostByPID[c.PID] += c.Failed
		a.cgroups[c.PID] = c.Cgroup
		x.flowCode(placesAt(a.openedAt, c.PID), c)
	}
	var out []*storm
	least := stormRate * x.seen.Window.Seconds()
	for k, remotes := range by {
		s := &storm{ns: k.ns, pid: k.pid, name: names[k], byPID: map[int32]uint64{},
			byErrno: map[uint32]uint64{}, byRemote: map[netip.AddrPort]uint64{},
			code: map[int32]*places{}, cgroups: map[int32]string{}}
		for remote, a := range remotes {
			if n := float64(a.failed()); n >= least && n >= stormShare*float64(a.tried()+elsewhere[k]) {
				s.add(remote, a)
			}
		}
		if len(s.byRemote) > 0 && len(s.byRemote) <= stormDestinations {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b *storm) int {
		return cmp.Or(cmp.Compare(b.failed, a.failed), cmp.Compare(a.ns, b.ns), cmp.Compare(a.pid, b.pid), cmp.Compare(a.name, b.name))
	})
	return out
}

func (s *storm) add(remote netip.AddrPort, a *attempts) {
	s.opened += a.tried()
	s.failed += a.failed()
	s.byRemote[remote] = a.failed()
	for e, n := range a.byErrno {
		s.byErrno[e] += n
	}
	byPID := maps.Clone(a.refusedByPID)
	for pid, n := range a.lostByPID {
		byPID[pid] = max(byPID[pid], n)
	}
	for pid, n := range byPID {
		s.byPID[pid] += n
	}
	maps.Copy(s.cgroups, a.cgroups)
	// Where the failing calls themselves were sampled, others say less.
	code := a.refusedAt
	if !sampledAny(code) {
		code = a.openedAt
	}
	for pid, p := range code {
		placesAt(s.code, pid).join(p)
	}
}

func sampledAny(code map[int32]*places) bool {
	for _, p := range code {
		if p.sampled > 0 {
			return true
		}
	}
	return false
}

// fallsBack reports failures that well-behaved programs live with on a machine
// without IPv6: they try IPv4 next.
func fallsBack(fl host.Failure) bool {
	return fl.Addr.Addr().Is6() && (fl.Errno == errNETUNREACH || fl.Errno == errADDRNOTAVAIL)
}

// stormsByCounters tells from the namespaces' counters that connects fail fast.
// Nobody saw whose they are, nor whether they go to one destination or to
// hundreds that are each tried in turn: a notice at most.
func (x *examination) stormsByCounters() []*found {
	var out []*found
	for _, s := range x.spaces {
		opens, ok1 := s.delta("TcpActiveOpens")
		fails, ok2 := s.delta("TcpAttemptFails")
		sec := x.window.Seconds()
		if !ok1 || !ok2 || sec <= 0 || float64(fails) < stormRate*sec || float64(fails) < stormShareOfCounters*float64(opens) ||
			float64(opens) < stormRate*sec {
			continue
		}
		f := &found{id: "retry-storm", severity: Notice, certainty: Possible, ns: s.ns.Inode, wide: true}
		f.values = knowledge.Values{Count: fails, Total: opens, Rate: float64(fails) / sec, Call: "connect"}
		if f.values.Rate >= stormPauseless {
			f.values.Kind = "at-once"
		}
		f.facts = x.attemptCounters(s)
		f.cures = []string{"backoff"}
		out = append(out, f)
	}
	return out
}

// attemptCounters are the two counters that a storm drives, as facts.
func (x *examination) attemptCounters(s *space) []fact {
	if s == nil {
		return nil
	}
	opens, ok1 := s.delta("TcpActiveOpens")
	fails, ok2 := s.delta("TcpAttemptFails")
	if !ok1 || !ok2 || opens+fails == 0 { // connects that found no port are not counted
		return nil
	}
	return []fact{{key: "counters", value: float64(fails), source: "/proc/net/snmp",
		values: &knowledge.Values{Count: fails, Total: opens, Window: x.window}}}
}
