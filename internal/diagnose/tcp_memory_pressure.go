package diagnose

import (
	"cmp"
	"fmt"
	"slices"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// queueWorth is how many bytes a socket must have queued to count among those
// that fill the memory: less is traffic in flight.
const queueWorth = 16 << 10

// reserveShare is the part of the memory in use below which queued data is not
// what fills it. The kernel charges whole pages, and keeps some ready for each
// socket (sk_forward_alloc, include/net/sock.h, v6.18).
const reserveShare = 0.1

// tcpMemoryPressure: all TCP buffers together passed tcp_mem. Above its second
// number the kernel shrinks buffers and drops, above the third it refuses.
// Counters of pruning alone are normal traffic (HEALTHY.md H17).
func tcpMemoryPressure(x *examination) []*found {
	sys := &x.now.System
	mem := sys.Settings.Ints("net.ipv4.tcp_mem")
	if len(mem) != 3 || mem[1] <= 0 || mem[2] <= 0 || !sys.TCPMemPages.Known {
		return nil
	}
	used := sys.TCPMemPages.Value
	entered, _ := x.deltaAll("TcpExtTCPMemoryPressures")
	if used < uint64(mem[1]) && entered == 0 {
		return nil
	}
	page := sys.PageSize
	if page == 0 {
		page = 4096
	}
	f := &found{id: "tcp-memory-pressure", wide: true, severity: Warning, certainty: Proven}
	if used >= uint64(mem[2]) {
		f.severity = Critical
	}
	f.values = knowledge.Values{Count: used * page, Limit: uint64(mem[1]) * page, Capacity: uint64(mem[2]) * page,
		Share: float64(used) / float64(mem[2])}
	f.facts = append(f.facts, fact{key: "used", value: float64(used), source: "/proc/net/sockstat"})
	told := func(key string, n uint64, source string) {
		v := f.values
		v.Other, v.Window = n, x.window
		f.facts = append(f.facts, fact{key: key, value: float64(n), source: source, values: &v})
	}
	if entered > 0 {
		told("entered", entered, "/proc/net/netstat")
	}
	if aborted, _ := x.deltaAll("TcpExtTCPAbortOnMemory"); aborted > 0 {
		told("aborted", aborted, "/proc/net/netstat")
	}
	unread, unsent := x.queued(f)
	if x.reserved(used*page, unread+unsent) && used >= uint64(mem[1]) {
		x.blameReserve(f)
		told("reserve", unread+unsent, x.socketSource())
		f.values.Kind = "reserve"
		f.cures = []string{"fewer-connections"}
	} else {
		f.cures = []string{"bound-buffers"}
	}
	if unread > 0 {
		told("unread", unread, x.socketSource())
	}
	if unsent > 0 {
		told("unsent", unsent, x.socketSource())
	}
	// Half as much again, while TCP stays below a quarter of the memory.
	if total := sys.Memory.Total; !total.Known || uint64(mem[2])*page < total.Value/6 {
		f.values.Wanted = fmt.Sprintf("%d %d %d", mem[0]*3/2, mem[1]*3/2, mem[2]*3/2)
		f.cures = append(f.cures, "raise-tcp-mem")
	}
	return []*found{f}
}

// reserved reports whether what waits in the queues is next to nothing of the
// memory in use. Only where most sockets of the machine were seen can that be
// said: the memory is everybody's.
func (x *examination) reserved(used, queued uint64) bool {
	if alloc := x.now.System.TCPAlloc; !alloc.Known || uint64(len(x.now.Sockets))*2 < alloc.Value {
		return false
	}
	return float64(queued) < reserveShare*float64(used)
}

// blameReserve blames the programs by the number of their sockets, in place of
// what queued found.
func (x *examination) blameReserve(f *found) {
	var open []*tcp.Socket
	for i := range x.now.Sockets {
		if sk := &x.now.Sockets[i]; sk.PID != 0 && sk.State.Connected() {
			open = append(open, sk)
		}
	}
	f.dests = nil
	f.blamed = x.blame(open)
	f.blamed = f.blamed[:min(len(f.blamed), 5)]
	f.facts = slices.DeleteFunc(f.facts, func(fc fact) bool { return fc.key == "holder" })
	for _, b := range f.blamed {
		v := f.values
		v.Process, v.PID, v.Total = host.Printable(b.name), b.pid, uint64(b.sockets)
		f.facts = append(f.facts, fact{key: "sockets", value: float64(b.sockets), source: x.socketSource(), values: &v})
	}
}

// queued sums what waits in the buffers and blames the processes by bytes.
func (x *examination) queued(f *found) (unread, unsent uint64) {
	type heap struct {
		blamed
		bytes uint64
	}
	by := map[int32]*heap{}
	var filled []*tcp.Socket
	for i := range x.now.Sockets {
		sk := &x.now.Sockets[i]
		if sk.State == tcp.Listen || !sk.State.Connected() {
			continue
		}
		unread += uint64(sk.RecvQ)
		unsent += uint64(sk.SendQ)
		bytes := uint64(sk.RecvQ) + uint64(sk.SendQ)
		if bytes < queueWorth {
			continue
		}
		filled = append(filled, sk)
		if sk.PID == 0 {
			continue
		}
		h := by[sk.PID]
		if h == nil {
			h = &heap{blamed: blamed{pid: sk.PID, ns: sk.NetNS, byState: map[string]int{}, by: "owner"}}
			by[sk.PID] = h
		}
		h.sockets++
		h.byState[sk.State.String()]++
		h.bytes += bytes
	}
	list := make([]*heap, 0, len(by))
	for _, h := range by {
		if p := x.now.Processes[h.pid]; p != nil {
			h.name = p.Name
		}
		h.share = float64(h.bytes) / float64(unread+unsent)
		list = append(list, h)
	}
	slices.SortFunc(list, func(a, b *heap) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.pid, b.pid))
	})
	for _, h := range list[:min(len(list), 5)] {
		f.blamed = append(f.blamed, h.blamed)
		v := f.values
		v.Process, v.PID, v.Other, v.Total = host.Printable(h.name), h.pid, h.bytes, uint64(h.sockets)
		f.facts = append(f.facts, fact{key: "holder", value: float64(h.bytes), source: x.socketSource(), values: &v})
	}
	f.dests = destinations(filled)
	return unread, unsent
}
