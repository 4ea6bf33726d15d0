package diagnose

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// heardShare is the part of the usable ports that must be taken for a message
// about a missing port to be proven by the table beside it.
const heardShare = 0.8

// sameEnd reports whether an end of a message may be an end of a table: the same
// address, or the same port where either is written as a name.
func sameEnd(a, b Destination) bool {
	if a.Port != 0 && b.Port != 0 && a.Port != b.Port {
		return false
	}
	return a.Addr == b.Addr || !isAddress(a.Addr) || !isAddress(b.Addr)
}

func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

// parted divides what a message writes for an end at its last colon; ok is false
// where no port follows.
func parted(name string) (addr string, port uint16, ok bool) {
	at := strings.LastIndexByte(name, ':')
	if at < 0 {
		return "", 0, false
	}
	p, err := strconv.ParseUint(name[at+1:], 10, 16)
	return strings.Trim(name[:at], "[]"), uint16(p), err == nil
}

// endsOf are the destinations that a message names; their sockets are not counted.
func endsOf(sym *host.Symptom) (out []Destination) {
	if sym.Call == "bind" || sym.Call == "listen" || sym.Call == "accept" {
		return nil
	}
	for _, e := range sym.Endpoints {
		if len(out) == MaxDestinations {
			break
		}
		d := Destination{Addr: host.Printable(e.Name)}
		if e.Addr.IsValid() {
			d.Addr, d.Port = addrName(e.Addr.Addr()), e.Addr.Port()
		} else if addr, port, ok := parted(e.Name); ok {
			d.Addr, d.Port = host.Printable(addr), port
		}
		if d.Addr == "" {
			continue
		}
		out = append(out, d)
	}
	return out
}

// endsInUse are those of them that have sockets now.
func (x *examination) endsInUse(sym *host.Symptom) (out []Destination) {
	ends := endsOf(sym)
	if len(ends) == 0 {
		return nil
	}
	for _, s := range x.spaces {
		for g := range s.groups() {
			for i := range ends {
				if ends[i].Port == g.key.remote.Port() && ends[i].Addr == addrName(g.key.remote.Addr()) {
					ends[i].Sockets += g.total()
				}
			}
		}
	}
	return slices.DeleteFunc(ends, func(d Destination) bool { return d.Sockets == 0 })
}

// localPort is the port that a bind() or listen() was refused, 0 unknown.
func localPort(sym *host.Symptom) uint16 {
	for _, e := range sym.Endpoints {
		if e.Addr.IsValid() {
			return e.Addr.Port()
		}
		if _, port, ok := parted(e.Name); ok {
			return port
		}
	}
	return 0
}

// shownBy makes the finding that a message and the table show together, where the
// table alone says too little; nil where it does not.
func (x *examination) shownBy(id string, sym *host.Symptom) *found {
	switch id {
	case "port-exhaustion":
		return x.portsShown(sym)
	case "nonpaged-pool":
		return x.poolShown(sym)
	case "address-in-use":
		return x.listenerShown(sym)
	}
	return nil
}

// portsShown: a connect() found no port, and the table shows most of them taken.
func (x *examination) portsShown(sym *host.Symptom) *found {
	if sym.Call == "bind" || sym.Call == "listen" {
		return nil
	}
	for _, p := range x.shared {
		if p.share() >= heardShare {
			return x.sharedRunOut(p, Critical, Proven)
		}
	}
	ends := endsOf(sym)
	for _, b := range x.accounts {
		if b.fullness() < heardShare || !b.among(ends) {
			continue
		}
		return x.portsRunOut(&pressed{budget: b, severity: Critical, certainty: Proven, shortage: shortage{taken: b.used + b.reuse, sure: Proven}})
	}
	return nil
}

// fullness is the part of its ports that a destination takes, those that
// tcp_tw_reuse would hand out again among them.
func (b *budget) fullness() float64 {
	if b.usable <= 0 {
		return 1
	}
	return float64(b.used+b.reuse) / float64(b.usable)
}

// among reports whether a message that names these ends, or none, may be about
// an account's destination.
func (b *budget) among(ends []Destination) bool {
	d := destination(b.group.key.remote, 0)
	return len(ends) == 0 || slices.ContainsFunc(ends, func(e Destination) bool { return sameEnd(e, d) })
}

// listenerShown: a service was refused its port, and the table shows who listens there.
func (x *examination) listenerShown(sym *host.Symptom) *found {
	port := localPort(sym)
	if port == 0 || sym.Call == "connect" || sym.Call == "" && x.namesPeer(sym) {
		return nil
	}
	for _, s := range x.spaces {
		list := s.listening[port]
		if len(list) == 0 {
			continue
		}
		f := &found{id: "address-in-use", severity: Warning, certainty: Likely, ns: s.ns.Inode, blamed: x.blameListeners(list[:1], 1)}
		f.values = knowledge.Values{Kind: string(byListener), Count: sym.Count, Call: sym.Call, Lport: port, Laddr: endName(list[0].Local), Known: errnoName(errADDRINUSE), Errno: errADDRINUSE}
		f.values.Peer, f.values.PeerPID = x.peerOf(list[0])
		f.values.Process = f.values.Peer
		f.facts = append(f.facts, fact{key: string(byListener), value: 1, source: x.socketSource()})
		sus := suspicions[f.id]
		f.cures = sus.curesOn(x.os)
		return f
	}
	return nil
}

// namesPeer reports whether the address that a message names is another machine's,
// as far as the table knows: then it was no bind() that failed.
func (x *examination) namesPeer(sym *host.Symptom) bool {
	var at netip.Addr
	for _, e := range sym.Endpoints {
		if e.Addr.IsValid() {
			at = e.Addr.Addr()
			break
		}
	}
	if !at.IsValid() || at.IsUnspecified() || at.IsLoopback() {
		return false
	}
	peer := false
	for i := range x.now.Sockets {
		if x.now.Sockets[i].Local.Addr() == at {
			return false
		}
		peer = peer || x.now.Sockets[i].Remote.Addr() == at
	}
	return peer
}

// disproved reports whether the table speaks against what a message may mean. A
// table that leaves sockets out says nothing by what it does not show.
func (x *examination) disproved(id string, sym *host.Symptom) bool {
	if len(x.now.Sockets) == 0 || x.partly() {
		return false
	}
	switch id {
	case "port-exhaustion", "port-range-narrow", "bind-port-exhaustion", "short-lived-connections":
		if len(x.shared) > 0 {
			return !slices.ContainsFunc(x.shared, func(p *sharedPool) bool { return p.share() >= portsAmple })
		}
		known := slices.ContainsFunc(x.spaces, func(s *space) bool { return s.hasRange })
		ends := endsOf(sym)
		return known && !slices.ContainsFunc(x.accounts, func(b *budget) bool { return b.fullness() >= portsAmple && b.among(ends) })
	case "unconnected-socket-leak":
		return len(x.state(tcp.Bound)) > 0 // shown, and no finding was made of them
	case "close-wait-leak":
		return len(x.state(tcp.CloseWait)) == 0
	}
	return false
}

// manyCounted reports whether a text that only counts shows as many TIME_WAIT as
// a destination has ports.
func (x *examination) manyCounted() bool {
	if !x.countsOnly() {
		return false
	}
	r, known := x.usualRange(x.os)
	if !known {
		r = defaultRanges["linux"] // the wider of the common ones
	}
	return float64(x.now.Counted[tcp.TimeWait]) >= heardShare*float64(int(r[1])-int(r[0])+1)
}
