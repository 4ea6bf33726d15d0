package cli

import (
	"strconv"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// Widths of the terminal from which on there is room for more columns.
const (
	roomForAll   = 141 // both ends
	roomForPorts = 120 // of the local end the port
)

// layout chooses the columns. A pipe and --wide get all of them.
func (o *traceOptions) layout(app App) *lineLayout {
	l := &lineLayout{aligned: app.StdoutTTY, gap: 2, colourEnd: -1, colourAt: -1}
	switch {
	case !app.StdoutTTY && o.lives:
		l.columns = []lineColumn{timeColumn(clockMS), pidColumn, processColumn, localColumn, directionColumn, remoteColumn,
			sentColumn, receivedColumn, retransColumn, lastedMSColumn, closerColumn, endingColumn, errnoColumn, codeColumn}
	case !app.StdoutTTY:
		l.columns = []lineColumn{timeColumn(clockMS), pidColumn, processColumn, localColumn, remoteColumn, oldColumn, newColumn,
			msColumn, closerColumn, endingColumn, callColumn, errnoColumn, codeColumn}
	case o.lives:
		o.livesLayout(l, app.Width)
	case o.failures:
		o.failuresLayout(l, app.Width)
	default:
		o.eventsLayout(l, app.Width)
	}
	if o.wide {
		l.columns = append(l.columns, o.wideColumns(app.StdoutTTY)...)
	}
	if colour(app) {
		l.colour = lineColours()
	}
	return l
}

func (o *traceOptions) eventsLayout(l *lineLayout, width int) {
	switch {
	case o.wide || width >= roomForAll:
		l.columns = []lineColumn{timeColumn(clockMS), pidColumn, processColumn, localColumn, remoteColumn, changeColumn, msColumn, howColumn}
	case width >= roomForPorts:
		l.columns = []lineColumn{timeColumn(clockMS), pidColumn, processColumn, lportColumn, remoteColumn, changeColumn, msColumn, howColumn}
	default:
		l.gap = 1
		remote, ms := remoteColumn, msColumn
		remote.width, ms.width = 17, 8
		l.columns = []lineColumn{timeColumn(clock), calledColumn, remote, entersColumn, ms, howColumn}
	}
	// A failed call has no states and no time: what it has stands in their place.
	// With --wide each column is there, and the line of code has one of its own.
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
	if o.wide {
		return
	}
	code := codeFitting(width - l.startOf(l.failureAt) - callWidth - l.gap)
	l.failure = func(dst []byte, e *host.Event) []byte { return appendCall(dst, e, code, l.gap) }
}

func (o *traceOptions) failuresLayout(l *lineLayout, width int) {
	at, address, process := timeColumn(clockMS), askedColumn, calledColumn
	process.width = 18
	if width < roomForPorts && !o.wide {
		l.gap, at, address.width, process.width = 1, timeColumn(clock), 15, 12
	}
	l.columns = []lineColumn{at, whatColumn, reasonColumn, address, process}
	code := codeFitting(width - l.startOf(len(l.columns)))
	if o.wide {
		code = codeColumn
	}
	l.columns = append(l.columns, code)
	l.colourAt, l.colourEnd = 1, 2
}

func (o *traceOptions) livesLayout(l *lineLayout, width int) {
	switch {
	case o.wide || width >= roomForAll:
		l.columns = []lineColumn{timeColumn(clockMS), pidColumn, processColumn, localColumn, arrowColumn, remoteColumn,
			sentShort, receivedShort, retransColumn, lastedColumn, howColumn}
	case width >= roomForPorts:
		l.columns = []lineColumn{pidColumn, processColumn, lportColumn, arrowColumn, remoteColumn,
			sentShort, receivedShort, retransColumn, lastedColumn, howColumn}
	default:
		l.gap = 1
		remote, sent, received, lasted := remoteColumn, sentShort, receivedShort, lastedColumn
		remote.width, sent.width, received.width, lasted.width = 17, 7, 8, 6
		l.columns = []lineColumn{calledColumn, arrowColumn, remote, sent, received, retransColumn, lasted, howColumn}
	}
	l.colourAt, l.colourEnd = len(l.columns)-1, len(l.columns)-1
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

func (o *traceOptions) wideColumns(terminal bool) []lineColumn {
	columns := []lineColumn{
		{header: "NETNS", width: 10, text: func(dst []byte, e *host.Event) []byte { return appendNonZero(dst, e.NetNS) }},
		{header: "COOKIE", width: 8, right: true, text: func(dst []byte, e *host.Event) []byte { return appendNonZero(dst, e.Cookie) }},
		{header: "TID", width: 7, right: true, text: func(dst []byte, e *host.Event) []byte {
			if p := e.Life.Opener; p != nil {
				dst = appendNonZero(dst, uint64(max(0, p.TID)))
			}
			return dst
		}},
		{header: "CONTAINER", width: 15, text: func(dst []byte, e *host.Event) []byte { return o.appendContainer(dst, e.Life.Opener) }},
	}
	if terminal && !o.failures { // the others have it already
		columns = append(columns, codeColumn)
	}
	return columns
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
