package diagnose

import (
	"sockeye/internal/tcp"
)

// servicePortTaken: an outgoing connection was given the port on which a service
// wants to listen. The service cannot start while that connection, or its
// TIME_WAIT, lasts: SO_REUSEADDR does not help, as the other socket lacks it
// (tried on 6.18).
func servicePortTaken(x *examination) []*found {
	var out []*found
	told := map[portOf]bool{}
	for _, r := range x.refusals() {
		if r.holding != byOutgoing {
			continue
		}
		told[portOf{r.ns, r.addr.Port()}] = true
		f := x.refused("service-port-taken", r)
		f.cures = []string{"reserve-service-port"}
		out = append(out, f)
	}
	return append(out, x.portsLostOnRestart(told)...)
}

// portsLostOnRestart finds listeners of the first look that are gone in the last
// while an outgoing connection holds their port: the service was restarting.
func (x *examination) portsLostOnRestart(told map[portOf]bool) []*found {
	var out []*found
	for _, l := range x.stateThen(tcp.Listen) {
		k := portOf{l.NetNS, l.Local.Port()}
		s := x.space(k.ns)
		if s == nil || told[k] || len(s.listening[k.port]) > 0 || !s.ephemeral(k.port) {
			continue
		}
		told[k] = true
		for i := range x.now.Sockets {
			sk := &x.now.Sockets[i]
			if sk.NetNS != k.ns || sk.Local.Port() != k.port || sk.Port != tcp.PortAuto || !conflicts(l.Local.Addr(), sk.Local.Addr()) {
				continue
			}
			f := &found{id: "service-port-taken", severity: Warning, certainty: Likely, ns: k.ns}
			f.values = x.reservation(k.ns, k.port)
			f.values.Kind, f.values.Count, f.values.Laddr = "restart", 1, addrName(l.Local.Addr())
			f.values.Dest, f.values.State = endName(sk.Remote), sk.State.String()
			f.values.Peer, f.values.PeerPID = x.peerOf(sk)
			x.nameOpener(&f.values, sk)
			f.blamed = x.blame([]*tcp.Socket{sk})
			f.dests = []Destination{destination(sk.Remote, 1)}
			f.facts = append(f.facts,
				fact{key: "listened", value: float64(k.port), source: x.socketSource()},
				fact{key: string(byOutgoing), value: 1, source: x.socketSource()})
			f.cures = []string{"reserve-service-port"}
			out = append(out, f)
			break
		}
	}
	return out
}
