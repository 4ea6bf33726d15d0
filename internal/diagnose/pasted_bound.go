package diagnose

import (
	"cmp"
	"slices"

	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// crowdedBound tells of bound sockets of Windows where nothing is listed. A
// connection that was opened here has a bound one beside it, with the same port;
// so many of them are left out, and what remains is a lower bound.
func (x *examination) crowdedBound() *found {
	bound := x.now.Counted[tcp.Bound]
	if !x.countsOnly() || x.os != "windows" || bound < unconnectedMany {
		return nil
	}
	connections := uint64(0)
	for st, n := range x.now.Counted {
		if st.Connected() || st == tcp.TimeWait || st == tcp.SynSent {
			connections += n
		}
	}
	if bound < connections+unconnectedMany {
		return nil
	}
	n, usable := bound-connections, 0
	f := &found{id: "unconnected-socket-leak", severity: Notice, certainty: Possible, ns: x.onlyNamespace()}
	if s := x.space(f.ns); s != nil {
		usable = s.rangePorts
	}
	if r, known := x.usualRange(x.os); known && usable == 0 {
		usable = int(r[1]) - int(r[0]) + 1
	}
	if usable > 0 && n*2 >= uint64(usable) {
		f.severity, f.certainty = Warning, Likely
	}
	f.values = knowledge.Values{Count: n, Other: n, Blocked: n, Usable: uint64(max(usable, 0)), Kind: "counted"}
	f.blamed = x.countedBlame(tcp.Bound, bound)
	f.wide = len(f.blamed) == 0
	f.facts = append(f.facts, fact{key: "bound", value: float64(n), source: x.socketSource(), values: &knowledge.Values{Count: n}})
	f.cures = []string{"close-on-error"}
	return f
}

// countedBlame attributes what was counted to the processes that have at least a
// tenth of it, the one with most first.
func (x *examination) countedBlame(st tcp.State, all uint64) (out []blamed) {
	for _, o := range x.now.CountedOwners {
		if o.State != st || o.Count == 0 || float64(o.Count) < float64(all)*countedBlameShare {
			continue
		}
		b := blamed{pid: o.PID, ns: x.onlyNamespace(), sockets: int(min(o.Count, 1<<30)), share: float64(o.Count) / float64(all),
			byState: map[string]int{st.String(): int(min(o.Count, 1<<30))}, by: "owner"}
		if p := x.process(o.PID); p != nil {
			b.name = p.Name
		}
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b blamed) int { return cmp.Or(cmp.Compare(b.sockets, a.sockets), cmp.Compare(a.pid, b.pid)) })
	return out
}

// countedBlameShare: who has less than a tenth of what is counted is one of many, and
// did not bring it about alone. The number is a choice, as for ten culprits alike.
const countedBlameShare = 0.1
