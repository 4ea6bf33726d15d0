package diagnose

import (
	"net/netip"

	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// selfConnect: a connection whose two ends are the same. connect() to a port of
// this machine on which nobody listens chose that very port as the local one,
// and TCP's simultaneous open joined the socket to itself (RFC 9293, section
// 3.5). There is no healthy number of these: one keeps its service from starting.
func selfConnect(x *examination) []*found {
	type key struct {
		ns   uint64
		addr netip.AddrPort
	}
	by := map[key][]*tcp.Socket{}
	var order []key
	for st := tcp.State(0); st < tcp.NumStates; st++ {
		if !st.Connected() || st == tcp.SynSent {
			continue
		}
		for _, sk := range x.state(st) {
			if sk.Local != sk.Remote || !sk.Remote.IsValid() || sk.Local.Port() == 0 || isName(sk.Local.Addr()) { // masks make strangers alike
				continue
			}
			k := key{sk.NetNS, sk.Local}
			if by[k] == nil {
				order = append(order, k)
			}
			by[k] = append(by[k], sk)
		}
	}
	var out []*found
	for _, k := range order {
		list := by[k]
		f := &found{id: "self-connect", severity: Notice, certainty: Proven, ns: k.ns}
		if list[0].State != tcp.TimeWait { // the program still takes it for the service
			f.severity = Warning
		}
		f.values = x.reservation(k.ns, k.addr.Port())
		f.values.Dest, f.values.State = endName(k.addr), list[0].State.String()
		f.values.Laddr, f.values.Raddr, f.values.Rport = addrName(k.addr.Addr()), addrName(k.addr.Addr()), k.addr.Port()
		f.blamed = x.blame(list)
		f.dests = []Destination{destination(k.addr, len(list))}
		f.facts = append(f.facts, fact{key: "same-ends", value: float64(len(list)), source: x.socketSource()})
		f.cures = []string{"detect-self-connect"}
		if f.values.Low > 0 && k.addr.Port() >= f.values.Low && k.addr.Port() <= f.values.High {
			f.facts = append(f.facts, fact{key: "in-range", value: float64(k.addr.Port()), source: "/proc/sys/net/ipv4/ip_local_port_range"})
			f.cures = append(f.cures, "reserve-service-port")
		}
		f.cures = append(f.cures, "backoff")
		out = append(out, f)
	}
	return out
}

// reservation are the values that sentences about reserving a port need.
func (x *examination) reservation(ns uint64, port uint16) knowledge.Values {
	v := knowledge.Values{Lport: port, Wanted: withPort("", port)}
	if s := x.space(ns); s != nil {
		v.Low, v.High = s.low, s.high
		// Writing the setting replaces the list: what is in it must be said again.
		v.Wanted = withPort(s.ns.Settings["net.ipv4.ip_local_reserved_ports"], port)
	}
	return v
}
