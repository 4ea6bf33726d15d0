package tune

import (
	"fmt"

	"sockeye/internal/diagnose"
	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

const (
	orphansName = "net.ipv4.tcp_max_orphans"
	retriesName = "net.ipv4.tcp_orphan_retries"
	memName     = "net.ipv4.tcp_mem"

	orphanRetries = 3        // proposed; 0 means 8 (net/ipv4/tcp_timer.c tcp_orphan_retries, v6.18)
	orphanBytes   = 64 << 10 // an orphan takes up to that (ip-sysctl.rst, tcp_max_orphans)
)

// orphans plans for connections that their programs closed and the kernel still
// has to finish.
func (m *maker) orphans() {
	limit := m.want("orphan-limit", diagnose.Warning)
	stuck := m.want("stuck-closing", diagnose.Notice)
	w := first(limit, stuck)
	if w == nil {
		return
	}
	retries, ok := m.number(retriesName)
	fewer := ok && (retries == 0 || retries > orphanRetries)
	unheard, probed := m.finishing()
	switch {
	case !ok:
		m.left(retriesName, "unknown", Values{})
	case fewer && !w.asIf && probed > unheard:
		m.left(retriesName, "orphan-retries-probed", Values{Need: probed})
	case fewer:
		m.change(w, Change{Setting: retriesName, To: fmt.Sprint(orphanRetries), Reason: "orphan-retries"})
	default:
		m.left(retriesName, "few-enough", Values{})
	}
	// A quarter of the limit in use is pressure already, as an orphan that gets
	// nowhere counts fourfold (tcp_out_of_resources). Fewer repeats may be enough.
	if limit == nil {
		return
	}
	if !limit.asIf && limit.rank < ranks[diagnose.Critical] {
		m.left(orphansName, "max-orphans-calm", Values{})
		return
	}
	now, ok := m.number(orphansName)
	if !ok || now < 0 {
		m.left(orphansName, "unknown", Values{})
		return
	}
	used := m.in.Snapshot.System.TCPOrphans.Value
	need := powerOf2(4 * used)
	if limit.asIf {
		own, _ := m.ownBuckets(0) // tcp_max_orphans has the same default (net/ipv4/tcp.c tcp_init, v6.18)
		need = max(need, 2*own)
	}
	need = m.within(need, uint64(now), 2, orphanBytes)
	m.raise(limit, orphansName, need, Change{Reason: "max-orphans", Values: Values{Need: used, Memory: need * orphanBytes}})
}

// finishing counts the connections that no program holds any more and that are not
// done: those that repeat what nobody acknowledges, and those that ask a peer whose
// window is shut whether it has opened (the persist timer). Of the latter each
// answer sets the count of the repeats back, whatever tcp_orphan_retries says
// (net/ipv4/tcp_timer.c tcp_probe_timer and net/ipv4/tcp_input.c tcp_ack, v6.18; on
// that kernel 60 of them were all there after 70 s with 3 repeats).
func (m *maker) finishing() (unheard, probed uint64) {
	for i := range m.in.Snapshot.Sockets {
		sk := &m.in.Snapshot.Sockets[i]
		if sk.NetNS != m.ns.Inode || sk.Inode != 0 || sk.PID != 0 || sk.State != tcp.FinWait1 && sk.State != tcp.LastAck && sk.State != tcp.Closing {
			continue
		}
		switch sk.Timer.Kind {
		case tcp.TimerPersist:
			probed++
		case tcp.TimerOn:
			unheard++
		}
	}
	return unheard, probed
}

// memory plans tcp_mem: in pages, in the kernel's own proportion of 3 : 4 : 6,
// never above half of the machine.
func (m *maker) memory() {
	const halves = 2
	mem := m.in.Snapshot.System.Settings.Ints(memName)
	page, total := m.in.Snapshot.System.PageSize, m.total()
	w, back := m.want("tcp-memory-pressure", diagnose.Warning), m.wayBack()
	switch {
	case len(mem) != 3 || mem[0] < 0 || mem[1] < 0 || mem[2] <= 0 || page == 0 || total == 0:
		if w != nil {
			m.left(memName, "unknown", Values{})
		}
		return
	case w == nil && (back == nil || uint64(mem[2]) <= total/page):
		return
	}
	used, most := m.in.Snapshot.System.TCPMemPages.Value, total/page/halves*2/3
	pressure := total / page / 16 // what the kernel takes by itself (net/ipv4/tcp.c tcp_init_mem, v6.18)
	if w != nil && w.asIf {
		pressure *= 2
	}
	pressure = min(max(pressure, used+used/2), most)
	if uint64(mem[2]) > total/page { // written in bytes, and no limit any more
		m.change(first(w, back), Change{Setting: memName, To: threeFour(pressure), Reason: "tcp-mem-back", Undoes: true,
			Values: Values{Memory: total, Capacity: uint64(mem[2])}})
		return
	}
	if !w.asIf { // the finding says that the second number was reached
		pressure = min(max(pressure, uint64(mem[1])*3/2), most)
	}
	v := Values{Need: used * page, Memory: pressure * 3 / 2 * page, Capacity: uint64(mem[2]) * page}
	if pressure <= uint64(mem[1]) {
		m.left(memName, "tcp-mem-enough", v)
		return
	}
	m.change(w, Change{Setting: memName, To: threeFour(pressure), Reason: "tcp-mem", Values: v})
}

// buffers are the bounds of one connection's memory: what it has a right to even
// under pressure, what it begins with, and the most that it may grow to
// (ip-sysctl.rst, tcp_rmem and tcp_wmem). What Linux ships the first two with is a
// page and this many bytes (net/ipv4/tcp.c tcp_init, v6.18).
var buffers = []struct {
	name  string
	begin int64
}{{"net.ipv4.tcp_rmem", 131072}, {"net.ipv4.tcp_wmem", 16384}}

// perConnection: where TCP's memory runs out, each connection gives back what it was
// promised above that. The most that it may grow to stays, and is explained.
func (m *maker) perConnection() {
	const usual = 4 // so many times as much is nothing to speak of
	w := first(m.want("tcp-memory-pressure", diagnose.Warning), m.tightened())
	page := int64(max(m.in.Snapshot.System.PageSize, 4096))
	for _, b := range buffers {
		v := m.ns.Settings.Ints(b.name)
		if len(v) != 3 || v[0] < 1 || v[1] < v[0] || v[2] < v[1] {
			continue
		}
		values := Values{Memory: uint64(v[1]), Capacity: uint64(v[2])}
		switch {
		case v[0] <= usual*page && v[1] <= usual*b.begin:
			if w != nil || m.wayBack() != nil {
				m.left(b.name, "buffers-usual", values)
			}
		case w != nil:
			m.change(w, Change{Setting: b.name, To: fmt.Sprintf("%d %d %d", min(v[0], page), min(v[1], b.begin), v[2]), Reason: "buffers-back", Values: values})
		case m.wayBack() != nil:
			m.left(b.name, "buffers-large", values)
		}
	}
}

// tightened is the reason to expect pressure from a tcp_mem that is a limit again,
// nil where there is room below it.
func (m *maker) tightened() *want {
	for _, c := range m.plan.Changes {
		mem := host.Settings{memName: c.To}.Ints(memName)
		if c.Setting == memName && c.Undoes && len(mem) == 3 && m.in.Snapshot.System.TCPMemPages.Value >= uint64(mem[1]) {
			return m.wayBack()
		}
	}
	return nil
}

// threeFour writes tcp_mem for a number of pages from which the kernel saves.
func threeFour(pressure uint64) string {
	low := pressure / 4 * 3
	return fmt.Sprintf("%d %d %d", low, pressure, low*2)
}
