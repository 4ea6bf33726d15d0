package diagnose

import (
	"cmp"
	"slices"

	"sockeye/internal/tcp"
)

type tally struct {
	total int
	by    map[culpritKey]*blamed
}

// culpritKey is a process; one that has ended, and whose pid another has now, is
// told from that by its name.
type culpritKey struct {
	pid   int32
	ended string
}

func newTally(total int) *tally { return &tally{total: total, by: map[culpritKey]*blamed{}} }

// add counts one socket for a process.
func (t *tally) add(k culpritKey, ns uint64, st tcp.State, how string) *blamed {
	b := t.of(k, ns, how)
	b.sockets++
	b.byState[st.String()]++
	b.by = weaker(b.by, how)
	return b
}

// of returns the part of a process, a new one where it had none.
func (t *tally) of(k culpritKey, ns uint64, how string) *blamed {
	b := t.by[k]
	if b == nil {
		b = &blamed{pid: k.pid, ended: k.ended != "", ns: ns, byState: map[string]int{}, by: how}
		t.by[k] = b
	}
	return b
}

// distribute shares sockets out in proportion to the claims' weights, exactly:
// the parts add up to the whole.
func (t *tally) distribute(lost []*tcp.Socket, claims []claim, how string, ns uint64) {
	var sum uint64
	for _, c := range claims {
		sum += c.weight
	}
	if sum == 0 {
		return
	}
	slices.SortFunc(claims, func(a, b claim) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.pid, b.pid))
	})
	given, acc := 0, uint64(0)
	for _, c := range claims {
		acc += c.weight
		upTo := int(uint64(len(lost)) * acc / sum)
		if given == upTo {
			continue
		}
		for ; given < upTo; given++ {
			b := t.add(culpritKey{pid: c.pid}, ns, lost[given].State, how)
			b.name, b.cgroup = cmp.Or(b.name, c.name), cmp.Or(b.cgroup, c.cgroup)
		}
	}
}

// ordered returns the culprits, the one with most sockets first.
func (t *tally) ordered(x *examination) []blamed {
	out := make([]blamed, 0, len(t.by))
	for _, b := range t.by {
		if p := x.processOf(b); p != nil {
			b.name = p.Name
		}
		if t.total > 0 {
			b.share = float64(b.sockets) / float64(t.total)
		}
		out = append(out, *b)
	}
	slices.SortFunc(out, func(a, b blamed) int {
		return cmp.Or(cmp.Compare(b.sockets, a.sockets), cmp.Compare(a.pid, b.pid), cmp.Compare(a.name, b.name))
	})
	return out
}
