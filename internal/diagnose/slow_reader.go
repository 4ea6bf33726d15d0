package diagnose

import (
	"time"

	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// A buffer that fills for a moment is flow control at work (HEALTHY.md H17). A
// program is slow when it read nothing at all between two looks while data lay
// there. Few bytes count for servers only: clients leave TLS session tickets
// unread on idle connections.
const (
	unreadMuch   = 32 << 10 // bytes in one socket
	stuckMany    = 10       // connections with much unread
	stuckFew     = 3
	stuckPart    = 0.25
	requestsMany = 20 // accepted connections with anything unread
	requestsPart = 0.5
	readWindow   = 500 * time.Millisecond
	// With one glance nobody saw whether it reads; while data keeps coming, it flows.
	stillComing = time.Second
)

// slowReader: data arrives and the program does not read it; its window closes
// and the peer has to wait.
func slowReader(x *examination) []*found {
	held := x.holder()
	var out []*found
	for _, p := range x.parties(tcp.Established, func(sk *tcp.Socket) bool { return sk.RecvQ > 0 && held(sk) }) {
		if f := x.slowReaderOf(p); f != nil {
			out = append(out, f)
		}
	}
	return out
}

func (x *examination) slowReaderOf(p *party) *found {
	unread := x.unread(p)
	var much []*tcp.Socket // of those with much
	var bytes uint64
	for _, sk := range unread {
		bytes += uint64(sk.RecvQ)
		if sk.RecvQ >= unreadMuch {
			much = append(much, sk)
		}
	}
	if len(much) == 0 && (!p.key.server || len(unread) < requestsMany) {
		return nil
	}
	total := x.peersIn(p.key, tcp.Established)
	f := &found{id: "slow-reader", severity: Notice, certainty: Likely, ns: p.key.ns}
	socks := much
	requests := p.key.server && len(unread) >= requestsMany && float64(len(unread)) >= requestsPart*float64(total)
	if requests {
		socks = unread
	}
	switch {
	case x.window < readWindow && (len(much) >= stuckFew || requests):
		f.certainty = Possible
	case x.window < readWindow:
		return nil
	case requests, len(much) >= stuckMany, len(much) >= stuckFew && float64(len(much)) >= stuckPart*float64(total):
		f.severity = Warning
	case len(much) == 0:
		return nil
	}
	f.blamed = x.blame(socks)
	f.values = knowledge.Values{Count: uint64(len(socks)), Total: uint64(total), Other: bytes, State: tcp.Established.String()}
	if p.key.server {
		end := busiestEnd(socks)
		f.values.Lport, f.values.Dest = end.Port(), endName(end)
		f.values.Dests, f.values.Busiest = portsOf(socks, end.Port())
	} else {
		f.dests = destinations(socks)
		f.values.Dest = destString(f.dests[0])
		f.values.Dests, f.values.Busiest = uint64(len(destinationsOf(socks))), uint64(f.dests[0].Sockets)
	}
	source := x.socketSource()
	f.facts = append(f.facts, fact{key: "unread", value: float64(bytes), source: source})
	if x.window >= readWindow {
		f.facts = append(f.facts, fact{key: "not-read", value: float64(len(socks)), source: source})
	}
	if age := longestUnread(socks); age > 0 {
		v := f.values
		v.Age = age
		f.facts = append(f.facts, fact{key: "age", value: age.Seconds(), source: source, values: &v})
	}
	if p.key.server {
		f.cures = append(f.cures, "free-stuck-threads")
	}
	f.cures = append(f.cures, "read-in-time")
	return f
}

// unread are the sockets of which nothing was read between the looks; with one
// glance, those to which nothing more comes.
func (x *examination) unread(p *party) (unread []*tcp.Socket) {
	if x.window < readWindow {
		return only(p.now, func(sk *tcp.Socket) bool { return sk.Info == nil || sk.Info.LastRecv >= stillComing })
	}
	for i, was := range x.earlier(p.now) {
		if was != nil && !readSome(was, p.now[i]) {
			unread = append(unread, p.now[i])
		}
	}
	return unread
}

// readSome reports whether the program read anything between the looks: what
// came less what lies there is what was read.
func readSome(was, now *tcp.Socket) bool {
	if was.RecvQ == 0 {
		return true // nothing had been waiting
	}
	if was.Info == nil || now.Info == nil {
		return now.RecvQ < was.RecvQ
	}
	read := func(sk *tcp.Socket) int64 { return int64(sk.Info.BytesReceived) - int64(sk.RecvQ) }
	return read(now) > read(was)
}

// longestUnread is the longest time since data last came to any of them.
func longestUnread(socks []*tcp.Socket) (d time.Duration) {
	for _, sk := range socks {
		if sk.Info != nil {
			d = max(d, sk.Info.LastRecv)
		}
	}
	return d
}
