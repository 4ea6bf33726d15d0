package diagnose

import (
	"cmp"
	"slices"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// Below a hundred relayed connections a second hop on the same machine costs
// nothing worth a word (HEALTHY.md H19), unless the ports towards the second hop
// run low.
const (
	proxiedMany  = 100
	proxiedLeast = 20 // with ports running low
)

// proxiedTwice: a program on this machine takes connections and opens one more
// for each to a server on this same machine (docker-proxy, a sidecar, a local
// reverse proxy): every client costs several sockets, and ports on the inside.
func proxiedTwice(x *examination) []*found {
	var out []*found
	for _, r := range x.relays() {
		b := x.pressed(r.inner)
		n := min(len(r.outer), len(r.inner))
		if n < proxiedMany && (b == nil || n == 0) {
			continue
		}
		f := &found{id: "proxied-twice", severity: Notice, certainty: Likely, ns: r.key.ns}
		f.blamed = x.blame(slices.Concat(r.outer, r.inner))
		f.dests = destinations(r.inner)
		f.values = knowledge.Values{Count: uint64(n), Lport: r.outer[0].Local.Port(), Other: uint64(len(r.outer) + len(r.inner))}
		source := x.socketSource()
		f.facts = append(f.facts, fact{key: "outer", value: float64(len(r.outer)), source: source},
			fact{key: "inner", value: float64(len(r.inner)), source: source})
		if b != nil {
			v := x.portValues(b)
			f.facts = append(f.facts, fact{key: "ports", value: b.share(), source: source, values: &v})
		}
		if p := x.process(r.key.pid); p != nil && p.Runtime == host.Docker {
			f.cures = append(f.cures, "no-userland-proxy")
		}
		f.cures = append(f.cures, "reuse-connections")
		out = append(out, f)
	}
	return out
}

type relay struct {
	key          partyKey
	outer, inner []*tcp.Socket // accepted from clients; opened to a server here
}

// relays finds the programs that hold accepted connections and others whose far
// end is here, most first.
func (x *examination) relays() []*relay {
	if len(x.state(tcp.Established)) < proxiedLeast {
		return nil
	}
	// First who does both at all: most programs only accept or only connect.
	type sides struct{ accepted, opened int }
	does := map[partyKey]*sides{}
	x.eachHeld(func(k partyKey, sk *tcp.Socket) {
		d := does[k]
		if d == nil {
			d = &sides{}
			does[k] = d
		}
		if x.space(sk.NetNS).outgoing(sk) {
			d.opened++
		} else {
			d.accepted++
		}
	})
	at := map[partyKey]*relay{}
	for k, d := range does {
		if min(d.accepted, d.opened) >= proxiedLeast {
			at[k] = &relay{key: k}
		}
	}
	if len(at) == 0 {
		return nil
	}
	var opened []*tcp.Socket
	x.eachHeld(func(k partyKey, sk *tcp.Socket) {
		switch r := at[k]; {
		case r == nil:
		case x.space(sk.NetNS).outgoing(sk):
			opened = append(opened, sk)
		default:
			r.outer = append(r.outer, sk)
		}
	})
	for i, end := range x.otherEnds(opened, tcp.Established) {
		if end != nil && x.program(end.PID) != x.program(opened[i].PID) {
			r := at[partyKey{ns: opened[i].NetNS, pid: x.program(opened[i].PID)}]
			r.inner = append(r.inner, opened[i])
		}
	}
	var out []*relay
	for _, r := range at {
		if len(r.inner) > 0 {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *relay) int {
		return cmp.Or(cmp.Compare(len(b.inner), len(a.inner)), cmp.Compare(a.key.ns, b.key.ns), cmp.Compare(a.key.pid, b.key.pid))
	})
	return out
}

// eachHeld hands over every established connection that a process holds, with
// its program.
func (x *examination) eachHeld(each func(partyKey, *tcp.Socket)) {
	for _, sk := range x.state(tcp.Established) {
		if sk.PID != 0 {
			each(partyKey{ns: sk.NetNS, pid: x.program(sk.PID)}, sk)
		}
	}
}

// pressed returns the port account of these connections where it is near its
// wall, nil where there is none.
func (x *examination) pressed(inner []*tcp.Socket) *budget {
	for _, b := range x.accounts {
		if max(b.share(), b.plateauShare()) < portsNear {
			return nil // nearest its wall first
		}
		for _, sk := range inner {
			if sk.NetNS == b.space.ns.Inode && sk.Remote == b.group.key.remote && sk.Local.Addr() == b.group.key.laddr {
				return b
			}
		}
	}
	return nil
}
