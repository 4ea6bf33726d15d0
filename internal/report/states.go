package report

import (
	"cmp"
	"io"
	"maps"
	"slices"
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

// drawing draws: two columns with the wire between them, or on a narrow terminal
// one line below the other.
type drawing struct {
	*printer
	counts map[tcp.State]uint64 // nil: the states without numbers
	told   map[tcp.State]bool   // their numbers stand somewhere above
}

const (
	sideWidth = 28
	wireWidth = 18
	// drawingWidth is what two columns need with the longest note.
	drawingWidth = 80
)

// States draws the states of a connection with both its ends, and what makes each
// follow the other; with counts, how many sockets are in each, and who must act on
// those that there are most of. A state that the drawing has several times has its
// number once: whoever counts does not tell on which side of it a socket is. A state
// without sockets has none: many tables cannot show it, and nobody counted it.
func States(w io.Writer, counts map[tcp.State]uint64, book *knowledge.Book, o TextOptions) error {
	p := newPrinter(w, book, o)
	if o.Width > 0 {
		p.width = min(max(o.Width, 30), 120)
	}
	d := &drawing{p, counts, map[tcp.State]bool{}}
	d.total()
	d.act("opens", "opened", opening)
	p.line()
	d.act("closes", "closed", closing)
	p.line()
	d.aside("closing", tcp.Closing)
	d.aside("request", tcp.NewSynRecv)
	d.aside("bound", tcp.Bound)
	if counts[tcp.Unknown] > 0 {
		d.aside("unknown", tcp.Unknown)
	}
	d.who()
	return p.end()
}

// byNumber are the states that sockets are in, most of them first.
func (d *drawing) byNumber() []tcp.State {
	return slices.SortedFunc(maps.Keys(d.counts), func(a, b tcp.State) int {
		return cmp.Or(cmp.Compare(d.counts[b], d.counts[a]), cmp.Compare(a, b))
	})
}

// total says how many sockets there are, and in which states.
func (d *drawing) total() {
	var all uint64
	var parts []string
	for _, s := range d.byNumber() {
		if n := d.counts[s]; n > 0 {
			all += n
			parts = append(parts, s.String()+" "+knowledge.Number(n))
		}
	}
	if all == 0 {
		return
	}
	d.under("", beside(d.word("report.sockets", all), strings.Join(parts, " · ")), nil)
	d.line()
}

// actedOn is of how many states it is told who must act.
const actedOn = 2

// who tells who must act on the states that there are most sockets in, but for those
// of ordinary life.
func (d *drawing) who() {
	told := 0
	for _, s := range d.byNumber() {
		e, known := d.book.Entry(knowledge.KindState, s.String())
		if s == tcp.Listen || s == tcp.Established || s == tcp.Closed || d.counts[s] == 0 || !known || e.State == nil {
			continue
		}
		if told++; told > actedOn {
			break
		}
		d.line()
		d.under("", d.labelled(d.word("draw.who-acts", s.String()), strings.TrimSpace(string(e.State.Act))), nil)
	}
	if len(d.counts) > 0 {
		d.line()
		d.under("", d.word("draw.judged", nil), d.colour.dim)
	}
}

func (d *drawing) act(left, right string, legs []leg) {
	if d.width < drawingWidth {
		d.narrow(left, right, legs)
		return
	}
	d.line(d.colour.bold(pad(d.word("draw."+left, nil), sideWidth+wireWidth)), d.colour.bold(d.word("draw."+right, nil)))
	for _, l := range legs {
		line := d.side(l.left) + wire(l) + d.side(l.right)
		d.line(strings.TrimRight(line, " "))
	}
}

// narrow draws an act line by line: A is who stands left in the wide drawing, B right.
func (d *drawing) narrow(left, right string, legs []leg) {
	d.under("", "A  "+d.word("draw."+left, nil), d.colour.bold)
	d.under("", "B  "+d.word("draw."+right, nil), d.colour.bold)
	end := func(name string, s side) {
		switch {
		case s.state != tcp.Unknown:
			d.line(name, "  ", d.colour.bold(d.state(s.state)))
		case s.note != "":
			d.under(name+"  │ ", d.word("draw."+s.note, nil), d.colour.dim)
		}
	}
	for _, l := range legs {
		end("A", l.left)
		if l.wire != "" && l.rightwards {
			d.line("   A ── ", l.wire, " ─▶ B")
		} else if l.wire != "" {
			d.line("   A ◀─ ", l.wire, " ── B")
		}
		end("B", l.right)
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

// state is a state's name and, where there are sockets in it, their number.
func (d *drawing) state(s tcp.State) string {
	if d.counts[s] == 0 || s == tcp.Closed || d.told[s] {
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
	if d.width < drawingWidth {
		d.line(d.colour.bold(name))
		d.under("  ", d.word("draw."+note, nil), nil)
		return
	}
	for i, l := range wrap(d.word("draw."+note, nil), d.width-column) {
		if i > 0 {
			name = ""
		}
		d.line(d.colour.bold(name), strings.Repeat(" ", max(1, column-uniseg.StringWidth(name))), l)
	}
}
