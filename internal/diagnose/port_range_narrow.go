package diagnose

import (
	"time"

	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// narrowRange is the number of ports below which a range is called narrow. The
// default has 28,232; guides and old kernels (1024–4999) leave a few thousand.
const narrowRange = 10000

// portRangeNarrow: the range of local ports was made small, or reserved ports
// eat it. Until ports run low it is only worth a notice.
func portRangeNarrow(x *examination) []*found {
	var out []*found
	for _, s := range x.spaces {
		if s.rangeBy != rangeOfLinux || s.rangePorts >= narrowRange || len(s.out) == 0 {
			continue
		}
		span := int(s.high) - int(s.low) + 1
		f := &found{id: "port-range-narrow", severity: Notice, certainty: Proven, ns: s.ns.Inode, wide: true}
		f.values = knowledge.Values{Count: uint64(s.rangePorts), Capacity: uint64(span), Low: s.low, High: s.high,
			Reserved: uint64(span - s.rangePorts)}
		f.values.Kind, f.values.Age = s.portRest()
		if f.values.Age > 0 {
			f.values.Rate = float64(s.rangePorts) / f.values.Age.Seconds()
		}
		low, high, wider := widerRange(s.ns.Settings, s.low, s.high)
		f.values.NewLow, f.values.NewHigh = low, high
		f.facts = append(f.facts, fact{key: "range", value: float64(span), source: "/proc/sys/net/ipv4/ip_local_port_range"})
		if span > s.rangePorts {
			f.facts = append(f.facts, fact{key: "reserved", value: float64(span - s.rangePorts), source: "/proc/sys/net/ipv4/ip_local_reserved_ports"})
		}
		if span-s.rangePorts > span/4 {
			f.cures = append(f.cures, "free-reserved-ports")
		}
		if wider {
			f.cures = append(f.cures, "widen-port-range")
		}
		out = append(out, f)
	}
	return out
}

// portRest is how long a port is taken after a short connection, to the
// destinations that connections go to here, and which of these cases it is:
// "rest", all of TIME_WAIT; "far", TIME_WAIT but for loopback destinations, whose
// ports tcp_tw_reuse 2 hands out again; "reuse", until tcp_tw_reuse has it, 0
// for at once. See reusable for the conditions.
func (s *space) portRest() (kind string, rest time.Duration) {
	mode := s.setting("net.ipv4.tcp_tw_reuse", 0)
	if mode == 0 || s.setting("net.ipv4.tcp_timestamps", 1) == 0 {
		return "rest", tcp.TimeWaitLen
	}
	delay := min(max(s.reuseDelay(), 0), tcp.TimeWaitLen)
	if mode != 2 {
		return "reuse", delay
	}
	loopback, far := false, false
	for g := range s.groups() {
		if g.key.laddr.IsLoopback() || g.key.remote.Addr().IsLoopback() {
			loopback = true
		} else {
			far = true
		}
	}
	switch {
	case loopback && far:
		return "far", tcp.TimeWaitLen
	case loopback:
		return "reuse", delay
	}
	return "rest", tcp.TimeWaitLen
}
