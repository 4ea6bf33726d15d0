package form

import "sockeye/internal/tcp"

// DropDoubleBound takes out the BOUND rows of ports that another row has, too:
// Windows lists a connection's own hold on its port beside the connection, also
// when that is in TIME_WAIT, and neither is a socket of its own. What remains is
// bound and nothing else. from is where the part's sockets begin.
func DropDoubleBound(b *Builder, from int) {
	if from > len(b.Sockets) {
		return
	}
	bound := false
	var used [1 << 16]bool
	for i := range b.Sockets[from:] {
		s := &b.Sockets[from+i]
		if s.State == tcp.Bound {
			bound = true
		} else {
			used[s.Local.Port()] = true
		}
	}
	if !bound {
		return
	}
	kept := b.Sockets[:from]
	for _, s := range b.Sockets[from:] {
		if s.State != tcp.Bound || !used[s.Local.Port()] {
			kept = append(kept, s)
		}
	}
	b.Sockets = kept
}
