package cli

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// lineColumn is one column of a stream's lines. Its width is fixed, as nobody
// knows what will come; a longer cell pushes what follows, unless it may be cut.
type lineColumn struct {
	header string
	width  int
	right  bool
	cut    bool // a name, which may be shortened
	text   func(dst []byte, e *host.Event) []byte
}

// lineLayout is how a stream prints its events.
type lineLayout struct {
	columns []lineColumn
	aligned bool // else separated by tabs, '-' for what is unknown
	gap     int  // blanks between aligned columns
	// failure, where set, is the text of failed calls, in place of the columns
	// from failureAt on.
	failure   func(dst []byte, e *host.Event) []byte
	failureAt int
	// colour, where set, returns the escape sequences around the cells from
	// colourAt to colourEnd.
	colour              func(e *host.Event) (before, after string)
	colourAt, colourEnd int
}

// renderer chooses how events are printed, and prints the header.
func (o *traceOptions) renderer(app App, s *stream) func(dst []byte, e *host.Event) []byte {
	if o.format == "ndjson" {
		return func(dst []byte, e *host.Event) []byte { return append(o.appendEventJSON(dst, e), '\n') }
	}
	l := o.layout(app)
	if !o.noHeader {
		_, s.err = s.out.Write(l.appendHeader(nil))
		if app.StdoutTTY { // it shows at once that something goes on
			s.flush()
		}
	}
	return l.append
}

func (l *lineLayout) appendHeader(dst []byte) []byte {
	for i, c := range l.columns {
		if !l.aligned {
			if i > 0 {
				dst = append(dst, '\t')
			}
			dst = append(dst, c.header...)
			continue
		}
		dst, _ = l.pad(dst, i, []byte(c.header), "", "", 0)
	}
	return append(dst, '\n')
}

// append prints one event.
func (l *lineLayout) append(dst []byte, e *host.Event) []byte {
	if !l.aligned {
		for i, c := range l.columns {
			if i > 0 {
				dst = append(dst, '\t')
			}
			start := len(dst)
			if dst = c.text(dst, e); len(dst) == start {
				dst = append(dst, absent)
			}
			dst = printableFrom(dst, start)
		}
		return append(dst, '\n')
	}
	before, after := "", ""
	if l.colour != nil {
		before, after = l.colour(e)
	}
	var room [64]byte
	over := 0 // columns that a cell was longer than there was room
	for i, c := range l.columns {
		if e.Call != "" && l.failure != nil && i == l.failureAt {
			dst = append(dst, before...)
			start := len(dst)
			dst = printableFrom(l.failure(dst, e), start)
			return append(append(dst, after...), '\n')
		}
		cell := printableFrom(c.text(room[:0], e), 0)
		if len(cell) == 0 && i < len(l.columns)-1 {
			cell = append(cell, absent)
		}
		open, shut := "", ""
		if i == l.colourAt {
			open = before
		}
		if i == l.colourEnd {
			shut = after
		}
		dst, over = l.pad(dst, i, cell, open, shut, over)
	}
	for len(dst) > 0 && dst[len(dst)-1] == ' ' {
		dst = dst[:len(dst)-1]
	}
	return append(dst, '\n')
}

// pad appends the cell of column i with what makes it as wide as the column, and
// the gap to the next. What earlier cells were too long, over, is saved on the
// blanks, so that the line finds back into its columns.
func (l *lineLayout) pad(dst []byte, i int, cell []byte, open, shut string, over int) (_ []byte, still int) {
	c := l.columns[i]
	used := cellWidth(cell)
	if c.cut && used > c.width {
		cell = shorten(cell, c.width)
		used = cellWidth(cell)
	}
	fill := c.width - used - over
	over, fill = max(0, -fill), max(0, fill)
	dst = append(dst, open...)
	if c.right {
		dst = appendBlanks(dst, fill)
	}
	dst = append(append(dst, cell...), shut...)
	if i == len(l.columns)-1 {
		return dst, over
	}
	if !c.right {
		dst = appendBlanks(dst, fill)
	}
	gap := l.gap - min(over, l.gap-1)
	return appendBlanks(dst, gap), over - (l.gap - gap)
}

// The columns.

func timeColumn(layout string) lineColumn {
	return lineColumn{header: "TIME", width: len(layout), text: func(dst []byte, e *host.Event) []byte {
		return e.At.AppendFormat(dst, layout)
	}}
}

const (
	clock     = "15:04:05"
	clockMS   = "15:04:05.000"
	wholeAddr = 21 // "255.255.255.255:65535"
)

var (
	pidColumn = lineColumn{header: "PID", width: 7, right: true, text: func(dst []byte, e *host.Event) []byte {
		if o := e.Life.Opener; o != nil {
			dst = strconv.AppendInt(dst, int64(o.PID), 10)
		}
		return dst
	}}
	// comm has 15 bytes at most (TASK_COMM_LEN, include/linux/sched.h, v6.18).
	processColumn = lineColumn{header: "PROCESS", width: 15, cut: true, text: func(dst []byte, e *host.Event) []byte {
		if o := e.Life.Opener; o != nil {
			dst = append(dst, o.Name...)
		}
		return dst
	}}
	calledColumn = lineColumn{header: "PROCESS", width: 15, cut: true, text: func(dst []byte, e *host.Event) []byte {
		return appendOpener(dst, e.Life.Opener)
	}}
	localColumn  = lineColumn{header: "LOCAL", width: wholeAddr, text: func(dst []byte, e *host.Event) []byte { return appendAddrPort(dst, e.Local) }}
	remoteColumn = lineColumn{header: "REMOTE", width: wholeAddr, text: func(dst []byte, e *host.Event) []byte { return appendAddrPort(dst, e.Remote) }}
	lportColumn  = lineColumn{header: "LOCAL", width: 6, text: func(dst []byte, e *host.Event) []byte {
		switch {
		case !e.Local.Addr().IsValid():
			return dst
		case e.Local.Port() == 0:
			return append(dst, ":*"...)
		}
		return strconv.AppendUint(append(dst, ':'), uint64(e.Local.Port()), 10)
	}}
	oldColumn    = lineColumn{header: "OLD", text: func(dst []byte, e *host.Event) []byte { return appendState(dst, e, e.From) }}
	newColumn    = lineColumn{header: "NEW", text: func(dst []byte, e *host.Event) []byte { return appendState(dst, e, e.To) }}
	changeColumn = lineColumn{header: "OLD → NEW", width: 24, text: func(dst []byte, e *host.Event) []byte {
		if e.Call != "" {
			return appendErrno(append(append(dst, e.Call...), "() "...), e.Errno)
		}
		return appendState(append(appendState(dst, e, e.From), " → "...), e, e.To)
	}}
	entersColumn = lineColumn{header: "→ NEW", width: 13, text: func(dst []byte, e *host.Event) []byte {
		return appendState(append(dst, "→ "...), e, e.To)
	}}
	msColumn = lineColumn{header: "MS", width: 9, right: true, text: func(dst []byte, e *host.Event) []byte {
		if e.Call == "" && e.InState >= 0 {
			dst = appendMillis(dst, e.InState)
		}
		return dst
	}}
	closerColumn = lineColumn{header: "CLOSER", text: func(dst []byte, e *host.Event) []byte { return append(dst, eventCloser(e)...) }}
	endingColumn = lineColumn{header: "ENDING", text: func(dst []byte, e *host.Event) []byte { return append(dst, e.Life.Ending...) }}
	howColumn    = lineColumn{header: "CLOSER", width: 9, text: appendHow}
	callColumn   = lineColumn{header: "CALL", text: func(dst []byte, e *host.Event) []byte { return append(dst, e.Call...) }}
	errnoColumn  = lineColumn{header: "ERRNO", width: 13, text: func(dst []byte, e *host.Event) []byte { return appendErrno(dst, e.Errno) }}
	codeColumn   = lineColumn{header: "CODE", width: 32, text: func(dst []byte, e *host.Event) []byte {
		return appendCode(dst, codeValue(e.Life.Opener))
	}}
)

// codeFitting is codeColumn for a terminal with that much room left: where it is
// too little for the function the line alone must do.
func codeFitting(room int) lineColumn {
	c := codeColumn
	c.text = func(dst []byte, e *host.Event) []byte {
		code := codeValue(e.Life.Opener)
		start := len(dst)
		dst = appendCode(dst, code)
		if code.kind != place || code.file == "" || code.n == 0 || cellWidth(dst[start:]) <= room {
			return dst
		}
		dst = append(dst[:start], code.file[strings.LastIndexByte(code.file, '/')+1:]...)
		return strconv.AppendUint(append(dst, ':'), code.n, 10)
	}
	return c
}

// startOf is where the aligned column i begins.
func (l *lineLayout) startOf(i int) (at int) {
	for _, c := range l.columns[:i] {
		at += c.width + l.gap
	}
	return at
}

func appendState(dst []byte, e *host.Event, s tcp.State) []byte {
	switch {
	case e.Call != "":
		return dst
	case s == tcp.Unknown:
		return append(dst, '?')
	}
	return append(dst, s.String()...)
}

func eventCloser(e *host.Event) tcp.Side {
	if e.Call != "" {
		return tcp.Neither
	}
	return closerOf(e)
}

// appendAddrPort prints an end, "*" for what it does not have; nothing for none.
func appendAddrPort(dst []byte, a netip.AddrPort) []byte {
	switch {
	case !a.Addr().IsValid():
		return dst
	case a.Addr().Is6():
		dst = append(a.Addr().AppendTo(append(dst, '[')), ']')
	default:
		dst = a.Addr().AppendTo(dst)
	}
	if a.Port() == 0 {
		return append(dst, ":*"...)
	}
	return strconv.AppendUint(append(dst, ':'), uint64(a.Port()), 10)
}

// appendMillis prints milliseconds: three digits that count, 0.031, 12.4, 60012.
func appendMillis(dst []byte, d time.Duration) []byte {
	us := d.Microseconds()
	switch {
	case us < 10_000:
		return strconv.AppendFloat(dst, float64(us)/1000, 'f', 3, 64)
	case us < 1_000_000:
		return strconv.AppendFloat(dst, float64(us/100)/10, 'f', 1, 64)
	}
	return strconv.AppendInt(dst, us/1000, 10)
}

// appendHow says who closed and how: "local", "peer RST", "linger RST" (ours, as
// the program asked with SO_LINGER 0), "timeout"; of what failed the error, which
// says more.
func appendHow(dst []byte, e *host.Event) []byte {
	closer := eventCloser(e)
	switch e.Life.Ending {
	case host.EndingLinger:
		return append(dst, "linger RST"...)
	case host.EndingReset:
		if closer != tcp.Neither {
			dst = append(append(dst, closer...), ' ')
		}
		return append(dst, "RST"...)
	case host.EndingFailed, host.EndingTimeout:
		if e.Errno != 0 {
			return appendErrno(dst, e.Errno)
		}
		return append(dst, e.Life.Ending...)
	}
	dst = append(dst, closer...)
	if e.Errno != 0 && e.Call == "" {
		if closer != tcp.Neither {
			dst = append(dst, ' ')
		}
		dst = appendErrno(dst, e.Errno)
	}
	return dst
}

// callWidth is that of "connect() EADDRNOTAVAIL".
const callWidth = 23

// appendCall prints "connect() EADDRNOTAVAIL  shop.query (shop.go:88)", what the
// code column has in the end.
func appendCall(dst []byte, e *host.Event, code lineColumn, gap int) []byte {
	start := len(dst)
	dst = changeColumn.text(dst, e)
	told := len(dst)
	dst = appendBlanks(dst, max(0, callWidth-(told-start))+gap)
	before := len(dst)
	if dst = code.text(dst, e); len(dst) == before {
		return dst[:told]
	}
	return dst
}

// lineColours: red failed, yellow was reset.
func lineColours() func(e *host.Event) (before, after string) {
	red := around(lipgloss.NewStyle().Foreground(lipgloss.Red))
	yellow := around(lipgloss.NewStyle().Foreground(lipgloss.Yellow))
	return func(e *host.Event) (before, after string) {
		reset := e.Life.Ending == host.EndingReset || e.Life.Ending == host.EndingLinger
		switch {
		case e.Ended() && reset: // an error comes with it, but nothing failed to be opened
			return yellow[0], yellow[1]
		case failure(e):
			return red[0], red[1]
		}
		return "", ""
	}
}
