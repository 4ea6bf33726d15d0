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
// (HEALTHY.md H9). At fdFull a burst, a log rotation or one reload fails.
const (
	fdNear = 0.80
	fdFull = 0.95
)

// fdExhaustion: a process has no file descriptor left; socket(), accept() and
// open() fail with EMFILE.
func fdExhaustion(x *examination) []*found {
	failed := map[int32]uint64{}
	if x.seen != nil {
		for _, f := range x.seen.Failures {
			if f.Errno == errMFILE {
				failed[f.PID] += f.Count
			}
		}
	}
	var pressed []*host.Process
	for _, p := range x.now.Processes {
		if p.FDs != nil && p.FDLimit != nil && *p.FDLimit > 0 && (fdShare(p) >= fdNear || failed[p.PID] > 0) {
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
	var out []*found
	for _, p := range pressed {
		out = append(out, x.fdsRunOut(p, held[p.PID], failed[p.PID]))
	}
	return out
}

func fdShare(p *host.Process) float64 { return float64(*p.FDs) / float64(*p.FDLimit) }

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

func (x *examination) fdsRunOut(p *host.Process, held []*tcp.Socket, failed uint64) *found {
	f := &found{id: "fd-exhaustion", ns: p.NetNS}
	used, limit := *p.FDs, *p.FDLimit
	var more uint64
	if x.before != nil {
		if b := x.before.Processes[p.PID]; b != nil && b.FDs != nil && b.StartTicks == p.StartTicks {
			more = grown(*b.FDs, used, true)
		}
	}
	switch {
	case used >= limit || failed > 0:
		f.severity, f.certainty = Critical, Proven
	case fdShare(p) >= fdFull:
		f.severity, f.certainty = Critical, Possible
	default:
		f.severity, f.certainty = Warning, Possible
	}
	if f.certainty == Possible && more > 0 {
		f.certainty = Likely
	}

	b := blamed{pid: p.PID, name: p.Name, ns: p.NetNS, sockets: len(held), share: 1, byState: map[string]int{}, by: "owner"}
	var states [tcp.NumStates]int
	most := tcp.Unknown
	for _, sk := range held {
		b.byState[sk.State.String()]++
		states[sk.State]++
		if states[sk.State] > states[most] {
			most = sk.State
		}
	}
	f.blamed = []blamed{b}
	f.dests = destinations(held)
	sockets := min(uint64(max(len(held), p.Sockets)), used)
	f.values = knowledge.Values{Count: used, Capacity: limit, Limit: x.moreFiles(limit), Share: fdShare(p),
		Total: sockets, State: most.String(), Process: host.Printable(p.Name), PID: p.PID}

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
	if len(held) > 0 {
		told("sockets", min(uint64(states[most]), sockets), x.socketSource())
	}
	if p.UDP > 0 {
		told("udp", uint64(p.UDP), x.now.Source.OwnersBy)
	}
	rest := used - min(used, sockets+uint64(max(p.UDP, 0)))
	if rest > 0 {
		told("rest", rest, "/proc/PID/fd")
	}
	f.cures = fdCures(used, rest, uint64(max(p.UDP, 0)), most, more > 0)
	if f.values.Limit <= limit {
		f.cures = slices.DeleteFunc(f.cures, func(id string) bool { return id == "raise-fd-limit" })
	}
	return f
}

// moreFiles proposes a limit of files, within what fs.nr_open lets any process have.
func (x *examination) moreFiles(limit uint64) uint64 {
	if most, ok := x.now.System.Settings.Int("fs.nr_open"); ok && most > 0 {
		return min(doubled(limit), uint64(most))
	}
	return doubled(limit)
}

// fdCures puts the leak before the limit: a higher limit only delays a leak.
// Connections in use that do not grow in number are no leak: there the limit is
// what is wrong.
func fdCures(used, rest, udp uint64, most tcp.State, growing bool) []string {
	switch {
	case rest*2 > used:
		return []string{"find-open-files", "raise-fd-limit"}
	case udp*2 > used:
		return []string{"share-udp-socket", "raise-fd-limit"}
	case most == tcp.SynSent:
		return []string{"connect-timeout", "raise-fd-limit"}
	case most == tcp.Established && !growing:
		return []string{"raise-fd-limit", "close-connections"}
	}
	return []string{"close-connections", "raise-fd-limit"}
}

// doubled proposes twice a limit, at least 65,536: what servers are shipped with.
func doubled(limit uint64) uint64 {
	if limit > 1<<62 {
		return limit
	}
	return max(limit*2, 65536)
}
