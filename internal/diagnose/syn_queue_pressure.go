package diagnose

import (
	"net/netip"

	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// Half-open handshakes of one listener, as a share of what it may hold: past a
// quarter in the queue it is worth looking (HEALTHY.md thresholds; a few SYN_RECV
// from clients that vanished are normal, H13). synLeast keeps short backlogs from
// talking about a handful.
const (
	synShare = 0.25
	synNear  = 0.80
	synLeast = 16
)

// Who knocks: when nine of ten requests come from different machines and half
// never answer our SYN,ACK, or fewer than half of the cookies come back, it is
// no burst of real clients.
const (
	floodSpread   = 0.9
	floodUnheard  = 0.5
	floodAnswered = 0.5
	cookiesLeast  = 20
)

// synQueuePressure: more handshakes are half open than a listener may hold; it
// answers with SYN cookies or, where those are off, drops.
func synQueuePressure(x *examination) []*found {
	var out []*found
	for _, s := range x.spaces {
		sent, _ := s.delta("TcpExtSyncookiesSent")
		if s.setting("net.ipv4.tcp_syncookies", 1) == 2 {
			sent = 0 // every SYN is answered with a cookie, pressed or not
		}
		dropped, _ := s.delta("TcpExtTCPReqQFullDrop")
		var told bool
		for port, ls := range s.listening {
			for _, l := range ls {
				k := listenKey{l.Local.Addr(), port}
				// SO_REUSEPORT listeners share the address; requests are counted for it.
				if l != ls[0] && s.requests[k] > 0 && sameAddr(ls, l) {
					continue
				}
				if f := x.synQueue(s, l, s.requests[k], sent, dropped); f != nil {
					out, told = append(out, f), true
				}
			}
		}
		if !told && sent+dropped > 0 {
			out = append(out, x.synCounters(s, sent, dropped))
		}
	}
	return out
}

// sameAddr reports whether an earlier listener of the list has l's address.
func sameAddr(ls []*tcp.Socket, l *tcp.Socket) bool {
	for _, o := range ls {
		if o == l {
			return false
		}
		if o.Local == l.Local {
			return true
		}
	}
	return false
}

// synRoom is how many half-open requests a listener holds: its backlog, at least
// one (inet_csk_reqsk_queue_is_full, include/net/inet_connection_sock.h, v6.18:
// the accept queue's limit serves both). With SYN cookies off also three quarters of tcp_max_syn_backlog, for
// clients that were not heard from before (net/ipv4/tcp_input.c
// tcp_conn_request, v6.18; both measured on 6.18).
func (s *space) synRoom(l *tcp.Socket) uint64 {
	room := uint64(l.SendQ)
	if s.setting("net.ipv4.tcp_syncookies", 1) == 0 {
		if m := s.setting("net.ipv4.tcp_max_syn_backlog", 0); m > 0 {
			room = min(room, uint64(m-m/4))
		}
	}
	return max(room, 1)
}

func (x *examination) synQueue(s *space, l *tcp.Socket, requests int, sent, dropped uint64) *found {
	// A full accept queue keeps handshakes half open too, and is the cause then.
	if !x.knowsBacklog(l) || x.queueFull(l) || requests == 0 || (requests < synLeast && sent+dropped == 0) {
		return nil
	}
	room := s.synRoom(l)
	share := float64(requests) / float64(room)
	f := &found{id: "syn-queue-pressure", ns: s.ns.Inode}
	off := s.setting("net.ipv4.tcp_syncookies", 1) == 0
	switch {
	case (share >= 1 || dropped > 0 && share >= synNear) && off:
		f.severity, f.certainty = Critical, Proven
	case share >= 1 || sent > 0 && share >= synNear:
		f.severity, f.certainty = Warning, Proven
	case share >= synNear:
		f.severity, f.certainty = Warning, Possible
	case share >= synShare:
		f.severity, f.certainty = Notice, Possible
	default:
		return nil
	}
	if f.certainty == Possible && x.before != nil && requests > x.requestsBefore(l) {
		f.certainty = Likely
	}
	sources, unheard := x.knocking(s, l)
	f.values = knowledge.Values{Count: uint64(requests), Capacity: room, Share: share, Lport: l.Local.Port(),
		Laddr: addrName(l.Local.Addr()), Dest: endName(l.Local), Limit: s.somaxconn(), Wanted: s.longerBacklog(uint64(l.SendQ)), Kind: x.synPattern(s, requests, sources, unheard, sent)}
	// In a flood the server is the victim; it is named, but not blamed for more than its place.
	f.blamed = x.blameListeners([]*tcp.Socket{l}, requests)
	f.facts = append(f.facts, fact{key: "half-open", value: float64(requests), source: x.socketSource()})
	told := func(key string, n uint64, source string) {
		v := f.values
		v.Other, v.Window, v.Total = n, x.window, uint64(requests)
		f.facts = append(f.facts, fact{key: key, value: float64(n), source: source, values: &v})
	}
	told("sources", uint64(sources), x.socketSource())
	if unheard > 0 {
		told("unanswered", uint64(unheard), x.socketSource())
	}
	x.synFacts(s, f, sent, dropped)
	f.values.Known = x.serverKnown(f.blamed)
	var longer []string
	if room >= uint64(l.SendQ) { // else tcp_max_syn_backlog is the wall, which cookies lift
		longer = x.longerQueue(s, l)
	}
	f.cures = synCures(s, f.values.Kind, longer)
	return f
}

func synCures(s *space, pattern string, longer []string) []string {
	var out []string
	if s.setting("net.ipv4.tcp_syncookies", 1) == 0 {
		out = append(out, "enable-syncookies")
	}
	if pattern == "flood" {
		return append(append(out, "filter-upstream"), longer...)
	}
	return append(append(out, longer...), "accept-faster")
}

// synFacts adds what the namespace's counters tell.
func (x *examination) synFacts(s *space, f *found, sent, dropped uint64) {
	if sent > 0 {
		came, _ := s.delta("TcpExtSyncookiesRecv")
		v := f.values
		v.Count, v.Other, v.Window = sent, came, x.window
		f.facts = append(f.facts, fact{key: "cookies", value: float64(sent), source: "/proc/net/netstat", values: &v})
	}
	if dropped > 0 {
		v := f.values
		v.Other, v.Window = dropped, x.window
		f.facts = append(f.facts, fact{key: "dropped", value: float64(dropped), source: "/proc/net/netstat", values: &v})
	}
}

// synCounters tells of cookies or drops that no listener shows at this moment.
func (x *examination) synCounters(s *space, sent, dropped uint64) *found {
	f := &found{id: "syn-queue-pressure", ns: s.ns.Inode, wide: true, severity: Warning, certainty: Proven}
	if dropped > 0 {
		f.severity = Critical
	}
	f.values.Kind, f.values.Wanted = x.synPattern(s, 0, 0, 0, sent), s.longerBacklog(0)
	x.synFacts(s, f, sent, dropped)
	f.cures = synCures(s, f.values.Kind, []string{"larger-backlog"})
	return f
}

// knocking counts the different machines that have a request half open at a
// listener, and the requests whose SYN,ACK had to be sent again.
func (x *examination) knocking(s *space, l *tcp.Socket) (sources, unheard int) {
	from := map[netip.Addr]bool{}
	for i := range x.now.Sockets {
		sk := &x.now.Sockets[i]
		if (sk.State != tcp.SynReceived && sk.State != tcp.NewSynRecv) || sk.NetNS != l.NetNS {
			continue
		}
		if on := s.listener(sk.Local); on == nil || on.Local != l.Local {
			continue
		}
		from[sk.Remote.Addr()] = true
		if sk.Timer.Retries > 0 {
			unheard++
		}
	}
	return len(from), unheard
}

// requestsBefore counts a listener's half-open requests in the first look, by
// its port: good enough to tell growth.
func (x *examination) requestsBefore(l *tcp.Socket) (n int) {
	for i := range x.before.Sockets {
		sk := &x.before.Sockets[i]
		if (sk.State == tcp.SynReceived || sk.State == tcp.NewSynRecv) && sk.NetNS == l.NetNS && sk.Local.Port() == l.Local.Port() {
			n++
		}
	}
	return n
}

// synPattern says whether it looks like a flood or a burst of real clients; ""
// where neither shows.
func (x *examination) synPattern(s *space, requests, sources, unheard int, sent uint64) string {
	if sent >= cookiesLeast {
		if came, ok := s.delta("TcpExtSyncookiesRecv"); ok {
			if float64(came) < floodAnswered*float64(sent) {
				return "flood"
			}
			return "burst"
		}
	}
	switch {
	case requests < synLeast:
		return ""
	case float64(sources) >= floodSpread*float64(requests) && float64(unheard) >= floodUnheard*float64(requests):
		return "flood"
	case float64(unheard) < 0.1*float64(requests):
		return "burst"
	}
	return ""
}
