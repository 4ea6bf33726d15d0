package diagnose

import (
	"cmp"
	"slices"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// nearest is how many of the limits that come per destination, process or
// listener are listed: those nearest their wall.
const nearest = 20

// limits lists what is finite, nearest its wall first: everything of the host
// and of each namespace, the twenty nearest of the many, and whatever a finding
// is about.
func (x *examination) limits(all []*found, book *knowledge.Book) ([]Limit, error) {
	many := x.manyLimits()
	sortLimits(many)
	list := x.hostLimits()
	for i, l := range many {
		if i < nearest || named(l, all) {
			list = append(list, l)
		}
	}
	sortLimits(list)
	out := make([]Limit, 0, len(list))
	for _, l := range list {
		title, err := book.Word("limit."+l.ID, nil)
		if err != nil {
			return nil, err
		}
		out = append(out, x.limitInContract(l, title))
	}
	return out, nil
}

// wall is how near a limit is to being full: by use now or by where it levels off.
func wall(l host.Limit) float64 {
	u, _ := l.Utilization()
	if l.SteadyState != nil && l.Capacity > 0 {
		u = max(u, float64(*l.SteadyState)/float64(l.Capacity))
	}
	return u
}

// sortLimits puts those that are full now before those that will be.
func sortLimits(ls []host.Limit) {
	full := func(l host.Limit) int {
		if u, _ := l.Utilization(); u >= 1 {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(ls, func(a, b host.Limit) int {
		return cmp.Or(cmp.Compare(full(a), full(b)), cmp.Compare(wall(b), wall(a)), cmp.Compare(a.ID, b.ID))
	})
}

// named reports whether a finding is about this very limit.
func named(l host.Limit, all []*found) bool {
	for _, f := range all {
		if limitOf[f.id] != l.ID || (f.ns != 0 && l.Scope.NetNS != 0 && f.ns != l.Scope.NetNS) {
			continue
		}
		switch l.ID {
		case "process-fds":
			if slices.ContainsFunc(f.blamed, func(b blamed) bool { return b.pid == l.Scope.PID }) {
				return true
			}
		case "ephemeral-ports":
			if slices.ContainsFunc(f.dests, func(d Destination) bool {
				return d.Addr == addrName(l.Scope.Raddr) && d.Port == l.Scope.Rport
			}) {
				return true
			}
		case "accept-queue", "syn-queue":
			if f.values.Lport == l.Scope.Lport {
				return true
			}
		default:
			return true
		}
	}
	return false
}

// limitOf says which limit a finding is about.
var limitOf = map[string]string{
	"port-exhaustion": "ephemeral-ports", "short-lived-connections": "ephemeral-ports",
	"bind-port-exhaustion": "bind-ports", "fd-exhaustion": "process-fds",
	"accept-queue-overflow": "accept-queue", "never-accepted": "accept-queue",
	"syn-queue-pressure": "syn-queue",
}

// ofSockets are the limits whose use is counted from the list of sockets.
var ofSockets = map[string]bool{"ephemeral-ports": true, "bind-ports": true, "dynamic-ports": true}

// manyLimits are the limits per destination, source address, process and listener.
func (x *examination) manyLimits() []host.Limit {
	var out []host.Limit
	for _, b := range x.accounts {
		if !b.boundOnly() && b.space.rangeBy != rangeSeen { // whose capacity nobody told
			out = append(out, b.limit())
		}
	}
	for _, p := range x.pools {
		out = append(out, p.limit())
	}
	for _, p := range x.shared {
		out = append(out, p.limit())
	}
	refused := x.filesRefused()
	for _, p := range x.now.Processes {
		if limitsFiles(p, refused) && *p.FDLimit > 0 {
			out = append(out, x.fileLimit(p))
		}
	}
	for _, s := range x.spaces {
		out = append(out, x.listenerLimits(s)...)
	}
	// Map order must not show.
	slices.SortFunc(out, func(a, b host.Limit) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Scope.NetNS, b.Scope.NetNS),
			cmp.Compare(a.Scope.PID, b.Scope.PID), a.Scope.Laddr.Compare(b.Scope.Laddr),
			cmp.Compare(a.Scope.Lport, b.Scope.Lport), a.Scope.Raddr.Compare(b.Scope.Raddr),
			cmp.Compare(a.Scope.Rport, b.Scope.Rport))
	})
	return out
}

// filesCame is by how many a process's descriptors must have grown between the
// looks to be a rate: one or two are a log file or a request.
const filesCame = 3

// fileLimit is a process's limit of descriptors, with what the two looks tell.
func (x *examination) fileLimit(p *host.Process) host.Limit {
	l := host.Limit{ID: "process-fds", Unit: "files", Used: p.FDs, Capacity: *p.FDLimit, Scope: host.Scope{NetNS: p.NetNS, PID: p.PID}}
	if more := x.moreFDs(p); more >= filesCame && x.window > 0 {
		rate := float64(more) / x.window.Seconds()
		l.RatePerS = &rate
		if *p.FDs < *p.FDLimit {
			left := float64(*p.FDLimit-*p.FDs) / rate
			l.FullInS = &left
		}
	}
	return l
}

// listenerLimits are the accept queue and the SYN queue of each listener whose
// backlog the source tells. The accept queue holds one more than its limit
// (sk_acceptq_is_full, include/net/sock.h, v6.18), which is why Used may pass
// Capacity by one, and why a backlog of 0 is a queue of 1.
func (x *examination) listenerLimits(s *space) []host.Limit {
	var out []host.Limit
	for port, ls := range s.listening {
		for _, l := range ls {
			if !x.knowsBacklog(l) {
				continue
			}
			used, requests := uint64(l.RecvQ), uint64(s.requests[listenKey{l.Local.Addr(), port}])
			scope := host.Scope{NetNS: s.ns.Inode, Laddr: l.Local.Addr(), Lport: port}
			out = append(out,
				host.Limit{ID: "accept-queue", Unit: "connections", Used: &used, Capacity: max(uint64(l.SendQ), 1), Scope: scope},
				host.Limit{ID: "syn-queue", Unit: "connections", Used: &requests, Capacity: s.synRoom(l), Scope: scope})
		}
	}
	return out
}

// hostLimits are those of the host and of whole namespaces.
func (x *examination) hostLimits() []host.Limit {
	var out []host.Limit
	sys := &x.now.System
	add := func(id, unit string, ns uint64, used host.Opt, capacity int64, ok bool) {
		if !ok || capacity <= 0 {
			return
		}
		l := host.Limit{ID: id, Unit: unit, Capacity: uint64(capacity), Scope: host.Scope{NetNS: ns}}
		if used.Known {
			l.Used = &used.Value
		}
		out = append(out, l)
	}
	setting := func(name string) (int64, bool) { return sys.Settings.Int(name) }
	fileMax, ok := setting("fs.file-max")
	add("system-files", "files", 0, sys.FilesOpen, fileMax, ok)
	orphans, ok := setting("net.ipv4.tcp_max_orphans")
	add("orphans", "sockets", 0, sys.TCPOrphans, orphans, ok)
	if mem := sys.Settings.Ints("net.ipv4.tcp_mem"); len(mem) == 3 {
		add("tcp-memory", "pages", 0, sys.TCPMemPages, mem[2], true)
	}
	for _, n := range sys.Neighbours {
		thresh, ok := setting("net." + n.Family + ".neigh.default.gc_thresh3")
		add("neighbours", "entries", 0, n.Entries, thresh, ok)
		if ok && thresh > 0 {
			out[len(out)-1].Scope.Family = n.Family
		}
	}
	if m := sys.Memory; m.Total.Known && m.Available.Known {
		add("memory", "bytes", 0, host.Some(m.Total.Value-min(m.Available.Value, m.Total.Value)), int64(m.Total.Value), true)
	}
	for _, d := range sys.Disks {
		used := d.Size - min(d.Free, d.Size)
		out = append(out, host.Limit{ID: "disk", Unit: "bytes", Used: &used, Capacity: d.Size, Scope: host.Scope{Mount: d.Mount}})
	}
	for _, s := range x.spaces {
		buckets, ok := s.ns.Settings.Int("net.ipv4.tcp_max_tw_buckets")
		add("time-wait-buckets", "sockets", s.ns.Inode, s.timeWaits(), buckets, ok)
		tracked, ok := s.ns.Settings.Int("net.netfilter.nf_conntrack_max")
		add("conntrack", "entries", s.ns.Inode, s.ns.ConntrackCount, tracked, ok)
	}
	return out
}

func (x *examination) limitInContract(l host.Limit, title string) Limit {
	out := Limit{ID: l.ID, Title: title, AtLeast: l.Used != nil && ofSockets[l.ID] && x.cut(), Used: l.Used, Capacity: l.Capacity, Unit: l.Unit,
		RatePerS: l.RatePerS, SteadyState: l.SteadyState, FullInS: l.FullInS,
		Scope: Scope{NetNS: x.netns(l.Scope.NetNS), Lport: l.Scope.Lport, Rport: l.Scope.Rport, PID: l.Scope.PID, Mount: l.Scope.Mount, Family: l.Scope.Family}}
	if l.Scope.Laddr.IsValid() {
		out.Scope.Laddr = addrName(l.Scope.Laddr)
	}
	if l.Scope.Raddr.IsValid() {
		out.Scope.Raddr = addrName(l.Scope.Raddr)
	}
	if u, ok := l.Utilization(); ok {
		out.Utilization = &u
	}
	if p := x.now.Processes[l.Scope.PID]; p != nil && l.Scope.PID != 0 {
		out.Scope.Process = p.Name
	}
	return out
}
