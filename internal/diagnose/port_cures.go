package diagnose

import "sockeye/internal/tcp"

// sourceCures are the cures in the program, by what its connections mostly do.
func sourceCures(mostly tcp.State) []string {
	switch mostly {
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
// only those that would help here. tcp_tw_reuse acts in connect() alone: a port
// that bind() asks for is not taken back by it.
func (x *examination) kernelPortCures(b *budget) []string {
	var out []string
	s, g := b.space, b.group
	bound, _ := g.bound()
	if b.use.waiting*2 > g.total() && b.reuse == 0 && bound*2 < g.total() {
		mode := s.setting("net.ipv4.tcp_tw_reuse", -1)
		stamps := s.setting("net.ipv4.tcp_timestamps", 1)
		if mode != 1 && stamps != 0 {
			out = append(out, "tw-reuse")
		}
	}
	return append(append(out, rangeCures(s)...), "more-addresses")
}

// rangeCures are the settings that would give a namespace more ports.
func rangeCures(s *space) (out []string) {
	span := int(s.high) - int(s.low) + 1
	if span-s.rangePorts > span/4 {
		out = append(out, "free-reserved-ports")
	}
	if _, _, ok := widerRange(s.ns.Settings, s.low, s.high); ok {
		out = append(out, "widen-port-range")
	}
	return out
}
