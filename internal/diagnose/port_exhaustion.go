package diagnose

import (
	"time"

	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// Shares of the usable ports of one source address for one destination. Below
// portsNear nothing is said unless the rate fills them within a minute: many
// ports in use are no fault (HEALTHY.md H2, H4).
const (
	portsNear = 0.7
	portsFull = 0.9
	portsSoon = 10 * time.Minute // a slow leak is the leak's own finding until then
)

// portExhaustion: connect() finds no free local port for one destination and
// fails with EADDRNOTAVAIL; other destinations still work.
func portExhaustion(x *examination) []*found {
	var out []*found
	for _, b := range x.accounts {
		if f := x.portsRunOut(b); f != nil {
			out = append(out, f)
		}
	}
	return out
}

func (x *examination) portsRunOut(b *budget) *found {
	g, s := b.group, b.space
	_, failed := x.failures(s.ns.Inode, "connect", errADDRNOTAVAIL, g.key.remote)
	// With ports to spare the same errno means a source address that is not
	// this machine's (address-not-local).
	if b.share() < 0.5 {
		failed = 0
	}
	if b.boundOnly() && failed == 0 {
		return nil
	}
	f := &found{id: "port-exhaustion", ns: s.ns.Inode}
	growing := b.fullIn != nil && (*b.fullIn <= portsSoon || b.share() >= portsNear)
	switch {
	case b.used >= b.usable || failed > 0:
		f.severity, f.certainty = Critical, Proven
	case b.share() >= portsFull && growing:
		f.severity, f.certainty = Critical, Likely
	case growing:
		f.severity, f.certainty = Warning, Likely
	case b.share() >= portsFull && b.plateauShare() < 1 && b.rate > 0:
		f.severity, f.certainty = Notice, Likely // levels off just below the wall
	case b.share() >= portsFull:
		f.severity, f.certainty = Warning, Possible
	default:
		return nil
	}
	f.values = x.portValues(b)
	if b.fullIn != nil {
		f.values.FullIn = *b.fullIn
	}
	f.dests = []Destination{{g.key.remote.Addr().String(), g.key.remote.Port(), g.total}}
	f.blamed = x.blame(g.members)

	f.facts = append(f.facts,
		fact{key: "used", value: float64(b.used), source: x.socketSource()},
		fact{key: "usable", value: float64(b.usable), source: "/proc/sys/net/ipv4/ip_local_port_range"})
	if failed > 0 {
		v := f.values
		v.Other, v.Window = failed, x.seen.Window
		f.facts = append(f.facts, fact{key: "failed", value: float64(failed), source: x.seen.By, values: &v})
	}
	if tw := g.byState[tcp.TimeWait]; tw > 0 {
		v := f.values
		v.Other = uint64(tw)
		f.facts = append(f.facts, fact{key: "time-wait", value: float64(tw), source: x.socketSource(), values: &v})
	}
	if b.growth > 0 {
		v := f.values
		v.Rate = b.growth
		f.facts = append(f.facts, fact{key: "growth", value: b.growth, source: x.socketSource(), values: &v})
	} else if b.rate > 0 {
		f.facts = append(f.facts, fact{key: "rate", value: b.rate, source: x.rateSource()})
	}
	f.cures = append(x.sourceCures(g), x.kernelPortCures(b)...)
	return f
}

// portValues are what sentences about a port budget may say.
func (x *examination) portValues(b *budget) knowledge.Values {
	g, s := b.group, b.space
	v := knowledge.Values{
		Count: uint64(b.used), Total: uint64(g.total), Usable: uint64(max(b.usable, 0)),
		Reserved: uint64(int(s.high) - int(s.low) + 1 - s.rangePorts), Blocked: uint64(s.heldCount),
		Capacity: uint64(int(s.high) - int(s.low) + 1),
		Share:    b.share(), Rate: b.rate, Plateau: uint64(b.plateau),
		Laddr: g.key.laddr.String(), Raddr: g.key.remote.Addr().String(), Rport: g.key.remote.Port(),
		Dest: g.key.remote.String(), Low: s.low, High: s.high, State: g.mostly().String(),
	}
	v.NewLow, v.NewHigh = widerRange(s.low, s.high)
	return v
}

// widerRange proposes bounds of different parity (ip-sysctl.rst asks for it)
// that stay above where services usually listen.
func widerRange(low, high uint16) (uint16, uint16) {
	if low > 10240 {
		low = 10240
	}
	if high < 65535 {
		high = 65535
	}
	if low%2 == high%2 {
		low++
	}
	return low, high
}

// rateSource says how the rate of new connections was measured.
func (x *examination) rateSource() string {
	if x.seen != nil {
		return x.seen.By
	}
	return x.socketSource()
}

// sourceCures are the cures in the program, by what its connections mostly do.
func (x *examination) sourceCures(g *group) []string {
	switch g.mostly() {
	case tcp.CloseWait:
		return []string{"close-connections"}
	case tcp.SynSent:
		return []string{"connect-timeout"}
	case tcp.Established, tcp.FinWait2:
		return []string{"close-connections", "reuse-connections"}
	}
	return []string{"reuse-connections"}
}

// kernelPortCures are the settings that would give this destination more ports,
// only those that would help here.
func (x *examination) kernelPortCures(b *budget) []string {
	var out []string
	s, g := b.space, b.group
	if g.byState[tcp.TimeWait]*2 > g.total && b.reuse == 0 {
		mode := s.setting("net.ipv4.tcp_tw_reuse", -1)
		stamps := s.setting("net.ipv4.tcp_timestamps", 1)
		if mode != 1 && stamps != 0 {
			out = append(out, "tw-reuse")
		}
	}
	span := int(s.high) - int(s.low) + 1
	if span-s.rangePorts > span/4 {
		out = append(out, "free-reserved-ports")
	}
	if low, high := widerRange(s.low, s.high); int(high)-int(low) > int(s.high)-int(s.low) {
		out = append(out, "widen-port-range")
	}
	return append(out, "more-addresses")
}
