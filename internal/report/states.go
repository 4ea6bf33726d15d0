package report

import (
	"io"
	"strings"

	"github.com/rivo/uniseg"

	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// leg is one line of the drawing: what one side does or is, what crosses the
// wire, and the other side.
type leg struct {
	left, right side
	wire        string // "SYN": with its direction
	rightwards  bool
}

// side is one end in a leg: a state, or a note (a key of the book, "draw.…").
type side struct {
	state tcp.State
	note  string
	down  bool // the line on which it waits for what comes next
}

// opening and closing are RFC 9293 section 3.3.2, figure 5, told as the two ends
// live it: who opens stands left, then who closes first.
var opening = []leg{
	{left: side{state: tcp.Closed}, right: side{state: tcp.Closed}},
	{left: side{note: "connect"}, right: side{note: "listen"}},
	{left: side{state: tcp.SynSent}, wire: "SYN", rightwards: true, right: side{state: tcp.Listen}},
	{left: side{down: true}, right: side{note: "syn-came"}},
	{left: side{note: "answered"}, wire: "SYN+ACK", right: side{state: tcp.SynReceived}},
	{left: side{state: tcp.Established}, wire: "ACK", rightwards: true, right: side{note: "accept"}},
	{left: side{}, right: side{state: tcp.Established}},
}

var closing = []leg{
	{left: side{state: tcp.Established}, right: side{state: tcp.Established}},
	{left: side{note: "close"}, right: side{down: true}},
	{left: side{state: tcp.FinWait1}, wire: "FIN", rightwards: true, right: side{state: tcp.CloseWait}},
	{left: side{down: true}, wire: "ACK", right: side{note: "must-close"}},
	{left: side{state: tcp.FinWait2}, right: side{down: true}},
	{left: side{down: true}, wire: "FIN", right: side{state: tcp.LastAck}},
	{left: side{state: tcp.TimeWait}, wire: "ACK", rightwards: true, right: side{down: true}},
	{left: side{note: "waits"}, right: side{state: tcp.Closed}},
	{left: side{state: tcp.Closed}, right: side{}},
}

// drawing draws. Its columns fit 80; a narrower terminal breaks the lines.
type drawing struct {
	*printer
	counts map[tcp.State]uint64 // nil: the states without numbers
	told   map[tcp.State]bool   // their numbers stand somewhere above
}

const (
	sideWidth = 28
	wireWidth = 20
)

// States draws the states of a connection with both its ends, and what makes each
// follow the other; with counts, how many sockets are in each. A state that the
// drawing has several times has its number once: whoever counts does not tell on
// which side of it a socket is.
func States(w io.Writer, counts map[tcp.State]uint64, book *knowledge.Book, o TextOptions) error {
	p := newPrinter(w, book, o)
	d := &drawing{p, counts, map[tcp.State]bool{}}
	d.act("opens", "opened", opening)
	p.line()
	d.act("closes", "closed", closing)
	p.line()
	d.aside("closing", tcp.Closing)
	d.aside("request", tcp.NewSynRecv)
	d.aside("bound", tcp.Bound)
	if n := counts[tcp.Unknown]; n > 0 {
		d.aside("unknown", tcp.Unknown)
	}
	return p.end()
}

func (d *drawing) act(left, right string, legs []leg) {
	d.line(d.colour.bold(pad(d.word("draw."+left, nil), sideWidth+wireWidth)), d.colour.bold(d.word("draw."+right, nil)))
	for _, l := range legs {
		line := d.side(l.left) + wire(l) + d.side(l.right)
		d.line(strings.TrimRight(line, " "))
	}
}

// side fills its column: what is painted takes no room.
func (d *drawing) side(s side) string {
	plain, paint := "", func(s string) string { return s }
	switch {
	case s.state != tcp.Unknown:
		plain, paint = d.state(s.state), d.colour.bold
	case s.note != "":
		plain, paint = "  │ "+d.word("draw."+s.note, nil), d.colour.dim
	case s.down:
		plain, paint = "  │", d.colour.dim
	}
	return paint(plain) + strings.Repeat(" ", max(0, sideWidth-uniseg.StringWidth(plain)))
}

// state is a state's name and, of a table that was counted, its number.
func (d *drawing) state(s tcp.State) string {
	if d.counts == nil || s == tcp.Closed || d.told[s] {
		return s.String()
	}
	d.told[s] = true
	return s.String() + "  " + d.word("draw.count", d.counts[s])
}

func wire(l leg) string {
	if l.wire == "" {
		return strings.Repeat(" ", wireWidth)
	}
	dashes := wireWidth - 6 - len(l.wire)
	before, after := strings.Repeat("─", dashes/2), strings.Repeat("─", dashes-dashes/2)
	if l.rightwards {
		return before + " " + l.wire + " " + after + "─▶  "
	}
	return "◀─" + before + " " + l.wire + " " + after + "  "
}

// aside is a state that the drawing has no place for.
func (d *drawing) aside(note string, s tcp.State) {
	const column = 20
	name := d.state(s)
	for i, l := range wrap(d.word("draw."+note, nil), d.width-column) {
		if i > 0 {
			name = ""
		}
		d.line(d.colour.bold(name), strings.Repeat(" ", max(1, column-uniseg.StringWidth(name))), l)
	}
}
