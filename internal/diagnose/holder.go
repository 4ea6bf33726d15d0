package diagnose

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// refusal is bind() or listen() calls of one process for one port that failed
// with EADDRINUSE, and what was found on that port.
type refusal struct {
	ns      uint64
	pid     int32
	name    string
	addr    netip.AddrPort // as first asked for
	cgroup  string
	call    string // "bind" or "listen"
	code    *places
	count   uint64
	holding holding
	by      *tcp.Socket // nil when nothing holds it now
	sockets int         // of that kind on the port
}

// holding is how a port is kept from a service, plainest reason first.
type holding string

// Ways in which a port is held. These are the cases that the words of
// address-in-use and service-port-taken tell apart.
const (
	byListener holding = "listener" // somebody listens there
	byBound    holding = "bound"    // somebody has bound it, and neither listens nor connects
	byOutgoing holding = "outgoing" // connect() was given it for an outgoing connection
	byAccepted holding = "accepted" // connections that a former listener accepted
	byTimeWait holding = "timewait" // only TIME_WAIT of such
	byNobody   holding = "nobody"   // it is free now
)

var holdings = []holding{byListener, byBound, byOutgoing, byAccepted, byTimeWait}

// refusals lists the ports that programs were refused while somebody watched,
// with who holds them in the last look. Port 0 is bind-port-exhaustion's.
func (x *examination) refusals() []*refusal {
	if x.seen == nil {
		return nil
	}
	type key struct {
		ns   uint64
		pid  int32
		port uint16
	}
	by := map[key]*refusal{}
	wanted := map[portOf][]*tcp.Socket{}
	var out []*refusal
	for _, fl := range x.ours.Failures {
		if fl.Errno != errADDRINUSE || (fl.Call != "bind" && fl.Call != "listen") {
			continue
		}
		addr := fl.Addr
		if fl.Call == "listen" && !addr.IsValid() {
			addr = x.boundTo(fl)
		}
		if addr.Port() == 0 {
			continue
		}
		k := key{fl.NetNS, fl.PID, addr.Port()}
		if by[k] == nil {
			by[k] = &refusal{ns: fl.NetNS, pid: fl.PID, name: fl.Name, cgroup: fl.Cgroup, addr: addr, call: fl.Call, code: newPlaces()}
			out = append(out, by[k])
			wanted[portOf{k.ns, k.port}] = nil
		}
		by[k].count += fl.Count
		x.sites(by[k].code, fl.Stacks, fl.Count, fl.Call, true)
	}
	if len(out) == 0 {
		return nil
	}
	for i := range x.now.Sockets {
		sk := &x.now.Sockets[i]
		k := portOf{sk.NetNS, sk.Local.Port()}
		if list, ok := wanted[k]; ok {
			wanted[k] = append(list, sk)
		}
	}
	for _, r := range out {
		x.findHolder(r, wanted[portOf{r.ns, r.addr.Port()}])
	}
	return out
}

// boundTo is the address of the one socket that a process has bound and does
// nothing with: what listen(), which names no address, failed for. The zero
// AddrPort where there is none, or several.
func (x *examination) boundTo(fl host.Failure) (addr netip.AddrPort) {
	for _, sk := range x.state(tcp.Bound) {
		if sk.NetNS != fl.NetNS || sk.PID != fl.PID {
			continue
		}
		if addr.IsValid() {
			return netip.AddrPort{}
		}
		addr = sk.Local
	}
	return addr
}

func (x *examination) findHolder(r *refusal, onPort []*tcp.Socket) {
	s := x.space(r.ns)
	first, n := map[holding]*tcp.Socket{}, map[holding]int{}
	for _, sk := range onPort {
		// The refused socket itself is often still there, but holds no port, or it
		// is the one that was bound and could not listen.
		if s == nil || !conflicts(r.addr.Addr(), sk.Local.Addr()) || sk.State == tcp.Closed ||
			(r.call == "listen" && sk.State == tcp.Bound && x.isOwner(r.pid, sk)) {
			continue
		}
		h := s.holds(sk)
		n[h]++
		if first[h] == nil || (first[h].PID == 0 && sk.PID != 0) {
			first[h] = sk
		}
	}
	r.holding = byNobody
	for _, h := range holdings {
		if first[h] != nil {
			r.holding, r.by, r.sockets = h, first[h], n[h]
			return
		}
	}
}

// holds says in which way a socket keeps its local port.
func (s *space) holds(sk *tcp.Socket) holding {
	switch {
	case sk.State == tcp.Listen:
		return byListener
	case sk.State == tcp.Bound:
		return byBound
	case sk.Port == tcp.PortAuto, sk.State == tcp.SynSent:
		return byOutgoing
	case sk.Port == tcp.PortUnknown && s.ephemeral(sk.Local.Port()) && s.outgoing(sk):
		return byOutgoing
	case sk.State == tcp.TimeWait:
		return byTimeWait
	}
	return byAccepted
}

// conflicts reports whether two local addresses cannot share a port: equal, or
// one of them stands for all; [::] stands for IPv4 too, 0.0.0.0 not for IPv6.
func conflicts(a, b netip.Addr) bool {
	if a == b || !a.IsValid() || !b.IsValid() {
		return true
	}
	if a.Is4() == b.Is4() {
		return a.IsUnspecified() || b.IsUnspecified()
	}
	if a.Is4() {
		a, b = b, a
	}
	return a.IsUnspecified() // the IPv6 one
}

// holds reports whether a process is among the owners of a socket.
func (x *examination) isOwner(pid int32, sk *tcp.Socket) bool {
	return sk != nil && slices.Contains(x.now.Owners(sk), pid)
}

// nameOpener fills in who opened a connection that nobody holds any more.
func (x *examination) nameOpener(v *knowledge.Values, sk *tcp.Socket) {
	if v.PeerPID != 0 {
		return
	}
	if o, by := x.opener(sk); by == "opener" {
		v.Peer, v.PeerPID, v.By = host.Printable(o.Name), o.PID, by
	}
}

// peerOf names the process that holds a socket, "" and 0 when nobody does.
func (x *examination) peerOf(sk *tcp.Socket) (name string, pid int32) {
	if sk == nil || sk.PID == 0 {
		return "", 0
	}
	if p := x.now.Processes[sk.PID]; p != nil {
		name = host.Printable(p.Name)
	}
	return name, sk.PID
}

// withPort adds a port to a list as net.ipv4.ip_local_reserved_ports takes it.
func withPort(list string, port uint16) string {
	list = strings.TrimSpace(list)
	if (host.Settings{"net.ipv4.ip_local_reserved_ports": list}).ReservedPorts().Has(port) {
		return list
	}
	var parts []string
	if list != "" {
		parts = strings.Split(list, ",")
	}
	parts = append(parts, strconv.Itoa(int(port)))
	first := func(part string) int {
		from, _, _ := strings.Cut(part, "-")
		n, _ := strconv.Atoi(strings.TrimSpace(from))
		return n
	}
	slices.SortStableFunc(parts, func(a, b string) int { return cmp.Compare(first(a), first(b)) })
	return strings.Join(parts, ",")
}
