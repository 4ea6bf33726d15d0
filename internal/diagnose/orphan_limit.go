package diagnose

import (
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// Shares of tcp_max_orphans. An orphan that gets nowhere counts double or
// fourfold (net/ipv4/tcp_timer.c tcp_out_of_resources, v6.18), so that sockets
// are reset from a quarter of the setting on.
const (
	orphansNear = 0.25
	orphansFull = 0.50
)

// orphanLimit: too many sockets that their programs closed are still being
// finished by the kernel; it resets some of them and their last data is lost.
func orphanLimit(x *examination) []*found {
	sys := &x.now.System
	limit, ok := sys.Settings.Int("net.ipv4.tcp_max_orphans")
	if !ok || limit <= 0 || !sys.TCPOrphans.Known {
		return nil
	}
	used := sys.TCPOrphans.Value
	share := float64(used) / float64(limit)
	if share < orphansNear {
		return nil
	}
	f := &found{id: "orphan-limit", wide: true, severity: Warning, certainty: Possible}
	if share >= orphansFull {
		f.severity = Critical
	}
	var more uint64
	if x.before != nil {
		more = grown(x.before.System.TCPOrphans.Value, used, x.before.System.TCPOrphans.Known)
	}
	aborted, _ := x.deltaAll("TcpExtTCPAbortOnMemory")
	switch {
	case share >= 1 || aborted > 0:
		f.severity, f.certainty = Critical, Proven
	case more > 0:
		f.certainty = Likely
	}
	f.values = knowledge.Values{Count: used, Capacity: uint64(limit), Share: share, Limit: uint64(limit) * 2}
	f.facts = append(f.facts, fact{key: "used", value: float64(used), source: "/proc/net/sockstat"})
	told := func(key string, n uint64, source string) {
		v := f.values
		v.Other, v.Window = n, x.window
		f.facts = append(f.facts, fact{key: key, value: float64(n), source: source, values: &v})
	}
	if aborted > 0 {
		told("aborted", aborted, "/proc/net/netstat")
	}
	if more > 0 {
		told("growing", more, "/proc/net/sockstat")
	}
	left := x.finishing()
	if len(left) > 0 {
		var unsent uint64
		for _, sk := range left {
			if sk.SendQ > 1 { // 1 is the FIN itself
				unsent++
			}
		}
		told("finishing", uint64(len(left)), x.socketSource())
		told("unsent", unsent, x.socketSource())
		f.blamed, f.dests = x.blameEitherSide(left), destinations(left)
	}
	for _, s := range x.spaces {
		// 0 means 8 repeats (net/ipv4/tcp_timer.c tcp_orphan_retries, v6.18).
		if n, ok := s.ns.Settings.Int("net.ipv4.tcp_orphan_retries"); !ok || n == 0 || n > 3 {
			f.cures = []string{"orphan-retries"}
		}
	}
	f.cures = append(f.cures, "raise-max-orphans")
	return []*found{f}
}

// finishing returns the sockets that no program holds any more and that the
// kernel still has to finish. TIME_WAIT and the FIN_WAIT_2 that is kept like it
// are no orphans.
func (x *examination) finishing() []*tcp.Socket {
	var out []*tcp.Socket
	for i := range x.now.Sockets {
		sk := &x.now.Sockets[i]
		if sk.PID != 0 || sk.Inode != 0 {
			continue
		}
		switch sk.State {
		case tcp.FinWait1, tcp.LastAck, tcp.Closing:
			out = append(out, sk)
		}
	}
	return out
}
