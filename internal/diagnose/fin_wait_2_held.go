package diagnose

import (
	"time"

	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// An owned FIN_WAIT_2 waits for a peer that may never close, and no timer ends
// it: it is worth a word even in small numbers once it stays. A server that
// lingers after its answer (nginx lingering_close, 30 s) has a few for a while:
// one must stay a minute, several a while longer than any close takes, and fifty
// are worth the word at once (HEALTHY.md, default thresholds).
const (
	finWaitStays   = time.Minute
	finWaitSettled = 5 * time.Second
	finWaitSeveral = 3
	finWaitMany    = 50
)

// finWait2Held: the program has sent its FIN (shutdown) and keeps the socket
// open, waiting for a close that the peer never sends. tcp_fin_timeout acts on
// FIN_WAIT_2 only after close().
func finWait2Held(x *examination) []*found {
	match := func(sk *tcp.Socket) bool {
		return (sk.PID != 0 || sk.Inode != 0) && sk.Timer.Kind != tcp.TimerTimeWait
	}
	var out []*found
	for _, p := range x.parties(tcp.FinWait2, match) {
		if f := x.finWaitOf(p); f != nil {
			out = append(out, f)
		}
	}
	return out
}

func (x *examination) finWaitOf(p *party) *found {
	g := x.growthOf(p.then, p.now)
	// Where the other end is here in CLOSE_WAIT, its owner is the one who does
	// not close; that is close-wait-leak or never-accepted.
	var own []*tcp.Socket
	for i, end := range x.otherEnds(p.now, tcp.CloseWait) {
		if end == nil {
			own = append(own, p.now[i])
		}
	}
	n, staying, settled := len(own), 0, 0
	for _, sk := range own {
		if age, ok := quietFor(sk); ok {
			if age >= finWaitSettled {
				settled++
			}
			if age >= finWaitStays {
				staying++
			}
		}
	}
	f := &found{id: "fin-wait-2-held", severity: Notice, certainty: Possible, ns: p.key.ns}
	switch {
	case n == 0:
		return nil
	case g.leaks() && n == len(p.now) && n >= finWaitMany:
		f.severity, f.certainty = Warning, Likely
	case staying > 0:
	case g.gone == 0 && (settled >= finWaitSeveral || n >= finWaitMany): // none of them ever ends
	default:
		return nil
	}
	f.blamed = x.blame(own)
	f.values = knowledge.Values{Count: uint64(n), Age: oldest(own), Rate: g.perSecond(x.window), State: tcp.FinWait2.String()}
	if p.key.server {
		end := busiestEnd(own)
		f.values.Lport, f.values.Dest = end.Port(), endName(end)
	} else {
		f.dests = destinations(own)
		f.values.Dest = destString(f.dests[0])
	}
	source := x.socketSource()
	f.facts = append(f.facts, fact{key: "count", value: float64(n), source: source})
	if g.leaks() {
		v := f.values
		v.Count, v.Other, v.Window = uint64(g.came), uint64(g.gone), x.window
		f.facts = append(f.facts, fact{key: "growth", value: float64(g.came), source: source, values: &v})
	}
	if f.values.Age > 0 {
		f.facts = append(f.facts, fact{key: "age", value: f.values.Age.Seconds(), source: source})
	}
	f.cures = []string{"read-until-eof"}
	return f
}
