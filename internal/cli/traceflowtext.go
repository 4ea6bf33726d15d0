package cli

import (
	"strconv"

	"sockeye/internal/host"
)

// Widths of the terminal from which on --top shows more.
const (
	roomForLine = 96
	roomForCode = 116
	roomForSums = 146
	roomForMost = 172
)

var (
	whoTop = topColumn{header: "PROCESS", flex: true, text: func(_ *topTable, dst []byte, f *flow) []byte {
		if f.pid == 0 {
			return append(dst, "(not accepted)"...)
		}
		return appendCalled(dst, f.name, f.pid)
	}}
	whereTop  = topColumn{header: "DESTINATION", text: func(_ *topTable, dst []byte, f *flow) []byte { return appendDestination(dst, f) }}
	openTop   = rateColumn("OPEN/S", func(f *flow) uint64 { return f.opened })
	failTop   = rateColumn("FAIL/S", func(f *flow) uint64 { return f.failed })
	localTop  = rateColumn("LOCAL/S", func(f *flow) uint64 { return f.ends.Local })
	peerTop   = rateColumn("PEER/S", func(f *flow) uint64 { return f.ends.Peer })
	resetTop  = rateColumn("RST/S", func(f *flow) uint64 { return f.ends.LocalReset + f.ends.LocalLinger + f.ends.PeerReset })
	lostTop   = rateColumn("TIMEOUT/S", func(f *flow) uint64 { return f.ends.TimedOut })
	medianTop = topColumn{header: "CONN50", right: true, text: func(_ *topTable, dst []byte, f *flow) []byte { return upTo(dst, &f.latency, 0.5) }}
	worstTop  = topColumn{header: "CONN99", right: true, text: func(_ *topTable, dst []byte, f *flow) []byte { return upTo(dst, &f.latency, 0.99) }}
	lifeTop   = topColumn{header: "LIFE50", right: true, text: func(_ *topTable, dst []byte, f *flow) []byte { return upTo(dst, &f.lifetime, 0.5) }}
	totalTop  = topColumn{header: "OPENED", right: true, text: func(_ *topTable, dst []byte, f *flow) []byte {
		return strconv.AppendUint(dst, f.total, 10)
	}}
	errnoTop  = topColumn{header: "ERRNO", text: func(_ *topTable, dst []byte, f *flow) []byte { return appendErrno(dst, f.errno) }}
	endingTop = topColumn{header: "CLOSER", text: func(_ *topTable, dst []byte, f *flow) []byte { return appendMostEnds(dst, &f.ends) }}
	codeTop   = topColumn{header: "CODE", flex: true, text: func(_ *topTable, dst []byte, f *flow) []byte {
		code, _, _ := f.where()
		return appendCode(dst, code)
	}}
	// The stacks that lead to CODE, of all that were taken.
	stacksTop = topColumn{header: "STACKS", right: true, text: func(_ *topTable, dst []byte, f *flow) []byte {
		_, n, of := f.where()
		if of == 0 {
			return dst
		}
		dst = append(strconv.AppendUint(dst, n, 10), " of "...)
		return strconv.AppendUint(dst, of, 10)
	}}
)

func topColumnsFor(width int) []topColumn {
	switch {
	case width >= roomForMost:
		return []topColumn{whoTop, whereTop, openTop, failTop, errnoTop, localTop, peerTop, resetTop, medianTop, worstTop, lifeTop, totalTop, stacksTop, codeTop}
	case width >= roomForSums:
		return []topColumn{whoTop, whereTop, openTop, failTop, errnoTop, localTop, peerTop, resetTop, medianTop, worstTop, lifeTop, stacksTop, codeTop}
	case width >= roomForCode:
		return []topColumn{whoTop, whereTop, openTop, failTop, localTop, peerTop, resetTop, worstTop, lifeTop, codeTop}
	}
	columns := []topColumn{whoTop, whereTop, openTop, failTop, endingTop, lifeTop}
	if width >= roomForLine {
		columns = append(columns, codeTop)
	}
	return columns
}

// pipeColumns never change, for scripts to rely on.
var pipeColumns = []topColumn{
	{header: "TIME", text: func(w *topTable, dst []byte, _ *flow) []byte { return w.at.AppendFormat(dst, clockMS) }},
	{header: "PID", text: func(_ *topTable, dst []byte, f *flow) []byte { return appendNonZero(dst, uint64(max(0, f.pid))) }},
	{header: "PROCESS", text: func(_ *topTable, dst []byte, f *flow) []byte { return append(dst, f.name...) }},
	whereTop, openTop, failTop, errnoTop, localTop, peerTop, resetTop, lostTop, medianTop, worstTop, lifeTop, totalTop, stacksTop, codeTop,
}

// appendDestination prints "→ 10.0.0.2:3306", of incoming connections the port
// that they come to, "← :8080", and of other calls "bind() 0.0.0.0:80".
func appendDestination(dst []byte, f *flow) []byte {
	switch {
	case f.call != "":
		dst = append(append(dst, f.call...), "() "...)
		return appendAddrPort(dst, f.remote)
	case !f.incoming:
		return appendAddrPort(append(dst, "→ "...), f.remote)
	}
	dst = strconv.AppendUint(append(dst, "← :"...), uint64(f.port), 10)
	switch {
	case f.peers > 1:
		dst = append(strconv.AppendInt(append(dst, " ("...), int64(f.peers), 10), " peers)"...)
	case f.remote.Addr().IsValid() && !f.remote.Addr().IsUnspecified():
		dst = append(f.remote.Addr().AppendTo(append(dst, " ("...)), ')')
	}
	return dst
}

// appendMostEnds prints how most connections ended: "local 98%".
func appendMostEnds(dst []byte, e *host.Ends) []byte {
	type way struct {
		name string
		n    uint64
	}
	ways := []way{{"local", e.Local}, {"peer", e.Peer}, {"RST", e.LocalReset + e.LocalLinger + e.PeerReset}, {"timeout", e.TimedOut}}
	var sum uint64
	most := ways[0]
	for _, w := range ways {
		if sum += w.n; w.n > most.n {
			most = w
		}
	}
	if sum == 0 {
		return dst
	}
	dst = append(append(dst, most.name...), ' ')
	return append(strconv.AppendUint(dst, most.n*100/sum, 10), '%')
}
