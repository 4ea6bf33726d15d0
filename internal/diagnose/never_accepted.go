package diagnose

import (
	"slices"
	"time"

	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// neverAcceptedQueue is the part of the accept queue that must be filled in both
// looks before waiting connections alone are a warning (HEALTHY.md H15).
const neverAcceptedQueue = 0.5

// waitsLong is how long a connection must have waited before one glance speaks
// of it: clients that live for milliseconds are gone before they are accepted.
const waitsLong = time.Second

// neverAccepted: connections wait in the accept queue until their clients give
// up; the kernel shows them as CLOSE_WAIT that nobody owns. The program is hung
// or out of descriptors; it did not forget close(), it has no descriptor yet.
func neverAccepted(x *examination) []*found {
	tells := x.tells.files
	hidden := x.pasted() && !tells && !x.tells.owners
	allWait := x.allWait()
	waiting := map[*tcp.Socket][]*tcp.Socket{}
	left := map[*tcp.Socket]int{}
	var order []*tcp.Socket
	var s *space
	for _, st := range []tcp.State{tcp.CloseWait, tcp.Established} {
		for _, sk := range x.state(st) {
			if sk.PID != 0 || sk.Inode != 0 || sk.Orphan {
				continue
			}
			if s == nil || s.ns.Inode != sk.NetNS {
				s = x.space(sk.NetNS)
			}
			l := s.listener(sk.Local)
			// Without inodes only the owner tells, and only of programs whose
			// owner may be seen; or the numbers do.
			if l == nil || (!tells && l.PID == 0 && !allWait[l]) {
				continue
			}
			// Listeners with owners, beside connections that a list without owners
			// shows: only a queue in which somebody waits tells then.
			if hidden && l.RecvQ == 0 {
				continue
			}
			if waiting[l] == nil {
				order = append(order, l)
			}
			waiting[l] = append(waiting[l], sk)
			if st == tcp.CloseWait {
				left[l]++
			}
		}
	}
	var out []*found
	for _, l := range order {
		if f := x.neverAcceptedBy(l, waiting[l], left[l]); f != nil {
			out = append(out, f)
		}
	}
	return out
}

func (x *examination) neverAcceptedBy(l *tcp.Socket, waiting []*tcp.Socket, left int) *found {
	stayed, stayedLeft := 0, 0
	for _, was := range x.earlier(waiting) {
		if was == nil || was.Inode != 0 || was.PID != 0 {
			continue
		}
		stayed++
		if was.State == tcp.CloseWait {
			stayedLeft++
		}
	}
	if left == 0 && stayed == 0 {
		return nil
	}
	full := l.SendQ > 0 && l.RecvQ > l.SendQ
	if stayed == 0 && !full && !slices.ContainsFunc(waiting, func(sk *tcp.Socket) bool {
		q, known := quietFor(sk)
		return !known || q >= waitsLong
	}) {
		return nil
	}
	f := &found{id: "never-accepted", severity: Notice, certainty: Possible, ns: l.NetNS}
	switch {
	case full && stayedLeft > 0:
		f.severity, f.certainty = Critical, Proven
	case stayedLeft > 0, full && left > 0:
		f.severity, f.certainty = Warning, Likely
	case stayed > 0 && l.SendQ > 0 && float64(l.RecvQ) >= neverAcceptedQueue*float64(l.SendQ):
		f.severity, f.certainty = Warning, Likely
	}
	f.values = knowledge.Values{Count: uint64(len(waiting)), Total: uint64(l.RecvQ), Limit: uint64(l.SendQ), Other: uint64(left),
		Lport: l.Local.Port(), Laddr: addrName(l.Local.Addr()), Dest: endName(l.Local), Age: oldest(waiting), State: tcp.CloseWait.String()}
	f.blamed = x.blameListeners([]*tcp.Socket{l}, len(waiting))
	source := x.socketSource()
	if left > 0 {
		f.facts = append(f.facts, fact{key: "left", value: float64(left), source: source})
	}
	f.facts = append(f.facts, fact{key: "queue", value: float64(l.RecvQ), source: source})
	if stayed > 0 {
		v := f.values
		v.Count, v.Window = uint64(stayed), x.window
		f.facts = append(f.facts, fact{key: "stayed", value: float64(stayed), source: source, values: &v})
	}
	if f.values.Age > 0 {
		f.facts = append(f.facts, fact{key: "age", value: f.values.Age.Seconds(), source: source})
	}
	f.values.Known = x.serverKnown(f.blamed)
	f.cures = []string{"accept-faster", "free-stuck-threads"}
	return f
}

// allWait tells by counting, where a text shows neither owners nor inodes: a
// listener in whose queue as many connections wait as there are to it at all has
// none that anybody accepted. Only Linux prints the queue in a listener's Recv-Q.
func (x *examination) allWait() map[*tcp.Socket]bool {
	if !x.pasted() || x.os != "linux" || x.tells.files || x.partly() {
		return nil
	}
	var queued map[*tcp.Socket]uint32
	for _, l := range x.state(tcp.Listen) {
		if l.RecvQ == 0 || l.PID != 0 {
			continue
		}
		if queued == nil {
			queued = map[*tcp.Socket]uint32{}
		}
		queued[l] = 0
	}
	if queued == nil {
		return nil
	}
	for _, st := range []tcp.State{tcp.CloseWait, tcp.Established} {
		for _, sk := range x.state(st) {
			l := x.space(sk.NetNS).listener(sk.Local)
			if n, asked := queued[l]; asked {
				queued[l] = n + 1
			}
		}
	}
	out := map[*tcp.Socket]bool{}
	for l, n := range queued {
		out[l] = n <= l.RecvQ && 2*n >= l.RecvQ // else most of those that wait are not in the text
	}
	return out
}
