package diagnose

import (
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// What a tracer remembers: who opened a socket that nobody holds any more, and
// which side closed it first.

// life returns what is remembered of a socket, nil when nothing.
func (x *examination) life(sk *tcp.Socket) *host.Life {
	if l := x.now.Life(sk); l != nil || x.before == nil {
		return l
	}
	return x.before.Life(sk)
}

// opener returns who opened a socket, and how that makes it theirs: "opener", or
// "listener" for an incoming connection that nobody has accepted yet. Nil where
// nobody watched.
func (x *examination) opener(sk *tcp.Socket) (o *host.Opener, by string) {
	l := x.life(sk)
	switch {
	case l == nil || l.Opener == nil || l.Opener.PID == 0:
		return nil, ""
	case l.Incoming && !l.Opener.Accepted:
		return l.Opener, "listener"
	}
	return l.Opener, "opener"
}

// reuseSlack is how much later than the socket a process must have started to be
// another one than the opener: start times are counted in hundredths of a second
// from a boot time that is known to the second (proc(5)).
const reuseSlack = 2 * time.Second

// reused reports whether the process that has a pid now is not the one that had
// it at a time.
func (x *examination) reused(pid int32, at time.Time) bool {
	p := x.process(pid)
	return p != nil && !at.IsZero() && !p.Started.IsZero() && p.Started.After(at.Add(reuseSlack))
}

// processOf returns the process that is blamed, nil where it was not described:
// mostly because it had ended.
func (x *examination) processOf(b *blamed) *host.Process {
	if b.ended {
		return nil
	}
	return x.process(b.pid)
}

// sameGroup returns a described process of a control group: one that has ended
// was in the same unit and container. Nil where there is none.
func (x *examination) sameGroup(cgroup string) *host.Process {
	if cgroup == "" || cgroup == "/" {
		return nil
	}
	if x.groups == nil {
		x.groups = map[string]*host.Process{}
		for _, sn := range []*host.Snapshot{x.now, x.before} {
			if sn == nil {
				continue
			}
			for pid, p := range sn.Processes {
				if have := x.groups[p.Cgroup]; have == nil || pid < have.PID {
					x.groups[p.Cgroup] = p
				}
			}
		}
	}
	return x.groups[cgroup]
}

// memorySource names where openers, closers and stacks come from.
func (x *examination) memorySource() string {
	if x.seen != nil {
		return x.seen.By
	}
	return "tracepoint"
}

// forgotten counts the connections that surely began while a tracer remembered,
// and of which it yet knows nothing: they are in the last look and were not in
// the first, which began after the tracer.
func (x *examination) forgotten() int {
	if x.now.Lives == nil || x.now.Remembered.IsZero() || !x.cookies() || x.before.TakenAt.Before(x.now.Remembered) {
		return 0
	}
	unknown := map[uint64]bool{}
	for i := range x.now.Sockets {
		sk := &x.now.Sockets[i]
		if remembered(sk.State) && sk.Cookie != 0 && x.now.Lives[sk.Cookie] == nil {
			unknown[sk.Cookie] = true
		}
	}
	if len(unknown) == 0 {
		return 0
	}
	for i := range x.before.Sockets {
		delete(unknown, x.before.Sockets[i].Cookie)
	}
	return len(unknown)
}

// remembered reports whether a socket in this state has a life of its own:
// requests are not sockets yet.
func remembered(st tcp.State) bool {
	return st.Connected() && st != tcp.NewSynRecv && st != tcp.SynReceived
}
