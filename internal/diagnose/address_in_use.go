package diagnose

import (
	"cmp"
	"slices"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// addressInUse: a service cannot have its port because another program, an
// earlier instance of itself or what that left behind has it.
func addressInUse(x *examination) []*found {
	var out []*found
	for _, r := range x.refusals() {
		// Who listens already and asks once more, for IPv4 besides IPv6, lives with it.
		if r.holding == byOutgoing || (r.holding == byListener && x.isOwner(r.pid, r.by)) {
			continue
		}
		f := x.refused("address-in-use", r)
		if (r.count == 1 && x.listensElsewhere(r.pid)) || r.holding == byNobody {
			f.severity = Notice // it looked for a free port, or has only to try again
		}
		switch r.holding {
		case byListener, byBound:
			f.cures = []string{"one-instance"}
		case byAccepted, byTimeWait:
			f.cures = []string{"reuse-address"}
		case byNobody:
			f.cures = []string{"reuse-address", "one-instance"}
		}
		out = append(out, f)
	}
	if x.seen == nil {
		out = append(out, x.idleTwins()...)
	}
	return out
}

// refused makes the finding that a program was refused its port.
func (x *examination) refused(id string, r *refusal) *found {
	f := &found{id: id, severity: Warning, certainty: Proven, ns: r.ns}
	f.values = x.reservation(r.ns, r.addr.Port())
	v := &f.values
	v.Count, v.Kind, v.Call, v.Errno, v.Known = r.count, string(r.holding), r.call, errADDRINUSE, errnoName(errADDRINUSE)
	v.Laddr, v.Dest = addrName(r.addr.Addr()), endName(r.addr)
	v.Other = uint64(r.sockets)
	v.Peer, v.PeerPID = x.peerOf(r.by)
	if r.holding == byOutgoing {
		x.nameOpener(v, r.by)
	}
	f.blamed = []blamed{{pid: r.pid, name: r.name, ns: r.ns, share: 1, by: "failed-calls", cgroup: r.cgroup, places: r.code}}
	asked := f.values
	asked.Window = x.seen.Window
	f.facts = append(f.facts, fact{key: "failed", value: float64(r.count), source: x.seen.By, values: &asked})
	if r.by != nil {
		v.State = r.by.State.String()
		held := f.values
		held.Laddr = endName(r.by.Local)
		if r.by.Remote.IsValid() {
			v.Raddr, v.Rport = addrName(r.by.Remote.Addr()), r.by.Remote.Port()
			held.Dest = endName(r.by.Remote)
		}
		f.facts = append(f.facts, fact{key: string(r.holding), value: float64(r.sockets), source: x.socketSource(), values: &held})
		f.blamed = append(f.blamed, x.holderOf(r)...)
	} else {
		f.facts = append(f.facts, fact{key: string(byNobody), source: x.socketSource()})
	}
	return f
}

// holderOf is the part of the process that holds the port, or opened the outgoing
// connection that still does; nothing where it is unknown or who was refused.
func (x *examination) holderOf(r *refusal) []blamed {
	t := newTally(1)
	if (r.by.PID == 0 && r.holding != byOutgoing) || !x.blameOwn(t, r.by) {
		return nil
	}
	holder := t.ordered(x)
	b := &holder[0]
	if b.pid == r.pid && !b.ended {
		return nil
	}
	b.sockets, b.share, b.byState = r.sockets, 1, map[string]int{r.by.State.String(): r.sockets}
	return holder
}

// listensElsewhere reports whether a process listens on some port after all.
func (x *examination) listensElsewhere(pid int32) bool {
	return slices.ContainsFunc(x.state(tcp.Listen), func(l *tcp.Socket) bool { return x.isOwner(pid, l) })
}

// idleTwins are second instances: the same program called the same way as one
// that listens, no relative of it, whose only socket has no port, in both looks.
// Without having seen bind() fail that is a guess, made only where nobody watched.
func (x *examination) idleTwins() []*found {
	if len(x.state(tcp.Closed)) == 0 || x.before == nil {
		return nil
	}
	type seat struct {
		ns  uint64
		pid int32
	}
	idle := map[seat]*tcp.Socket{} // its one unconnected socket
	busy := map[seat]bool{}
	for _, st := range tcp.States() {
		for _, sk := range x.state(st) {
			for _, pid := range x.now.Owners(sk) {
				switch k := (seat{sk.NetNS, pid}); {
				case st != tcp.Closed || sk.Local.Port() != 0: // what is bound was not refused
					busy[k] = true
				case idle[k] == nil:
					idle[k] = sk
				}
			}
		}
	}
	var out []*found
	told := map[int32]bool{}
	for _, l := range x.state(tcp.Listen) {
		first := x.now.Processes[l.PID]
		if first == nil || first.Exe == "" || len(first.Cmdline) == 0 {
			continue
		}
		for k, sk := range idle {
			p := x.now.Processes[k.pid]
			if p == nil || busy[k] || k.ns != l.NetNS || told[k.pid] || !twins(first, p) || !x.unchanged(sk) {
				continue
			}
			told[k.pid] = true
			f := &found{id: "address-in-use", severity: Notice, certainty: Possible, ns: l.NetNS}
			f.values = knowledge.Values{Lport: l.Local.Port(), Laddr: addrName(l.Local.Addr()), Kind: "twin", Count: 1}
			f.values.Peer, f.values.PeerPID = x.peerOf(l)
			f.blamed = []blamed{{pid: k.pid, ns: k.ns, sockets: 1, share: 1, by: "owner", byState: map[string]int{sk.State.String(): 1}}}
			f.facts = append(f.facts, fact{key: "twin", value: float64(k.pid), source: x.socketSource()})
			f.cures = []string{"one-instance"}
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b *found) int {
		return cmp.Or(cmp.Compare(a.ns, b.ns), cmp.Compare(a.blamed[0].pid, b.blamed[0].pid))
	})
	return out
}

// twins reports two instances of one program that did not fork from each other,
// nor from one parent; init is everybody's parent.
func twins(a, b *host.Process) bool {
	if a.PPID == b.PPID && a.PPID > 1 {
		return false
	}
	return a.PID != b.PID && a.PPID != b.PID && b.PPID != a.PID && a.Exe == b.Exe && slices.Equal(a.Cmdline, b.Cmdline)
}

// unchanged reports whether a socket was the same in the first look.
func (x *examination) unchanged(sk *tcp.Socket) bool {
	then := x.earlier([]*tcp.Socket{sk})[0]
	return then != nil && then.State == sk.State
}
