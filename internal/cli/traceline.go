package cli

import (
	"charm.land/lipgloss/v2"

	"sockeye/internal/host"
)

// lineColumn is one column of a stream's lines. Its width is fixed, as nobody
// knows what will come; a longer cell pushes what follows, unless it may be cut.
// The last column has what is left of the terminal.
type lineColumn struct {
	header string
	width  int
	right  bool
	cut    bool // a name, which may be shortened
	text   func(dst []byte, e *host.Event) []byte
	// fit, where set, is text in no more than so many columns of the terminal,
	// escaped, with what matters most of it.
	fit func(dst []byte, e *host.Event, room int) []byte
}

// lineLayout is how a stream prints its events.
type lineLayout struct {
	columns []lineColumn
	aligned bool // else separated by tabs, '-' for what is unknown
	gap     int  // blanks between aligned columns
	indent  int
	width   int // of the terminal
	// failure, where set, is the text of failed calls, in place of the columns
	// from failureAt on.
	failure   func(dst []byte, e *host.Event, room int) []byte
	failureAt int
	// colour, where set, returns the escape sequences around the cells from
	// colourAt to colourEnd.
	colour              func(e *host.Event) (before, after string)
	colourAt, colourEnd int
	second              *lineLayout // of each event, for which one line is too short; nil: none
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
		if i == 0 {
			dst = appendBlanks(dst, l.indent)
		}
		dst, _ = l.pad(dst, i, []byte(c.header), nil, "", "", 0)
	}
	dst = append(dst, '\n')
	if l.second != nil {
		dst = l.second.appendHeader(dst)
	}
	return dst
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
	dst = append(l.appendAligned(dst, e), '\n')
	if l.second != nil {
		dst = append(l.second.appendAligned(dst, e), '\n')
	}
	return dst
}

func (l *lineLayout) appendAligned(dst []byte, e *host.Event) []byte {
	before, after := "", ""
	if l.colour != nil {
		before, after = l.colour(e)
	}
	var room [64]byte
	over := 0 // columns that a cell was longer than there was room
	dst = appendBlanks(dst, l.indent)
	for i, c := range l.columns {
		if e.Call != "" && l.failure != nil && i == l.failureAt {
			dst = append(dst, before...)
			return append(l.failure(dst, e, l.width-l.startOf(i)-over), after...)
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
		dst, over = l.pad(dst, i, cell, e, open, shut, over)
	}
	for len(dst) > 0 && dst[len(dst)-1] == ' ' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// What the last cell of a line has at least, even where a long address of IPv6 has
// left less: room for how a connection ended, and for the number of a line of code.
const (
	leastCell = 12
	leastPart = 7
)

// pad appends the cell of column i with what makes it as wide as the column, and
// the gap to the next. What earlier cells were too long, over, is saved on the
// blanks, so that the line finds back into its columns.
func (l *lineLayout) pad(dst []byte, i int, cell []byte, e *host.Event, open, shut string, over int) (_ []byte, still int) {
	c := l.columns[i]
	used, most, last := cellWidth(cell), c.width, i == len(l.columns)-1
	if last {
		least := leastCell
		if c.fit != nil {
			least = leastPart
		}
		most = max(least, l.width-l.startOf(i)-over)
	}
	if used > most && (c.cut || c.fit != nil || last) {
		if c.fit != nil && e != nil {
			cell = c.fit(cell[:0], e, most)
		} else {
			cell = shorten(cell, most)
		}
		if used = most; !last {
			used = cellWidth(cell)
		}
	}
	fill := c.width - used - over
	over, fill = max(0, -fill), max(0, fill)
	dst = append(dst, open...)
	if c.right {
		dst = appendBlanks(dst, fill)
	}
	dst = append(append(dst, cell...), shut...)
	if last {
		return dst, over
	}
	if !c.right {
		dst = appendBlanks(dst, fill)
	}
	gap := l.gap - min(over, l.gap-1)
	return appendBlanks(dst, gap), over - (l.gap - gap)
}

// startOf is where the aligned column i begins.
func (l *lineLayout) startOf(i int) (at int) {
	at = l.indent
	for _, c := range l.columns[:i] {
		at += c.width + l.gap
	}
	return at
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
