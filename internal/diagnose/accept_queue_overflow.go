package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// A queue that is used for an instant is scheduling (HEALTHY.md H15). It is worth
// a word past half in both looks, or nearly full in the only one; short queues
// (Python and Java examples listen with 1 to 5) are excepted there, since a
// single client fills them.
const (
	queueHalf  = 0.5
	queueNear  = 0.8
	queueShort = 8
)

// acceptQueueOverflow: connections wait for accept() until the queue is full;
// the kernel then drops new ones without a word, and clients time out.
func acceptQueueOverflow(x *examination) []*found {
	var out []*found
	for _, s := range x.spaces {
		out = append(out, x.acceptQueues(s)...)
	}
	return out
}

// queue is the accept queue of one address; several listeners share an address
// with SO_REUSEPORT, and then the fullest is the one that counts.
type queue struct {
	listeners       []*tcp.Socket
	worst           *tcp.Socket
	waiting         uint64 // in all of them
	share, earlier  float64
	full, wasFull   bool
	earlierObserved bool
}

func (x *examination) acceptQueues(s *space) []*found {
	queues := x.queues(s)
	overflows, counted := s.delta("TcpExtListenOverflows")
	var out []*found
	for _, q := range queues {
		if f := x.acceptQueue(s, q, overflows, counted, false); f != nil {
			out = append(out, f)
		}
	}
	if len(out) > 0 || overflows == 0 || len(queues) == 0 {
		return out
	}
	// Overflows that no queue shows now. The fullest one is the candidate; where
	// all of several are empty again nothing tells which it was.
	if q := queues[0]; len(queues) == 1 || max(q.share, q.earlier) > 0 {
		return append(out, x.acceptQueue(s, q, overflows, counted, true))
	}
	f := &found{id: "accept-queue-overflow", ns: s.ns.Inode, wide: true, severity: Warning, certainty: Likely,
		values: knowledge.Values{Total: uint64(len(queues)), Wanted: s.longerBacklog(0)}, cures: []string{"accept-faster", "larger-backlog"}}
	v := f.values
	v.Other, v.Window = overflows, x.window
	f.facts = append(f.facts, fact{key: "overflows", value: float64(overflows), source: "/proc/net/netstat", values: &v})
	return append(out, f)
}

// queues returns the accept queues of a namespace, the fullest first.
func (x *examination) queues(s *space) []*queue {
	earlier := map[uint64]*tcp.Socket{}
	byAddr := map[listenKey]*tcp.Socket{}
	if x.before != nil {
		for i := range x.before.Sockets {
			sk := &x.before.Sockets[i]
			if sk.State != tcp.Listen || sk.NetNS != s.ns.Inode {
				continue
			}
			if sk.Cookie != 0 {
				earlier[sk.Cookie] = sk
			}
			byAddr[listenKey{sk.Local.Addr(), sk.Local.Port()}] = sk
		}
	}
	all := map[listenKey]*queue{}
	for _, ls := range s.listening {
		for _, l := range ls {
			k := listenKey{l.Local.Addr(), l.Local.Port()}
			q := all[k]
			if q == nil {
				q = &queue{share: -1}
				all[k] = q
			}
			q.listeners = append(q.listeners, l)
			q.waiting += uint64(l.RecvQ)
			share := x.queueShare(l)
			if share <= q.share {
				continue
			}
			q.worst, q.share, q.full = l, share, x.queueFull(l)
			was := earlier[l.Cookie]
			if was == nil {
				was = byAddr[k]
			}
			if q.earlierObserved = was != nil; was != nil {
				q.earlier, q.wasFull = x.queueShare(was), x.queueFull(was)
			}
		}
	}
	out := make([]*queue, 0, len(all))
	for _, q := range all {
		out = append(out, q)
	}
	slices.SortFunc(out, func(a, b *queue) int {
		return cmp.Or(cmp.Compare(max(b.share, b.earlier), max(a.share, a.earlier)),
			cmp.Compare(a.worst.Local.Port(), b.worst.Local.Port()), a.worst.Local.Addr().Compare(b.worst.Local.Addr()))
	})
	return out
}

// knowsBacklog reports whether SendQ of a listener is its limit. /proc/net/tcp
// and netstat print 0 there (net/ipv4/tcp_ipv4.c get_tcp4_sock, v6.18).
func (x *examination) knowsBacklog(l *tcp.Socket) bool {
	by := x.now.Source.SocketsBy
	return l.SendQ > 0 || by == "bpf-iter" || by == "sock_diag"
}

// queueFull: the queue takes one more than its limit before it is full
// (sk_acceptq_is_full, include/net/sock.h, v6.18).
func (x *examination) queueFull(l *tcp.Socket) bool { return x.knowsBacklog(l) && l.RecvQ > l.SendQ }

func (x *examination) queueShare(l *tcp.Socket) float64 {
	if !x.knowsBacklog(l) {
		return 0
	}
	return float64(l.RecvQ) / float64(uint64(l.SendQ)+1)
}

// acceptQueue judges one queue. blind says that overflows were counted but no
// queue is seen full, so that this one is only the likeliest.
func (x *examination) acceptQueue(s *space, q *queue, overflows uint64, counted, blind bool) *found {
	l := q.worst
	f := &found{id: "accept-queue-overflow", ns: s.ns.Inode}
	roomy := l.SendQ >= queueShort
	switch {
	case q.full && overflows > 0, q.full && q.wasFull && l.SendQ > 0:
		f.severity, f.certainty = Critical, Proven
	case q.full && l.SendQ > 0:
		// Full at one look only, and nobody was seen to be turned away.
		f.severity, f.certainty = Warning, Proven
	case q.full:
		// A backlog of 0 has room for one client, which may just be on its turn.
		return nil
	case overflows > 0 && (blind || q.wasFull || q.share >= queueHalf):
		f.severity, f.certainty = Warning, Likely
	case q.earlierObserved && q.share >= queueNear && q.earlier >= queueHalf && roomy:
		f.severity, f.certainty = Warning, Likely
	case q.earlierObserved && q.share >= queueHalf && q.earlier >= queueHalf && roomy:
		f.severity, f.certainty = Notice, Likely
	case !q.earlierObserved && q.share >= queueNear && roomy:
		f.severity, f.certainty = Notice, Possible
	default:
		return nil
	}
	f.values = knowledge.Values{Count: uint64(l.RecvQ), Capacity: uint64(l.SendQ), Share: q.share,
		Total: q.waiting, Laddr: addrName(l.Local.Addr()), Lport: l.Local.Port(), Dest: endName(l.Local),
		Limit: s.somaxconn(), Wanted: s.longerBacklog(uint64(l.SendQ))}
	f.blamed = x.blameListeners(q.listeners, int(q.waiting))
	f.facts = append(f.facts, fact{key: "waiting", value: float64(l.RecvQ), source: x.socketSource()})
	told := func(key string, n uint64, source string) {
		v := f.values
		v.Other, v.Window = n, x.window
		if b := f.blamed; len(b) > 0 {
			v.Process = host.Printable(b[0].name)
		}
		f.facts = append(f.facts, fact{key: key, value: float64(n), source: source, values: &v})
	}
	if overflows > 0 {
		told("overflows", overflows, "/proc/net/netstat")
	} else if counted && q.full {
		told("quiet", 0, "/proc/net/netstat")
	}
	if q.wasFull && q.full {
		told("both", uint64(l.RecvQ), x.socketSource())
	}
	if unread := x.unaccepted(s, l); unread > 0 {
		told("closed", unread, x.socketSource())
	}
	f.values.Known = x.serverKnown(f.blamed)
	f.cures = append([]string{"accept-faster"}, x.longerQueue(s, l)...)
	return f
}

// serverKnown names the server program that runs an application, where advice
// has a command for it and the command line shows it.
func (x *examination) serverKnown(blame []blamed) string {
	for _, b := range blame {
		p := x.now.Processes[b.pid]
		if p == nil {
			continue
		}
		for _, arg := range p.Cmdline[:min(len(p.Cmdline), 3)] {
			if name := arg[strings.LastIndexByte(arg, '/')+1:]; name == "gunicorn" || strings.HasPrefix(name, "gunicorn:") {
				return "gunicorn"
			}
		}
	}
	return ""
}

// defaultSomaxconn is net.core.somaxconn since Linux 5.4.
const defaultSomaxconn = 4096

func (s *space) somaxconn() uint64 {
	return uint64(max(s.setting("net.core.somaxconn", defaultSomaxconn), 0))
}

// longerQueue is what gives a listener a longer queue. Only one that is as long
// as the system allows is held back by the system; the others did not ask for more.
func (x *examination) longerQueue(s *space, l *tcp.Socket) []string {
	if x.knowsBacklog(l) && uint64(l.SendQ) == s.somaxconn() {
		return []string{"raise-somaxconn", "larger-backlog"}
	}
	return []string{"larger-backlog"}
}

// longerBacklog proposes a length for an accept queue: what the system allows
// already or, where that is reached, twice what it is.
func (s *space) longerBacklog(now uint64) string {
	if allowed := s.somaxconn(); allowed > now {
		return fmt.Sprint(allowed)
	}
	return fmt.Sprint(max(2*now, defaultSomaxconn))
}

// unaccepted counts the connections to a listener that the other side closed
// before anybody accepted them: CLOSE_WAIT without a file.
func (x *examination) unaccepted(s *space, l *tcp.Socket) (n uint64) {
	if by := x.now.Source.SocketsBy; s.byState[tcp.CloseWait] == 0 || by == "text" || by == "iphlpapi" {
		return 0 // these know no inode
	}
	for i := range x.now.Sockets {
		sk := &x.now.Sockets[i]
		if sk.State == tcp.CloseWait && sk.Inode == 0 && sk.PID == 0 && sk.NetNS == l.NetNS && s.listener(sk.Local) == l {
			n++
		}
	}
	return n
}
