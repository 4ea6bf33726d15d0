package diagnose

import (
	"net/netip"

	"sockeye/internal/tcp"
)

// resetPeers are connections that were reset while the program held them in
// CLOSE_WAIT, by their peers or from here (ss -K): they are CLOSED now, still a
// descriptor each, and know their remote end but no local port (tried on 6.18:
// inet_put_port takes the port, the address stays). A connect() without waiting
// that failed leaves the same.
type resetPeers struct{ now, then []*tcp.Socket }

// hadPeer reports whether an unconnected socket was connected, or tried to be.
func hadPeer(sk *tcp.Socket) bool {
	return sk.State == tcp.Closed && sk.PID != 0 && sk.Remote.IsValid() && sk.Remote.Port() != 0
}

// resets finds, for programs that hold CLOSE_WAIT, what was reset among the
// connections of the same side: towards the same destinations, or, for those it
// accepted, from any port that a client would have.
func (x *examination) resets(parties []*party) map[partyKey]resetPeers {
	out := map[partyKey]resetPeers{}
	if len(parties) == 0 {
		return out
	}
	type dest struct {
		partyKey
		remote netip.AddrPort
	}
	dests, keys := map[dest]bool{}, map[partyKey]bool{}
	for _, p := range parties {
		keys[p.key] = true
		if !p.key.server {
			for _, sk := range p.now {
				dests[dest{p.key, sk.Remote}] = true
			}
		}
	}
	side := func(sk *tcp.Socket) (partyKey, bool) {
		k := partyKey{ns: sk.NetNS, pid: x.program(sk.PID)}
		if !hadPeer(sk) {
			return k, false
		}
		if dests[dest{k, sk.Remote}] {
			return k, true
		}
		k.server = true
		s := x.space(sk.NetNS)
		return k, keys[k] && s != nil && (s.ephemeral(sk.Remote.Port()) || !s.hasRange && sk.Remote.Port() >= 1024)
	}
	for _, sk := range x.state(tcp.Closed) {
		if k, ok := side(sk); ok {
			r := out[k]
			r.now = append(r.now, sk)
			out[k] = r
		}
	}
	for _, sk := range x.stateThen(tcp.Closed) {
		if k, ok := side(sk); ok {
			r := out[k]
			r.then = append(r.then, sk)
			out[k] = r
		}
	}
	return out
}

// filesLeft is how many more descriptors a program has open than in the first
// look, less what its established connections account for.
func (x *examination) filesLeft(k partyKey) uint64 {
	var then, now int64
	for pid, p := range x.now.Processes {
		if x.program(pid) != k.pid || p.FDs == nil {
			continue
		}
		if b := x.before.Processes[pid]; b != nil && b.FDs != nil && b.StartTicks == p.StartTicks {
			then, now = then+int64(*b.FDs), now+int64(*p.FDs)
		}
	}
	open := 0
	for _, sk := range x.state(tcp.Established) {
		if sk.NetNS == k.ns && sk.PID != 0 && x.program(sk.PID) == k.pid {
			open++
		}
	}
	for _, sk := range x.stateThen(tcp.Established) {
		if sk.NetNS == k.ns && sk.PID != 0 && x.program(sk.PID) == k.pid {
			open--
		}
	}
	return uint64(max(now-then-int64(max(open, 0)), 0))
}
