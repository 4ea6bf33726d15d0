package diagnose

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// party is the sockets of one program on one side: all processes of the same
// name, file, unit and container count as one program, so that the workers of a
// server are one culprit's doing and not ten findings.
type party struct {
	key       partyKey
	now, then []*tcp.Socket // in the last and in the first look
}

type partyKey struct {
	ns     uint64
	pid    int32 // the least of the program's pids; 0 where the owner is unknown
	server bool  // it accepted these connections
}

// parties groups the sockets of a state for which match holds, most sockets first.
func (x *examination) parties(st tcp.State, match func(*tcp.Socket) bool) []*party {
	at, spaces := map[partyKey]*party{}, map[uint64]*space{}
	for _, s := range x.spaces {
		spaces[s.ns.Inode] = s
	}
	find := func(sk *tcp.Socket, make bool) *party {
		s := spaces[sk.NetNS]
		if s == nil {
			return nil
		}
		k := partyKey{sk.NetNS, x.program(sk.PID), !s.outgoing(sk)}
		if at[k] == nil && make {
			at[k] = &party{key: k}
		}
		return at[k]
	}
	for _, sk := range x.state(st) {
		if match(sk) {
			p := find(sk, true)
			p.now = append(p.now, sk)
		}
	}
	if len(at) == 0 {
		return nil
	}
	for _, sk := range x.stateThen(st) {
		if match(sk) {
			if p := find(sk, false); p != nil {
				p.then = append(p.then, sk)
			}
		}
	}
	out := make([]*party, 0, len(at))
	for _, p := range at {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *party) int {
		return cmp.Or(cmp.Compare(len(b.now), len(a.now)), cmp.Compare(a.key.ns, b.key.ns), cmp.Compare(a.key.pid, b.key.pid))
	})
	return out
}

// peersIn counts the sockets of the same program and side in another state.
func (x *examination) peersIn(k partyKey, st tcp.State) (n int) {
	s := x.space(k.ns)
	for _, sk := range x.state(st) {
		if sk.NetNS == k.ns && x.program(sk.PID) == k.pid && s.outgoing(sk) != k.server {
			n++
		}
	}
	return n
}

// space returns the view of a namespace, nil where the last look has none.
func (x *examination) space(ns uint64) *space {
	for _, s := range x.spaces {
		if s.ns.Inode == ns {
			return s
		}
	}
	return nil
}

// process returns a process of the last look, or of the first if it is gone.
func (x *examination) process(pid int32) *host.Process {
	if p := x.now.Processes[pid]; p != nil || x.before == nil {
		return p
	}
	return x.before.Processes[pid]
}

// program returns the least pid among the processes that are the same program.
func (x *examination) program(pid int32) int32 {
	if x.alike == nil {
		x.alike = x.samePrograms()
	}
	if p, ok := x.alike[pid]; ok {
		return p
	}
	return pid
}

func (x *examination) samePrograms() map[int32]int32 {
	type sameness struct {
		name, exe, unit, container string
		ns                         uint64
	}
	least, pids := map[sameness]int32{}, map[int32]sameness{}
	for _, sn := range []*host.Snapshot{x.before, x.now} {
		if sn == nil {
			continue
		}
		for pid, p := range sn.Processes {
			k := sameness{name: p.Name, exe: p.Exe, unit: p.Unit, ns: p.NetNS}
			if p.Container != nil {
				k.container = p.Container.ID
			}
			// Interpreters run many programs: without a unit or container the
			// command line tells them apart.
			if p.Unit == "" && p.Container == nil && len(p.Cmdline) > 1 {
				k.name += "\x00" + strings.Join(p.Cmdline[1:], "\x00")
			}
			pids[pid] = k
			if l, ok := least[k]; !ok || pid < l {
				least[k] = pid
			}
		}
	}
	out := make(map[int32]int32, len(pids))
	for pid, k := range pids {
		out[pid] = least[k]
	}
	return out
}

// holder returns what tells whether a program holds a socket. Where a source
// shows neither files nor owners at all, every socket may be held.
func (x *examination) holder() func(*tcp.Socket) bool {
	allWait := x.allWait()
	if !x.tellsHolders() {
		return func(sk *tcp.Socket) bool {
			return !sk.Orphan && (len(allWait) == 0 || !allWait[x.space(sk.NetNS).listener(sk.Local)])
		}
	}
	if x.pasted() && !x.tells.files {
		// Owners of others' sockets are hidden from who is not root. Only where the
		// listener's owner shows does a connection without one belong to nobody.
		return func(sk *tcp.Socket) bool {
			if sk.PID != 0 {
				return true
			}
			l := x.space(sk.NetNS).listener(sk.Local)
			return !sk.Orphan && (l == nil || l.PID == 0 && !allWait[l])
		}
	}
	return func(sk *tcp.Socket) bool { return sk.PID != 0 || sk.Inode != 0 }
}

// tellsHolders reports whether the last look shows for any socket that it is held.
func (x *examination) tellsHolders() bool {
	return slices.ContainsFunc(x.now.Sockets, func(sk tcp.Socket) bool { return sk.PID != 0 || sk.Inode != 0 })
}

// growth is how a set of sockets changed between the two looks.
type growth struct{ stayed, came, gone int }

// What a leak looks like within one second: some that stay, new ones, and next
// to none that leave. A busy program's sockets come and go alike, and a peer
// that closes hundreds at once leaves none that were there before.
const (
	leakStayed = 10
	leakCame   = 2
	leakTurn   = 4 // for every gone one so many new ones
)

func (x *examination) growthOf(then, now []*tcp.Socket) growth {
	if x.before == nil {
		return growth{}
	}
	stayed, came, gone := x.compare(then, now)
	return growth{len(stayed), len(came), gone}
}

func (g growth) leaks() bool {
	return g.stayed >= leakStayed && g.came >= leakCame && g.gone*leakTurn <= g.came
}

// perSecond is the net growth per second, 0 with a single look.
func (g growth) perSecond(window time.Duration) float64 {
	if window <= 0 || g.came <= g.gone {
		return 0
	}
	return float64(g.came-g.gone) / window.Seconds()
}

// Share of the descriptors of a process from which they are nearly used up, and
// the part of them that makes one kind of socket the cause.
const (
	filesNear = 0.8
	filesMost = 0.5
)

// fillsFiles returns the process whose descriptors are nearly used up and mostly
// taken by these sockets, nil when there is none.
func (x *examination) fillsFiles(blame []blamed) *host.Process {
	for _, b := range blame {
		p := x.now.Processes[b.pid]
		if p == nil || p.FDs == nil || p.FDLimit == nil || *p.FDLimit == 0 {
			continue
		}
		if float64(*p.FDs) >= filesNear*float64(*p.FDLimit) && float64(b.sockets) >= filesMost*float64(*p.FDs) {
			return p
		}
	}
	return nil
}

// otherEnds returns for each socket the other end of its connection where that
// is on this machine, else nil. Loopback ends are of the same namespace; other
// addresses may belong to another one (a container).
func (x *examination) otherEnds(socks []*tcp.Socket, states ...tcp.State) []*tcp.Socket {
	across := func(t tcp.Tuple) tcp.Tuple {
		if !t.Local.Addr().IsLoopback() {
			t.NetNS = 0
		}
		return t
	}
	// Most peers are elsewhere: only addresses that are a local end here count.
	here, last := map[netip.Addr]bool{}, netip.Addr{}
	for _, st := range states {
		for _, sk := range x.state(st) {
			if a := sk.Local.Addr(); a != last {
				here[a], last = true, a
			}
		}
	}
	wanted := map[tcp.Tuple]int{}
	for i, sk := range socks {
		if here[sk.Remote.Addr()] {
			wanted[across(sk.Tuple().Reversed())] = i
		}
	}
	out := make([]*tcp.Socket, len(socks))
	if len(wanted) == 0 {
		return out
	}
	for _, st := range states {
		for _, sk := range x.state(st) {
			if i, ok := wanted[across(sk.Tuple())]; ok {
				out[i] = sk
			}
		}
	}
	return out
}

// quietFor returns how long nothing has come from the peer, not even an
// acknowledgement; ok is false where that was not measured. In CLOSE_WAIT it is
// the time since the peer's FIN, in FIN_WAIT_2 since ours was acknowledged
// (tcp_ack sets rcv_tstamp, net/ipv4/tcp_input.c, v6.18; tried).
func quietFor(sk *tcp.Socket) (d time.Duration, ok bool) {
	if sk.Info == nil {
		return 0, false
	}
	return sk.Info.LastAck, true
}

// oldest returns the longest quietFor of the sockets, 0 where none is measured.
func oldest(socks []*tcp.Socket) (d time.Duration) {
	for _, sk := range socks {
		q, _ := quietFor(sk)
		d = max(d, q)
	}
	return d
}

// listenersOf returns the listeners that accepted these sockets, each once.
func (x *examination) listenersOf(socks []*tcp.Socket) []*tcp.Socket {
	var out []*tcp.Socket
	seen := map[*tcp.Socket]bool{}
	for _, sk := range socks {
		s := x.space(sk.NetNS)
		if s == nil {
			continue
		}
		if l := s.listener(sk.Local); l != nil && !seen[l] {
			seen[l] = true
			out = append(out, l)
		}
	}
	return out
}
