package diagnose

import (
	"slices"
	"time"

	"sockeye/internal/tcp"
)

// untouched returns the sockets on which nothing moved between the two looks.
// Without measurements empty queues must do.
func (x *examination) untouched(then, stayed []*tcp.Socket) (idle []*tcp.Socket) {
	for i, was := range x.earlierAmong(slices.Values(then), stayed) {
		now := stayed[i]
		if was == nil {
			continue
		}
		if was.Info == nil || now.Info == nil {
			if now.RecvQ == 0 && now.SendQ == 0 {
				idle = append(idle, now)
			}
			continue
		}
		if was.Info.BytesAcked == now.Info.BytesAcked && was.Info.BytesReceived == now.Info.BytesReceived {
			idle = append(idle, now)
		}
	}
	return idle
}

// heldAlike leaves of the sockets those of the processes that opened new ones:
// that another process starts its own pool is no leak of the first.
func heldAlike(socks, came []*tcp.Socket) []*tcp.Socket {
	opens := openers(came)
	return only(socks, func(sk *tcp.Socket) bool { return opens[sk.PID] })
}

// openers are the processes that hold these sockets; 0 stands for the unknown ones.
func openers(socks []*tcp.Socket) map[int32]bool {
	out := map[int32]bool{}
	for _, sk := range socks {
		out[sk.PID] = true
	}
	return out
}

// rested counts the sockets that have been idle for at least leakRest.
func rested(socks []*tcp.Socket) (n int) {
	for _, sk := range socks {
		if a, ok := idleAge(sk); ok && a >= leakRest {
			n++
		}
	}
	return n
}

// mirrors reports whether the processes that opened these connections accepted
// about as many in the same time, and hold about as many: a proxy, whose
// connections are as many as its clients.
func (x *examination) mirrors(s *space, open, came []*tcp.Socket, gone int) bool {
	opens := openers(came)
	accepted := func(sk *tcp.Socket) bool {
		return sk.PID != 0 && opens[sk.PID] && sk.NetNS == s.ns.Inode && !s.outgoing(sk)
	}
	stayed, fresh, left := x.changeIn(tcp.Established, accepted)
	return float64(len(stayed)+len(fresh)) >= leakMirror*float64(len(open)) &&
		float64(len(fresh)-left) >= leakMirror*float64(len(came)-gone)
}

// steadily reports whether sockets went idle all along, from the oldest until
// now: of six equal spans of that time each but the oldest, in which a program
// starts up, saw about as many as the others.
func steadily(idle []*tcp.Socket) bool {
	const spans = 6
	longest := longestIdle(idle)
	if longest <= 0 {
		return false
	}
	var n [spans]int
	for _, sk := range idle {
		a, ok := idleAge(sk)
		if !ok {
			return false
		}
		n[min(int(spans*a/longest), spans-1)]++
	}
	recent := n[:spans-1]
	return slices.Min(recent) > 0 && slices.Max(recent) <= 3*slices.Min(recent)
}

// never is how long until something that is not foreseen.
const never = time.Duration(1<<63 - 1)

// untilFull says when the leak meets the descriptor limit of its program; never
// where that is not known.
func (x *examination) untilFull(f *found) time.Duration {
	if len(f.blamed) == 0 || f.values.Rate <= 0 {
		return never
	}
	p := x.now.Processes[f.blamed[0].pid]
	if p == nil || p.FDs == nil || p.FDLimit == nil || *p.FDLimit <= *p.FDs {
		return never
	}
	rate := f.values.Rate * f.blamed[0].share
	if rate <= 0 {
		return never
	}
	v := f.values
	left := float64(*p.FDLimit-*p.FDs) / rate
	v.FullIn, v.Limit = time.Duration(min(left, 1e9)*float64(time.Second)), *p.FDLimit
	f.facts = append(f.facts, fact{key: "until-full", value: left, source: "/proc/PID/limits", values: &v})
	return v.FullIn
}

// untilNoPort says when the leak has taken every local port for its destination,
// if that is soon; never where it is not known.
func (x *examination) untilNoPort(f *found, g group) time.Duration {
	i := slices.IndexFunc(x.accounts, func(b *budget) bool { return b.space == g.space && b.group.key == g.key })
	if i < 0 || f.values.Rate <= 0 || x.accounts[i].boundOnly() {
		return never
	}
	b := x.accounts[i]
	left := float64(max(b.usable-b.used, 0)) / f.values.Rate
	v := f.values
	v.FullIn, v.Limit = time.Duration(min(left, 1e9)*float64(time.Second)), uint64(max(b.usable, 0))
	if v.FullIn <= leakSoon {
		f.facts = append(f.facts, fact{key: "until-no-port", value: left, source: "net.ipv4.ip_local_port_range", values: &v})
	}
	return v.FullIn
}
