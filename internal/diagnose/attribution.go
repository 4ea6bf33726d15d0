package diagnose

import "sockeye/internal/tcp"

// blameEitherSide attributes sockets of both directions: like blame, and what
// has lost its owner but ends at a listener goes to the listener's program.
// For limits that incoming and outgoing connections fill alike.
func (x *examination) blameEitherSide(sockets []*tcp.Socket) []blamed {
	spaces := map[uint64]*space{}
	for _, s := range x.spaces {
		spaces[s.ns.Inode] = s
	}
	t := newTally(len(sockets))
	var rest []*tcp.Socket
	for _, sk := range sockets {
		if o, _ := x.opener(sk); sk.PID == 0 && o == nil && spaces[sk.NetNS] != nil {
			if l := spaces[sk.NetNS].listener(sk.Local); l != nil && l.PID != 0 {
				t.add(culpritKey{pid: l.PID}, sk.NetNS, sk.State, "listener")
				continue
			}
		}
		rest = append(rest, sk)
	}
	for _, b := range x.blame(rest) {
		k := culpritKey{pid: b.pid}
		if b.ended {
			k.ended = b.name
		}
		own := t.by[k]
		if own == nil {
			t.by[k] = &b
			continue
		}
		own.by = weaker(b.by, own.by)
		own.code().join(b.places)
		own.sockets += b.sockets
		for st, n := range b.byState {
			own.byState[st] += n
		}
	}
	return t.ordered(x)
}

// deltaAll is how much a counter grew between the two looks over every
// namespace; ok is false when no namespace could tell.
func (x *examination) deltaAll(counter string) (sum uint64, ok bool) {
	for _, s := range x.spaces {
		if d, known := s.delta(counter); known {
			sum, ok = sum+d, true
		}
	}
	return sum, ok
}

// grown returns how much one of the host's numbers grew between the looks; 0
// with a single look, when unknown, or when it did not grow.
func grown(before, now uint64, known bool) uint64 {
	if !known || now <= before {
		return 0
	}
	return now - before
}
