package diagnose

import (
	"sockeye/internal/knowledge"
)

// bindPortExhaustion: a program binds to its source address before it connects,
// so that all destinations together share one range of ports; bind() then fails
// with EADDRINUSE.
func bindPortExhaustion(x *examination) []*found {
	var out []*found
	for _, p := range x.pools {
		var failed uint64
		list, _ := x.failures(p.space.ns.Inode, "bind", errADDRINUSE, noAddr)
		for _, fl := range list {
			if fl.Addr.Port() == 0 && (fl.Addr.Addr() == p.laddr || fl.Addr.Addr().IsUnspecified()) {
				failed += fl.Count
			}
		}
		f := &found{id: "bind-port-exhaustion", ns: p.space.ns.Inode}
		switch {
		case p.used >= p.capacity && p.exact, failed > 0:
			f.severity, f.certainty = Critical, Proven
		case p.used >= p.capacity:
			f.severity, f.certainty = Critical, Likely
		case p.share() >= portsFull:
			f.severity, f.certainty = Warning, Possible
		default:
			continue
		}
		f.values = knowledge.Values{Count: uint64(p.used), Capacity: uint64(max(p.capacity, 0)), Share: p.share(),
			Laddr: p.laddr.String(), Low: p.space.low, High: p.space.high,
			Reserved: uint64(int(p.space.high) - int(p.space.low) + 1 - p.space.rangePorts)}
		f.values.NewLow, f.values.NewHigh = widerRange(p.space.low, p.space.high)
		f.blamed = x.blame(p.bound)
		f.dests = destinations(p.bound)
		f.values.Other = uint64(len(f.dests))
		f.facts = append(f.facts, fact{key: "used", value: float64(p.used), source: x.socketSource()})
		if p.exact {
			f.facts = append(f.facts, fact{key: "bound", value: float64(len(p.bound)), source: x.socketSource()})
		} else {
			f.facts = append(f.facts, fact{key: "inferred", value: float64(len(p.bound)), source: x.socketSource()})
		}
		if failed > 0 {
			v := f.values
			v.Other, v.Window = failed, x.seen.Window
			f.facts = append(f.facts, fact{key: "failed", value: float64(failed), source: x.seen.By, values: &v})
		}
		f.cures = []string{"no-port-at-bind", "reuse-connections", "widen-port-range"}
		out = append(out, f)
	}
	return out
}
