package cli

import (
	"slices"
	"strconv"

	"sockeye/internal/host"
)

// Widths of the terminal from which on --top shows more.
const (
	roomForLine  = 100 // the line of code; two endings instead of one
	roomForLife  = 116 // how long connections lived
	roomForErrno = 132
	roomForTimes = 150 // how long connects took
	roomForRates = 200 // each ending by itself
)

var (
	whoTop = topColumn{header: "PROCESS", flex: true, text: func(_ *topTable, dst []byte, f *flow) []byte {
		if f.pid == 0 {
			return append(dst, "(not accepted)"...)
		}
		return appendCalled(dst, f.name, f.pid)
	}}
	whereTop = topColumn{header: "DESTINATION", text: func(_ *topTable, dst []byte, f *flow) []byte { return appendDestination(dst, f) }}
	tryTop   = topColumn{header: "TRY/S", right: true, text: func(w *topTable, dst []byte, f *flow) []byte {
		if f.call != "" { // how often it went well nobody counts
			return dst
		}
		return appendRate(dst, perSecond(f.attempts().tried(), w.over))
	}}
	failTop   = rateColumn("FAIL/S", func(f *flow) uint64 { return f.attempts().failures() })
	medianTop = topColumn{header: "CONN50", right: true, text: func(_ *topTable, dst []byte, f *flow) []byte { return upTo(dst, &f.latency, 0.5) }}
	worstTop  = topColumn{header: "CONN99", right: true, text: func(_ *topTable, dst []byte, f *flow) []byte { return upTo(dst, &f.latency, 0.99) }}
	lifeTop   = topColumn{header: "LIFE50", right: true, text: func(_ *topTable, dst []byte, f *flow) []byte { return upTo(dst, &f.lifetime, 0.5) }}
	totalTop  = topColumn{header: "TRIED", right: true, text: func(_ *topTable, dst []byte, f *flow) []byte {
		if f.call != "" {
			return dst
		}
		return strconv.AppendUint(dst, f.totals.tried(), 10)
	}}
	errnoTop = topColumn{header: "ERRNO", text: func(_ *topTable, dst []byte, f *flow) []byte { return appendErrno(dst, f.errno) }}
	codeTop  = topColumn{header: "CODE", text: func(w *topTable, dst []byte, f *flow) []byte {
		code, _, _ := f.where()
		if w.codeRoom > 0 {
			return appendCodeFitting(dst, code, w.codeRoom)
		}
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

// endings are the ways in which connections end, as the lines of events call them.
var endings = [...]struct {
	name, rate string
	count      func(*host.Ends) uint64
}{
	{"local", "LOCAL/S", func(e *host.Ends) uint64 { return e.Local }},
	{"peer", "PEER/S", func(e *host.Ends) uint64 { return e.Peer }},
	{"local RST", "LOCAL-RST/S", func(e *host.Ends) uint64 { return e.LocalReset }},
	{"linger", "LINGER/S", func(e *host.Ends) uint64 { return e.LocalLinger }},
	{"peer RST", "PEER-RST/S", func(e *host.Ends) uint64 { return e.PeerReset }},
	{"timeout", "TIMEOUT/S", func(e *host.Ends) uint64 { return e.TimedOut }},
}

// endRates is a column for each ending.
func endRates() (columns []topColumn) {
	for _, end := range endings {
		columns = append(columns, rateColumn(end.rate, func(f *flow) uint64 { return end.count(&f.ends) }))
	}
	return columns
}

// endedTop says how most connections ended, in that many words at most.
func endedTop(most int) topColumn {
	return topColumn{header: "ENDED", text: func(_ *topTable, dst []byte, f *flow) []byte { return appendMostEnds(dst, &f.ends, most) }}
}

// columnsFor are the columns of a terminal. With --wide each row has a second line
// for the code, unless there is a column that it fits.
func (w *topTable) columnsFor(width int) []topColumn {
	columns := []topColumn{whoTop, whereTop, tryTop, failTop}
	if width >= roomForErrno {
		columns = append(columns, errnoTop)
	}
	switch {
	case width >= roomForRates:
		columns = append(columns, endRates()...)
	case width >= roomForLine:
		columns = append(columns, endedTop(2))
	default:
		columns = append(columns, endedTop(1))
	}
	if width >= roomForTimes {
		columns = append(columns, medianTop, worstTop)
	}
	if width < roomForLine || width >= roomForLife || w.twoLines(width) {
		columns = append(columns, lifeTop)
	}
	if width >= roomForRates {
		columns = append(columns, totalTop, stacksTop)
	}
	if width >= roomForLine && !w.twoLines(width) {
		columns = append(columns, codeTop)
	}
	return columns
}

func (w *topTable) twoLines(width int) bool { return w.wide && width < roomForRates }

// pipeColumns never change, for scripts to rely on.
var pipeColumns = slices.Concat([]topColumn{
	{header: "TIME", text: func(w *topTable, dst []byte, _ *flow) []byte { return w.at.AppendFormat(dst, clockMS) }},
	{header: "PID", text: func(_ *topTable, dst []byte, f *flow) []byte { return appendNonZero(dst, uint64(max(0, f.pid))) }},
	{header: "PROCESS", text: func(_ *topTable, dst []byte, f *flow) []byte { return append(dst, f.name...) }},
	whereTop, tryTop, failTop, errnoTop}, endRates(), []topColumn{medianTop, worstTop, lifeTop, totalTop, stacksTop, codeTop})

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

// appendMostEnds prints how most connections ended, the most frequent first:
// "linger 97%, local 3%".
func appendMostEnds(dst []byte, e *host.Ends, most int) []byte {
	var sum uint64
	var used [len(endings)]bool
	for _, end := range endings {
		sum += end.count(e)
	}
	for i := range most {
		next := -1
		for j, end := range endings {
			if n := end.count(e); n > 0 && !used[j] && (next < 0 || n > endings[next].count(e)) {
				next = j
			}
		}
		if next < 0 {
			return dst
		}
		used[next] = true
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(append(dst, endings[next].name...), ' ')
		dst = appendPart(dst, endings[next].count(e), sum)
	}
	return dst
}

// appendPart prints "98%"; what is there is never rounded to nothing, and 100% is all.
func appendPart(dst []byte, n, of uint64) []byte {
	percent := n * 100 / of
	if percent == 0 {
		return append(dst, "<1%"...)
	}
	return append(strconv.AppendUint(dst, percent, 10), '%')
}
