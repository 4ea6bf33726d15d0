package diagnose

import (
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// poolShown: WSAENOBUFS on Windows, while the table, with the bound sockets in
// it, shows most ports free: then memory that cannot be paged out may be what is
// missing. Ports come first: they nearly always are it, and tables that hide
// bound sockets cannot clear them.
func (x *examination) poolShown(sym *host.Symptom) *found {
	if x.os != "windows" || sym.Errno != errNOBUFS || x.partly() || len(x.state(tcp.Bound)) == 0 {
		return nil
	}
	for _, p := range x.shared {
		if p.listed && p.share() < portsAmple {
			f := &found{id: "nonpaged-pool", severity: Warning, certainty: Possible, ns: p.space.ns.Inode, wide: true}
			f.values = knowledge.Values{Count: uint64(p.used), Capacity: uint64(max(p.capacity, 0)), Share: p.share(), Total: uint64(len(x.now.Sockets))}
			f.facts = append(f.facts, fact{key: "ports-free", value: float64(p.used), source: x.socketSource()})
			f.cures = []string{"find-pool-tag"}
			return f
		}
	}
	return nil
}
