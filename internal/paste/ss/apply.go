package ss

import (
	"strings"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// apply writes the facts into the row's socket; again when more is known.
func (t *table) apply(b *form.Builder) {
	f, s := &t.facts, b.Last()
	if t.after == afterOther || s == nil {
		return
	}
	s.Inode, s.Cookie, s.Mark, s.PID = f.inode, f.cookie, f.mark, f.first()
	if s.Inode != 0 {
		s.UID = f.uid
	}
	if f.timed {
		s.Timer = f.timer
		if f.timer.Kind == tcp.TimerTimeWait && s.State == tcp.Unknown {
			s.State = tcp.TimeWait
		}
	}
	s.Orphan = finishing(s.State) && (f.hasInode && f.inode == 0 || s.Timer.Kind == tcp.TimerTimeWait)
	if f.measured && measured(s.State) {
		if s.Info == nil {
			s.Info = t.room()
		}
		*s.Info = f.info
		if s.Timer.Kind == tcp.TimerPersist {
			s.Info.Probes = s.Timer.Retries
		}
	}
}

// first is the process that stands for all that hold the socket: the one with the
// lowest pid, which is the parent of the others where they were forked. ss gives
// them in an order that differs from row to row.
func (f *facts) first() int32 {
	for _, pid := range f.owners {
		if pid > 0 {
			return pid
		}
	}
	if len(f.owners) > 0 {
		return f.owners[0]
	}
	return 0
}

// settle ends a row: nothing more will be said of it.
func (t *table) settle(b *form.Builder) {
	f := &t.facts
	t.owned = t.owned || len(f.owners) > 0
	if f.udp {
		for _, pid := range f.owners {
			p := b.Processes[pid]
			p.UDP = max(p.UDP, 0) + 1
		}
	}
	if len(f.owners) == 1 && len(f.cgroup) > 0 {
		if p := b.Processes[f.owners[0]]; p.Cgroup == "" {
			p.Cgroup = string(f.cgroup)
			p.Unit = unitOf(p.Cgroup)
		}
	}
	if t.after != afterRow && t.after != afterInfo {
		return
	}
	s := b.Last()
	if s.Inode != 0 && len(f.owners) > 1 {
		for _, pid := range f.owners {
			if len(b.Sharers[s.Inode]) < sharersMax {
				b.Share(s.Inode, pid)
			}
		}
	}
	t.unknown = t.unknown || s.State == tcp.Unknown
	if !f.named && s.State == tcp.Established && (!f.hasInode || f.inode != 0) {
		t.bare = true
	}
}

// sharersMax bounds how many processes are told to share a socket: finding one
// among them takes longer with each.
const sharersMax = 1024

// room hands out one Info: a hundred thousand single ones cost more than reading.
func (t *table) room() *tcp.Info {
	if len(t.infos) == 0 {
		t.infos = make([]tcp.Info, 256)
	}
	i := &t.infos[0]
	t.infos = t.infos[1:]
	return i
}

// finishing: a socket without a file in this state was closed by its program.
func finishing(s tcp.State) bool {
	return s == tcp.FinWait1 || s == tcp.FinWait2 || s == tcp.LastAck || s == tcp.Closing
}

// measured: before the handshake and after the end struct tcp_info says nothing.
func measured(s tcp.State) bool {
	return s == tcp.Unknown || s.Connected() && s != tcp.SynSent && s != tcp.SynReceived && s != tcp.TimeWait
}

// unitOf returns the service unit of a control group's path, "" when it names
// none: the first, and below a user's manager (user@1000.service) the next.
func unitOf(cgroup string) (unit string) {
	for part := range strings.SplitSeq(cgroup, "/") {
		if strings.HasSuffix(part, ".service") {
			unit = part
			if !strings.HasPrefix(part, "user@") {
				break
			}
		}
	}
	return unit
}
