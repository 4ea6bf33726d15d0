package cli

import (
	"strconv"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// Widths of the terminal from which on there is room for more columns.
const (
	roomForAll   = 160 // both ends, milliseconds of the clock
	roomForPorts = 120 // of the local end the port; the line of code
	roomForClock = 100 // --failures: the time
)

// layout chooses the columns. A pipe gets all of them.
func (o *traceOptions) layout(app App) *lineLayout {
	l := &lineLayout{aligned: app.StdoutTTY, gap: 2, width: app.Width, colourEnd: -1, colourAt: -1}
	if !app.StdoutTTY {
		l.columns = o.pipeColumns()
		return l
	}
	if colour(app) {
		l.colour = lineColours()
	}
	arrange := o.eventsLayout
	switch {
	case o.lives:
		arrange = o.livesLayout
	case o.failures:
		arrange = o.failuresLayout
	}
	if !o.wide {
		arrange(l, app.Width)
		return l
	}
	// On one line if all fits, else on two.
	arrange(l, max(app.Width, roomForAll))
	wide := o.wideColumns()
	if l.columns = append(l.columns, wide...); l.startOf(len(l.columns)) <= app.Width+l.gap {
		l.failure = nil // there is a column for all that it tells
		return l
	}
	arrange(l, app.Width)
	l.second = &lineLayout{columns: wide, aligned: true, gap: l.gap, indent: 4, width: app.Width, colourEnd: -1, colourAt: -1}
	return l
}

// pipeColumns depend on flags only, for scripts to rely on.
func (o *traceOptions) pipeColumns() []lineColumn {
	columns := []lineColumn{timeColumn(clockMS), pidColumn, processColumn, localColumn, remoteColumn, oldColumn, newColumn,
		msColumn, closerColumn, endingColumn, callColumn, errnoColumn, codeColumn}
	if o.lives {
		columns = []lineColumn{timeColumn(clockMS), pidColumn, processColumn, localColumn, directionColumn, remoteColumn,
			sentColumn, receivedColumn, retransColumn, lastedMSColumn, closerColumn, endingColumn, errnoColumn, codeColumn}
	}
	if o.wide {
		wide := o.wideColumns()
		columns = append(columns, wide[:len(wide)-1]...) // the last is the line of code again
	}
	return columns
}

func (o *traceOptions) eventsLayout(l *lineLayout, width int) {
	remote, ms, process := remoteColumn, msColumn, calledColumn
	switch {
	case width >= roomForAll:
		process.width = 18
		l.columns = []lineColumn{timeColumn(clockMS), process, localColumn, remote, changeColumn, ms, howColumn}
	case width >= roomForPorts:
		l.gap, ms.width = 1, 8
		l.columns = []lineColumn{timeColumn(clock), process, lportColumn, remote, changeColumn, ms, howColumn}
	default:
		l.gap, remote.width, ms.width = 1, 16, 8
		l.columns = []lineColumn{timeColumn(clock), process, remote, entersColumn, ms, howColumn}
	}
	for i, c := range l.columns {
		switch c.header {
		case changeColumn.header, entersColumn.header:
			l.failureAt, l.colourAt = i, i
		case remoteColumn.header:
			l.columns[i].text = func(dst []byte, e *host.Event) []byte {
				if e.Call != "" {
					return appendAddrPort(dst, asked(e))
				}
				return appendAddrPort(dst, e.Remote)
			}
		case localColumn.header:
			text := c.text
			l.columns[i].text = func(dst []byte, e *host.Event) []byte {
				if e.Call != "" && (!e.Local.Addr().IsValid() || asked(e) == e.Local) {
					return dst
				}
				return text(dst, e)
			}
		}
	}
	l.colourEnd = len(l.columns) - 1
	// A failed call has no states and no time: what it has stands in their place.
	if o.wide {
		l.failure = func(dst []byte, e *host.Event, _ int) []byte { return changeColumn.text(dst, e) }
		return
	}
	if width >= roomForPorts {
		l.columns = append(l.columns, codeColumn)
	}
	gap := l.gap
	l.failure = func(dst []byte, e *host.Event, room int) []byte { return appendCall(dst, e, gap, room) }
}

func (o *traceOptions) failuresLayout(l *lineLayout, width int) {
	address, process := askedColumn, calledColumn
	l.columns = []lineColumn{timeColumn(clockMS), whatColumn, reasonColumn, address, process}
	switch {
	case width >= roomForPorts:
		l.columns[4].width = 18
	case width >= roomForClock:
		l.gap, l.columns[0], l.columns[3].width = 1, timeColumn(clock), 15
	default: // which line of code made the call says more than when
		l.gap, l.columns = 1, l.columns[1:]
		l.columns[2].width, l.columns[3].width = 15, 12
	}
	l.colourAt = len(l.columns) - 4
	l.colourEnd = l.colourAt + 1
	if !o.wide {
		l.columns = append(l.columns, codeColumn)
	}
}

func (o *traceOptions) livesLayout(l *lineLayout, width int) {
	process, remote, sent, received, lasted := calledColumn, remoteColumn, sentShort, receivedShort, lastedColumn
	switch {
	case width >= roomForAll:
		process.width = 18
		l.columns = []lineColumn{timeColumn(clockMS), process, localColumn, arrowColumn, remote, sent, received, retransColumn, lasted, howColumn}
	case width >= roomForPorts:
		l.gap, sent.width, received.width, lasted.width = 1, 8, 8, 6
		l.columns = []lineColumn{process, lportColumn, arrowColumn, remote, sent, received, retransColumn, lasted, howColumn}
	default:
		l.gap, remote.width, sent.width, received.width, lasted.width = 1, 16, 7, 8, 6
		l.columns = []lineColumn{process, arrowColumn, remote, sent, received, retransColumn, lasted, howColumn}
	}
	l.colourAt, l.colourEnd = len(l.columns)-1, len(l.columns)-1
	if width >= roomForPorts && !o.wide {
		l.columns = append(l.columns, codeColumn)
	}
}

// whatColumn and reasonColumn say what failed and why, for calls and connections
// alike: "connect() EADDRNOTAVAIL", "in ESTABLISHED timeout".
var (
	whatColumn = lineColumn{header: "CALL", width: 14, text: func(dst []byte, e *host.Event) []byte {
		if e.Call != "" {
			return append(append(dst, e.Call...), "()"...)
		}
		return append(append(dst, "in "...), e.From.String()...)
	}}
	reasonColumn = lineColumn{header: "ERRNO", width: 13, text: func(dst []byte, e *host.Event) []byte {
		if e.Errno != 0 {
			return appendErrno(dst, e.Errno)
		}
		return append(dst, e.Life.Ending...)
	}}
	askedColumn = lineColumn{header: "ADDRESS", width: wholeAddr, text: func(dst []byte, e *host.Event) []byte {
		return appendAddrPort(dst, asked(e))
	}}
)

var (
	directionColumn = lineColumn{header: "DIR", text: func(dst []byte, e *host.Event) []byte {
		return append(dst, pick(eventDirection(e), "in", "out", "")...)
	}}
	arrowColumn = lineColumn{header: " ", width: 1, text: func(dst []byte, e *host.Event) []byte {
		return append(dst, pick(eventDirection(e), "←", "→", "?")...)
	}}
	sentColumn     = lineColumn{header: "SENT", text: func(dst []byte, e *host.Event) []byte { return strconv.AppendUint(dst, e.Sent, 10) }}
	receivedColumn = lineColumn{header: "RECEIVED", text: func(dst []byte, e *host.Event) []byte { return strconv.AppendUint(dst, e.Received, 10) }}
	sentShort      = lineColumn{header: "SENT", width: 9, right: true, text: func(dst []byte, e *host.Event) []byte {
		return append(dst, knowledge.Bytes(e.Sent)...)
	}}
	receivedShort = lineColumn{header: "RECEIVED", width: 9, right: true, text: func(dst []byte, e *host.Event) []byte {
		return append(dst, knowledge.Bytes(e.Received)...)
	}}
	retransColumn = lineColumn{header: "RETRANS", width: 7, right: true, text: func(dst []byte, e *host.Event) []byte {
		return strconv.AppendUint(dst, uint64(e.Retrans), 10)
	}}
	lastedColumn = lineColumn{header: "LASTED", width: 7, right: true, text: func(dst []byte, e *host.Event) []byte {
		if d, ok := lasted(e); ok {
			dst = appendFineSpan(dst, d)
		}
		return dst
	}}
	lastedMSColumn = lineColumn{header: "LASTED-MS", text: func(dst []byte, e *host.Event) []byte {
		if d, ok := lasted(e); ok {
			dst = appendMillis(dst, d)
		}
		return dst
	}}
)

// pick chooses a word for a direction.
func pick(direction, incoming, outgoing, unknown string) string {
	switch direction {
	case "incoming":
		return incoming
	case "outgoing":
		return outgoing
	}
	return unknown
}

func (o *traceOptions) wideColumns() []lineColumn {
	container := func(dst []byte, e *host.Event) []byte { return o.appendContainer(dst, e.Life.Opener) }
	return []lineColumn{
		{header: "NETNS", width: 10, text: func(dst []byte, e *host.Event) []byte { return appendNonZero(dst, e.NetNS) }},
		{header: "COOKIE", width: 8, right: true, text: func(dst []byte, e *host.Event) []byte { return appendNonZero(dst, e.Cookie) }},
		{header: "TID", width: 7, right: true, text: func(dst []byte, e *host.Event) []byte {
			if p := e.Life.Opener; p != nil {
				dst = appendNonZero(dst, uint64(max(0, p.TID)))
			}
			return dst
		}},
		{header: "CONTAINER", width: 15, text: container, fit: func(dst []byte, e *host.Event, room int) []byte {
			return appendEnd(dst, string(printableFrom(container(nil, e), 0)), room) // of a path the end tells more
		}},
		codeColumn,
	}
}

// appendContainer prints the container's name, else its id as engines shorten
// it; outside of containers the cgroup's path.
func (o *traceOptions) appendContainer(dst []byte, opener *host.Opener) []byte {
	if opener == nil {
		return dst
	}
	_, c := o.place.of(opener.Cgroup)
	switch {
	case c == nil:
		return append(dst, opener.Cgroup...)
	case c.Name != "":
		return append(dst, c.Name...)
	}
	return append(dst, c.ID[:min(12, len(c.ID))]...)
}
