package tune

import (
	"sockeye/internal/diagnose"
	"sockeye/internal/tcp"
)

const (
	somaxconnName    = "net.core.somaxconn"
	synBacklogName   = "net.ipv4.tcp_max_syn_backlog"
	somaxconnShipped = 4096  // since Linux 5.4; 128 before
	somaxconnMost    = 65535 // older kernels count the queue in 16 bits, and a longer line only makes clients wait for what they have given up
)

// queues plans the lines in front of listeners. somaxconn caps what a program
// asks for in listen(): only a queue that is exactly as long as it allows is held
// back by it.
func (m *maker) queues() {
	accept := m.want("accept-queue-overflow", diagnose.Warning)
	syn := m.want("syn-queue-pressure", diagnose.Warning)
	w := first(accept, syn, m.forProfile(Server, Proxy, Database))
	if w == nil {
		return
	}
	now, ok := m.number(somaxconnName)
	if !ok || now < 0 {
		m.left(somaxconnName, "unknown", Values{})
		return
	}
	to, measured := uint64(somaxconnShipped), len(w.found) > 0
	v := Values{Capacity: uint64(now)}
	if measured {
		capped, least := m.shortQueues(w, uint32(min(now, 1<<31)))
		v.Backlog = uint64(least)
		if !capped {
			m.left(somaxconnName, "backlog-of-program", v)
			m.synBacklog()
			return
		}
		to = min(max(2*uint64(now), somaxconnShipped), somaxconnMost)
	}
	if uint64(now) >= somaxconnMost && measured {
		m.left(somaxconnName, "queue-long", v)
	} else {
		m.raise(w, somaxconnName, to, Change{Reason: "somaxconn", Values: v})
	}
	m.synBacklog()
}

// shortQueues looks at the listeners that a finding is about: those of the
// programs that it names, of them the ones with a line before them where there
// are any. least is the shortest of their queues.
func (m *maker) shortQueues(w *want, allowed uint32) (capped bool, least uint32) {
	named := map[int32]bool{}
	for _, f := range w.found {
		for _, c := range f.Culprits {
			named[c.PID] = true
		}
	}
	waiting := false
	for i := range m.in.Snapshot.Sockets {
		sk := &m.in.Snapshot.Sockets[i]
		if sk.NetNS != m.ns.Inode || sk.State != tcp.Listen || !named[sk.PID] {
			continue
		}
		line := sk.RecvQ > 0 && sk.RecvQ*2 >= sk.SendQ
		switch {
		case waiting && !line:
			continue
		case line && !waiting:
			waiting, capped, least = true, false, 0
		}
		capped = capped || sk.SendQ == allowed
		if least == 0 || sk.SendQ < least {
			least = sk.SendQ
		}
	}
	return capped, least
}
