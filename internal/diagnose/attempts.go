package diagnose

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// opening is every connection of a namespace that waits for the answer to its
// SYN, towards one destination, with what else goes there.
type opening struct {
	space  *space
	remote netip.AddrPort

	waiting []*tcp.Socket // SYN_SENT
	stuck   int           // of those, without an answer for at least a second
	again   int           // of those, with a repeated SYN
	retries uint8         // of the one that repeated most
	stayed  int           // in SYN_SENT in both looks
	timed   bool          // the source tells timers: SYN_SENT always runs one
	living  int           // ESTABLISHED to the same destination
	other   int           // in any other state to it: it answered once
}

// unanswered is how long a SYN must have waited to be called unanswered. Linux
// repeats the first after one second (TCP_TIMEOUT_INIT, include/net/tcp.h,
// v6.18); no healthy path takes that long.
const unanswered = time.Second

// openings lists the destinations that connections are being opened to, most
// unanswered first.
func (x *examination) openings() []*opening {
	if x.opens != nil {
		return *x.opens
	}
	var out []*opening
	for _, s := range x.spaces {
		out = append(out, s.openings()...)
	}
	list, _, _ := x.changeIn(tcp.SynSent, everySocket)
	old := make(map[*tcp.Socket]bool, len(list))
	for _, sk := range list {
		old[sk] = true
	}
	for _, o := range out {
		o.wait(old, x.window)
	}
	slices.SortFunc(out, func(a, b *opening) int {
		return cmp.Or(cmp.Compare(b.stuck, a.stuck), cmp.Compare(len(b.waiting), len(a.waiting)),
			cmp.Compare(a.space.ns.Inode, b.space.ns.Inode), a.remote.Compare(b.remote))
	})
	x.opens = &out
	return out
}

// openings lists those of one namespace, with what else goes there.
func (s *space) openings() (out []*opening) {
	byRemote := map[netip.AddrPort]*opening{}
	for g := range s.groups() {
		if g.in(tcp.SynSent) == 0 {
			continue
		}
		o := byRemote[g.key.remote]
		if o == nil {
			o = &opening{space: s, remote: g.key.remote}
			byRemote[g.key.remote] = o
			out = append(out, o)
		}
		for _, sk := range g.members {
			if sk.State == tcp.SynSent {
				o.waiting = append(o.waiting, sk)
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	for g := range s.groups() {
		if o := byRemote[g.key.remote]; o != nil {
			o.living += g.in(tcp.Established)
			o.other += g.total() - g.in(tcp.SynSent)
		}
	}
	return out
}

// wait counts how long those that wait have done so; old are the sockets that both
// looks show, so far apart.
func (o *opening) wait(old map[*tcp.Socket]bool, window time.Duration) {
	slices.SortFunc(o.waiting, func(a, b *tcp.Socket) int { return a.Local.Compare(b.Local) })
	for _, sk := range o.waiting {
		stayed := old[sk]
		if stayed {
			o.stayed++
		}
		if sk.Timer.Retries > 0 {
			o.again++
		}
		if sk.Timer.Retries > 0 || (stayed && window >= unanswered*9/10) {
			o.stuck++
		}
		o.retries = max(o.retries, sk.Timer.Retries)
		o.timed = o.timed || sk.Timer.Kind != tcp.TimerOff
	}
}

// everySocket is the match for change that leaves nothing out.
func everySocket(*tcp.Socket) bool { return true }

// seenThere is what was seen of one destination while somebody watched.
type seenThere struct {
	connects []host.Flow
	noPort   []host.Failure // connects that failed with EADDRNOTAVAIL
}

// somewhere reports whether an address is one. A tracer that has no room left
// counts connections under the unspecified address, and some failures come
// without theirs: those count for their process, and are no destination.
func somewhere(remote netip.AddrPort) bool {
	return remote.IsValid() && !remote.Addr().IsUnspecified()
}

// seenAt returns what was seen of a destination; nothing when nobody watched.
func (x *examination) seenAt(k destKey) seenThere {
	if x.seen == nil {
		return seenThere{}
	}
	if x.events == nil {
		x.events = map[destKey]seenThere{}
		for _, c := range x.seen.Outgoing {
			if !somewhere(c.Remote) {
				continue
			}
			e := x.events[destKey{c.NetNS, c.Remote}]
			e.connects = append(e.connects, c)
			x.events[destKey{c.NetNS, c.Remote}] = e
		}
		for _, f := range x.seen.Failures {
			if f.Call == "connect" && f.Errno == errADDRNOTAVAIL && somewhere(f.Addr) {
				e := x.events[destKey{f.NetNS, f.Addr}]
				e.noPort = append(e.noPort, f)
				x.events[destKey{f.NetNS, f.Addr}] = e
			}
		}
	}
	return x.events[k]
}

// seenWhole reports whether every event of the window was seen: then what was
// not seen did not happen.
func (x *examination) seenWhole() bool {
	return x.seen != nil && x.seen.Window > 0 && x.seen.Lost == 0 && !x.seen.Cut
}

// seenEach is seenWhole for one destination: every connection was counted under
// its own address.
func (x *examination) seenEach() bool { return x.seenWhole() && x.seen.Folded == 0 }

// connectsTo sums what was seen of connects to a destination: opened, failed,
// and of the failed those that were refused (somebody answered).
func (x *examination) connectsTo(ns uint64, remote netip.AddrPort) (opened, failed, refused uint64) {
	if x.seen == nil {
		return 0, 0, 0
	}
	for _, c := range x.seenAt(destKey{ns, remote}).connects {
		opened += c.Opened
		failed += c.Failed
	}
	_, refused = x.failures(ns, "connect", errCONNREFUSED, remote)
	return opened, failed, refused
}

// attempts are the connects of one program to one destination.
type attempts struct {
	opened, lost, refused   uint64
	lostByPID, refusedByPID map[int32]uint64
	byErrno                 map[uint32]uint64

	openedAt, refusedAt map[int32]*places // lines of code, by process
	cgroups             map[int32]string
}

func newAttempts() *attempts {
	return &attempts{lostByPID: map[int32]uint64{}, refusedByPID: map[int32]uint64{}, byErrno: map[uint32]uint64{},
		openedAt: map[int32]*places{}, refusedAt: map[int32]*places{}, cgroups: map[int32]string{}}
}

// A connect that failed later is in both lists, one that failed at once only
// among the failures, one that the program gave up only among the connects: the
// greater of the two counts is what surely failed.
func (a *attempts) failed() uint64 { return max(a.lost, a.refused) }

func (a *attempts) tried() uint64 { return max(a.opened, a.failed()) }

// caller is a program that connects: known by its pid, or, where its processes
// had ended before they could be described, by its name.
type caller struct {
	ns   uint64
	pid  int32
	name string
}

// callers returns what finds the caller of a process. One that has ended belongs
// to the program of its name where there is just one.
func (x *examination) callers() func(ns uint64, pid int32, name string) caller {
	known := map[caller][]int32{} // by name, pid 0
	add := func(ns uint64, pid int32, name string) {
		k := caller{ns: ns, name: name}
		if p := x.program(pid); x.process(pid) != nil && !slices.Contains(known[k], p) {
			known[k] = append(known[k], p)
		}
	}
	for _, fl := range x.ours.Failures {
		add(fl.NetNS, fl.PID, fl.Name)
	}
	for _, list := range [][]host.Flow{x.ours.Outgoing, x.ours.Incoming} {
		for _, c := range list {
			add(c.NetNS, c.PID, c.Name)
		}
	}
	return func(ns uint64, pid int32, name string) caller {
		if x.process(pid) != nil {
			return caller{ns: ns, pid: x.program(pid)}
		}
		k := caller{ns: ns, name: name}
		if list := known[k]; len(list) == 1 {
			return caller{ns: ns, pid: list[0]}
		}
		return k
	}
}

// giveUpAfter is how long connect() waits without a timeout of its own:
// tcp_syn_linear_timeouts SYNs a second apart, then doubling for
// tcp_syn_retries more (ip-sysctl.rst, v6.18: 6 and 4 make 131 s), each wait at
// most TCP_RTO_MAX, 120 s. 0 when the settings are unknown.
func (s *space) giveUpAfter() time.Duration {
	retries, ok := s.ns.Settings.Int("net.ipv4.tcp_syn_retries")
	if !ok || retries < 0 || retries > 127 {
		return 0
	}
	total := time.Duration(min(max(s.setting("net.ipv4.tcp_syn_linear_timeouts", 0), 0), 127)) * time.Second
	wait := time.Second
	for range retries + 1 {
		total += wait
		wait = min(2*wait, 120*time.Second)
	}
	return total
}

// blameCallers blames those whose calls failed, in proportion.
func (x *examination) blameCallers(list []host.Failure) []blamed {
	var total uint64
	by := map[int32]*blamed{}
	count := map[int32]uint64{}
	for _, f := range list {
		total += f.Count
		count[f.PID] += f.Count
		if by[f.PID] == nil {
			by[f.PID] = &blamed{pid: f.PID, name: f.Name, ns: f.NetNS, cgroup: f.Cgroup, by: "failed-calls"}
		}
	}
	out := make([]blamed, 0, len(by))
	for pid, b := range by {
		if total > 0 {
			b.share = float64(count[pid]) / float64(total)
		}
		out = append(out, *b)
	}
	slices.SortFunc(out, func(a, b blamed) int {
		return cmp.Or(cmp.Compare(b.share, a.share), cmp.Compare(a.pid, b.pid))
	})
	x.codeByFailures(out, list)
	return out
}

// destination makes a Destination of a remote end.
func destination(remote netip.AddrPort, sockets int) Destination {
	return Destination{addrName(remote.Addr()), remote.Port(), sockets}
}
