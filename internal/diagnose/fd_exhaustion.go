package diagnose

import (
	"cmp"
	"slices"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// Shares of a process's soft RLIMIT_NOFILE. Below fdNear nothing is said: a
// server that holds 100,000 connections under a limit that fits is healthy
// (HEALTHY.md H9). At fdFull, and growing, a burst, a log rotation or one reload
// fails.
const (
	fdNear = 0.80
	fdFull = 0.95
)

// fdLeast is the least limit that is meant as one. Programs that lock themselves
// in (sshd's unprivileged child) set theirs to 0 or 1 while they hold more, so
// that nothing can be opened.
const fdLeast = 16

// fdListed is how many processes of one program are named.
const fdListed = 20

// fdExhaustion: a process has no file descriptor left; socket(), accept() and
// open() fail with EMFILE. The workers of one program are one finding.
func fdExhaustion(x *examination) []*found {
	refused := x.filesRefused()
	var pressed []*host.Process
	for _, p := range x.now.Processes {
		if limitsFiles(p, refused) && (fdShare(p) >= fdNear || refused[p.PID] > 0) {
			pressed = append(pressed, p)
		}
	}
	if len(pressed) == 0 {
		return nil
	}
	slices.SortFunc(pressed, func(a, b *host.Process) int {
		return cmp.Or(cmp.Compare(fdShare(b), fdShare(a)), cmp.Compare(a.PID, b.PID))
	})
	held := x.heldBy(pressed)
	programs := map[int32][]*host.Process{}
	var order []int32
	for _, p := range pressed {
		first := x.program(p.PID)
		if programs[first] == nil {
			order = append(order, first)
		}
		programs[first] = append(programs[first], p)
	}
	var out []*found
	for _, first := range order {
		out = append(out, x.fdsRunOut(programs[first], held, refused))
	}
	return out
}

// filesRefused counts, by process, the calls that were seen to fail with EMFILE.
func (x *examination) filesRefused() map[int32]uint64 {
	refused := map[int32]uint64{}
	for _, f := range x.refusedFiles() {
		refused[f.PID] += f.Count
	}
	return refused
}

// refusedFiles are the calls that were seen to fail with EMFILE.
func (x *examination) refusedFiles() (list []host.Failure) {
	if x.seen != nil {
		for _, f := range x.seen.Failures {
			if f.Errno == errMFILE {
				list = append(list, f)
			}
		}
	}
	return list
}

// limitsFiles reports whether both numbers of a process are known and its limit
// is one: so small that nothing can be opened counts only where that was tried.
func limitsFiles(p *host.Process, refused map[int32]uint64) bool {
	return p.FDs != nil && p.FDLimit != nil && (*p.FDLimit >= fdLeast || refused[p.PID] > 0)
}

func fdShare(p *host.Process) float64 {
	if *p.FDLimit == 0 {
		return 1
	}
	return float64(*p.FDs) / float64(*p.FDLimit)
}

// moreFDs is by how many a process's descriptors grew between the looks.
func (x *examination) moreFDs(p *host.Process) uint64 {
	if x.before == nil {
		return 0
	}
	b := x.before.Processes[p.PID]
	if b == nil || b.FDs == nil || b.StartTicks != p.StartTicks {
		return 0
	}
	return grown(*b.FDs, *p.FDs, true)
}

// heldBy collects the sockets that each of some processes holds, in one pass.
func (x *examination) heldBy(procs []*host.Process) map[int32][]*tcp.Socket {
	held := make(map[int32][]*tcp.Socket, len(procs))
	for _, p := range procs {
		held[p.PID] = nil
	}
	for i := range x.now.Sockets {
		sk := &x.now.Sockets[i]
		if sk.PID == 0 {
			continue
		}
		for _, pid := range x.now.Owners(sk) {
			if list, ok := held[pid]; ok {
				held[pid] = append(list, sk)
			}
		}
	}
	return held
}

// fdsRunOut tells of one program by the process of it that is nearest its limit,
// the first of procs.
func (x *examination) fdsRunOut(procs []*host.Process, heldBy map[int32][]*tcp.Socket, refused map[int32]uint64) *found {
	p := procs[0]
	f := &found{id: "fd-exhaustion", ns: p.NetNS}
	used, limit, held := *p.FDs, *p.FDLimit, heldBy[p.PID]
	var failed uint64
	var all []*tcp.Socket
	for _, o := range procs {
		failed += refused[o.PID]
		all = append(all, heldBy[o.PID]...)
	}
	more := x.moreFDs(p)
	switch {
	case used >= limit || failed > 0:
		f.severity, f.certainty = Critical, Proven
	case fdShare(p) >= fdFull && more > 0:
		f.severity, f.certainty = Critical, Likely
	case more > 0:
		f.severity, f.certainty = Warning, Likely
	default:
		f.severity, f.certainty = Warning, Possible
	}
	for _, o := range procs[:min(len(procs), fdListed)] {
		f.blamed = append(f.blamed, x.fdHolder(o, heldBy[o.PID], len(all), len(procs)))
	}
	x.codeByFailures(f.blamed, x.refusedFiles())
	var states [tcp.NumStates]int
	most := tcp.Unknown
	for _, sk := range held {
		if states[sk.State]++; states[sk.State] > states[most] {
			most = sk.State
		}
	}
	f.dests = x.filling(all, procs)
	sockets := min(uint64(max(len(held), p.Sockets)), used)
	f.values = knowledge.Values{Count: used, Capacity: limit, Limit: x.moreFiles(limit), Share: fdShare(p),
		Total: sockets, State: most.String(), Process: host.Printable(p.Name), PID: p.PID}
	f.values.Wanted, f.values.Value = limitArgs(f.values.Limit, p.FDHard)

	f.facts = append(f.facts, fact{key: "used", value: float64(used), source: "/proc/PID/fd"})
	told := func(key string, n uint64, source string) {
		v := f.values
		v.Other = n
		v.Window = x.window
		if key == "failed" {
			v.Window = x.seen.Window
		}
		f.facts = append(f.facts, fact{key: key, value: float64(n), source: source, values: &v})
	}
	if failed > 0 {
		told("failed", failed, x.seen.By)
	}
	if more > 0 {
		told("growing", more, "/proc/PID/fd")
	}
	if len(procs) > 1 {
		told("alike", uint64(len(procs)), "/proc/PID/fd")
	}
	if len(held) > 0 {
		told("sockets", min(uint64(states[most]), sockets), x.socketSource())
	}
	if p.UDP > 0 {
		told("udp", uint64(p.UDP), x.now.Source.OwnersBy)
	}
	if x.knowsSocketsOf(p, held) {
		rest := used - min(used, sockets+uint64(max(p.UDP, 0)))
		if rest > 0 {
			told("rest", rest, "/proc/PID/fd")
		}
		f.cures = fdCures(used, rest, uint64(max(p.UDP, 0)), most, x.mostlyAccepted(held))
	} else { // what fills it is unknown, and so is what to do about it at the source
		f.cures = []string{"raise-fd-limit"}
	}
	if f.values.Limit <= limit {
		f.cures = slices.DeleteFunc(f.cures, func(id string) bool { return id == "raise-fd-limit" })
	}
	return f
}

// knowsSocketsOf reports whether the source could see which sockets a process
// holds, so that its other descriptors are none. How many it has open is told
// without privilege (the size of /proc/PID/fd, fs/proc/fd.c, v6.2); what they
// are is not.
func (x *examination) knowsSocketsOf(p *host.Process, held []*tcp.Socket) bool {
	if len(held) > 0 || p.Sockets > 0 || p.UDP > 0 {
		return true
	}
	return !slices.ContainsFunc(x.now.BlindSpots, func(b host.BlindSpot) bool {
		return b.Code == "no-root" || b.Code == "owners-no-permission"
	})
}

// fdHolder is one process's part: of the sockets, or alike where there are none.
func (x *examination) fdHolder(p *host.Process, held []*tcp.Socket, sockets, procs int) blamed {
	b := blamed{pid: p.PID, name: p.Name, ns: p.NetNS, sockets: len(held), share: 1 / float64(procs), byState: map[string]int{}, by: "owner"}
	if sockets > 0 {
		b.share = float64(len(held)) / float64(sockets)
	}
	for _, sk := range held {
		b.byState[sk.State.String()]++
		x.codeOf(&b, sk)
	}
	return b
}

// fillingShare is the part of a program's descriptors that connections to one
// destination must take to be named.
const fillingShare = 0.1

// filling are the destinations whose connections fill the descriptors. The
// clients of a server are none: their ports are chance.
func (x *examination) filling(held []*tcp.Socket, procs []*host.Process) []Destination {
	var files uint64
	for _, p := range procs {
		files += *p.FDs
	}
	spaces := map[uint64]*space{}
	for _, s := range x.spaces {
		spaces[s.ns.Inode] = s
	}
	list := destinations(only(held, func(sk *tcp.Socket) bool { return spaces[sk.NetNS].outgoing(sk) }))
	return slices.DeleteFunc(list, func(d Destination) bool { return float64(d.Sockets) < fillingShare*float64(files) })
}

// mostlyAccepted reports whether most of these sockets are connections that
// others opened.
func (x *examination) mostlyAccepted(socks []*tcp.Socket) bool {
	n := 0
	var s *space
	for _, sk := range socks {
		if s == nil || s.ns.Inode != sk.NetNS {
			s = x.space(sk.NetNS)
		}
		if sk.State.Connected() && !s.outgoing(sk) {
			n++
		}
	}
	return n*2 > len(socks)
}

// fdCures puts what is at the source before the limit: a higher limit only
// delays a leak.
func fdCures(used, rest, udp uint64, most tcp.State, accepted bool) []string {
	switch {
	case rest*2 > used:
		return []string{"find-open-files", "raise-fd-limit"}
	case udp*2 > used:
		return []string{"share-udp-socket", "raise-fd-limit"}
	case most == tcp.SynSent:
		return []string{"connect-timeout", "raise-fd-limit"}
	case most == tcp.Closed || most == tcp.Bound:
		return []string{"close-on-error", "raise-fd-limit"}
	}
	if accepted {
		return []string{"close-accepted", "raise-fd-limit"}
	}
	return []string{"close-connections", "raise-fd-limit"}
}
