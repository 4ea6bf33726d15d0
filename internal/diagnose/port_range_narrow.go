package diagnose

import "sockeye/internal/knowledge"

// narrowRange is the number of ports below which a range is called narrow. The
// default has 28,232; guides and old kernels (1024–4999) leave a few thousand.
const narrowRange = 10000

// portRangeNarrow: the range of local ports was made small, or reserved ports
// eat it. Until ports run low it is only worth a notice.
func portRangeNarrow(x *examination) []*found {
	var out []*found
	for _, s := range x.spaces {
		if !s.hasRange || s.rangePorts >= narrowRange || len(s.groups) == 0 {
			continue
		}
		span := int(s.high) - int(s.low) + 1
		f := &found{id: "port-range-narrow", severity: Notice, certainty: Proven, ns: s.ns.Inode, wide: true}
		f.values = knowledge.Values{Count: uint64(s.rangePorts), Capacity: uint64(span), Low: s.low, High: s.high,
			Reserved: uint64(span - s.rangePorts), Rate: float64(s.rangePorts) / 60}
		f.values.NewLow, f.values.NewHigh = widerRange(s.low, s.high)
		f.facts = append(f.facts, fact{key: "range", value: float64(span), source: "/proc/sys/net/ipv4/ip_local_port_range"})
		if span > s.rangePorts {
			f.facts = append(f.facts, fact{key: "reserved", value: float64(span - s.rangePorts), source: "/proc/sys/net/ipv4/ip_local_reserved_ports"})
		}
		if span-s.rangePorts > span/4 {
			f.cures = append(f.cures, "free-reserved-ports")
		}
		f.cures = append(f.cures, "widen-port-range")
		out = append(out, f)
	}
	return out
}
