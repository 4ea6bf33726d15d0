package diagnose

import (
	"cmp"
	"slices"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// udpNear is the share of the range of local ports that UDP sockets would take
// if each held one of it. Sockets on fixed ports are among them, and those that
// share one: a QUIC server connects one socket for each client on its own port
// (SO_REUSEPORT). The count is "at most", and never proves anything.
const udpNear = 0.80

// udpPortExhaustion: programs hold so many UDP sockets that bind() and connect()
// of a further one fail; name resolution breaks first.
func udpPortExhaustion(x *examination) []*found {
	var out []*found
	for _, s := range x.spaces {
		if !s.hasRange || s.rangePorts == 0 || !s.ns.UDPInUse.Known {
			continue
		}
		used := s.ns.UDPInUse.Value
		share := float64(used) / float64(s.rangePorts)
		if share < udpNear {
			continue
		}
		f := &found{id: "udp-port-exhaustion", ns: s.ns.Inode, severity: Warning, certainty: Possible}
		var more uint64
		if s.before != nil {
			more = grown(s.before.UDPInUse.Value, used, s.before.UDPInUse.Known)
		}
		f.values = knowledge.Values{Count: used, Capacity: uint64(s.rangePorts), Share: share, Low: s.low, High: s.high}
		low, high, wider := widerRange(s.ns.Settings, s.low, s.high)
		f.values.NewLow, f.values.NewHigh = low, high
		f.facts = append(f.facts, fact{key: "used", value: float64(used), source: "/proc/net/sockstat"})
		if more > 0 {
			v := f.values
			v.Other, v.Window = more, x.window
			f.facts = append(f.facts, fact{key: "growing", value: float64(more), source: "/proc/net/sockstat", values: &v})
		}
		for _, p := range x.mostUDP(s.ns.Inode) {
			f.blamed = append(f.blamed, blamed{pid: p.PID, name: p.Name, ns: p.NetNS, sockets: p.UDP,
				share: min(1, float64(p.UDP)/float64(used)), by: "owner"})
			v := f.values
			v.Process, v.PID, v.Other = host.Printable(p.Name), p.PID, uint64(p.UDP)
			f.facts = append(f.facts, fact{key: "holder", value: float64(p.UDP), source: x.now.Source.OwnersBy, values: &v})
		}
		f.cures = []string{"share-udp-socket"}
		if wider {
			f.cures = append(f.cures, "widen-port-range")
		}
		out = append(out, f)
	}
	return out
}

// mostUDP returns the three processes of a namespace with the most UDP sockets;
// a hundredth of all is the least that counts.
func (x *examination) mostUDP(ns uint64) []*host.Process {
	var list []*host.Process
	total := 0
	for _, p := range x.now.Processes {
		if p.NetNS == ns && p.UDP > 0 {
			list = append(list, p)
			total += p.UDP
		}
	}
	list = slices.DeleteFunc(list, func(p *host.Process) bool { return p.UDP*100 < total })
	slices.SortFunc(list, func(a, b *host.Process) int {
		return cmp.Or(cmp.Compare(b.UDP, a.UDP), cmp.Compare(a.PID, b.PID))
	})
	return list[:min(len(list), 3)]
}
